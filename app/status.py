"""The workers of this instance, as uWSGI and their own metrics show them."""

import time
from typing import Any

import trio
from quart import Blueprint, Response, jsonify, render_template

blueprint = Blueprint("status", __name__, url_prefix="/status")

# Of each worker, below `trio.worker.N.`; of the instance, below `trio.`.
GAUGES = ("in_flight", "connections", "loop_lag.us")
COUNTERS = ("requests", "responses.2xx", "responses.4xx", "responses.5xx", "disconnects", "websocket.sessions")


@blueprint.get("/")
async def page() -> str:
    """Show the page, which asks for the figures every second."""
    return await render_template("status.html", workers_own=_address_of_workers_own())


@blueprint.get("/figures")
async def figures() -> Response:
    """Answer with the figures."""
    await trio.lowlevel.checkpoint()
    return jsonify(workers=_workers(), counters={name: _metric(name) for name in COUNTERS})


def _address_of_workers_own() -> str:
    """Return the address of the worker's own status page (`trio-status`), if a browser on this machine can read it."""
    try:
        import uwsgi
    except ImportError:
        return ""
    address = str(uwsgi.opt.get("trio-status", b"").decode())
    return "" if "/" in address or "@" in address else address


def _workers() -> list[dict[str, Any]]:
    """Return a row for each worker, none on a server that is no uWSGI."""
    try:
        import uwsgi
    except ImportError:
        return []
    return [
        {
            "id": worker["id"],
            "pid": worker["pid"],
            "seconds": max(0, int(time.time() - worker["last_spawn"])),
            **{name: _metric(f"worker.{worker['id']}.{name}") for name in GAUGES},
        }
        for worker in uwsgi.workers()
        if worker["pid"]
    ]


def _metric(name: str) -> int:
    try:
        import uwsgi
    except ImportError:
        return 0
    return uwsgi.metric_get(f"trio.{name}") or 0
