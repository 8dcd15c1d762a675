"""Clients that hang up in the middle of a request."""

from dataclasses import replace
from typing import Any

from support.quart import Case, post

# A client that has gone is no error of the app. From Quart 0.23, Quart-Trio raises one that is logged with a traceback.
QUIET: dict[str, Any] = {"log": []}

DISCONNECTS = {
    "hang-up": Case("/hold/sleep", 0, hangs_up="holding"),
    "hang-up within a nursery": Case("/hold/nursery", 0, hangs_up="holding"),
    "hang-up under a shield": Case("/hold/shield", 0, hangs_up="holding", differs=QUIET),
    "hang-up that is swallowed": Case("/hold/swallow", 0, hangs_up="holding", differs=QUIET),
    "hang-up within a body": replace(post("/hold/body", [b"o"], 0, Content_Length="4"), hangs_up="holding"),
    "hang-up behind a body": replace(post("/hold/sleep", b"body", 0), hangs_up="holding"),
    "hang-up within a stream": Case("/stream/stall/60", hangs_up="App after_request", until="generator closed"),
    "hang-up within a flood": Case(
        "/stream/flood", hangs_up="App after_request", until="generator closed", differs=QUIET
    ),
}
