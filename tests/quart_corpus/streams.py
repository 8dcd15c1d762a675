"""Streams that end, fail, or take too long."""

from support.quart import Case

STREAMS = {
    "stream": Case("/stream/5", until="generator closed"),
    "stream to HEAD": Case("/stream/5", method="HEAD", until="generator closed"),
    "stream in 1.0": Case("/stream/5", version="1.0", until="generator closed"),
    "empty stream": Case("/stream/0", until="generator closed"),
    "long stream": Case("/stream/500", until="generator closed"),
    "stream of a thread": Case("/stream/sync"),
    "stream of a list": Case("/stream/list"),
    "stream with a length": Case("/stream/length", until="generator closed"),
    "stream in its context": Case("/stream/context"),
    "stream that fails at once": Case("/stream/raise/0", 500, until="generator closed"),
    "stream that fails": Case("/stream/raise/2", cut=True, until="generator closed"),
    "stream of a strict app that fails": Case("/strict/stream/raise/2", cut=True, until="generator closed"),
    "stream with a time-out": Case("/stream/stall/0.1", cut=True, until="generator closed"),
    "stream with the app's time-out": Case("/hurried/stream/stall/default", cut=True, until="generator closed"),
    "stream that sets the time-out aside": Case("/hurried/stream/patient"),
}
