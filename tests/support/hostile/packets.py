"""Hostile clients of the uwsgi protocol, which come from the machine itself: a front that has been taken over."""

from support.hostile.attack import Attack, dripping, once, repeated
from support.packets import block, packet, post, request

ATTACKS = [
    Attack("uwsgi: a byte a second of a block", dripping(b"", request(), 1.0), connections=200, memory=32),
    Attack(
        "uwsgi: a byte a second of a body", dripping(post("/takes", 100), b"x" * 100, 1.0), connections=200, memory=32
    ),
    Attack(
        "uwsgi: a reader of a byte a second",
        once(request("/big?size=1000000")),
        connections=50,
        memory=2048,
        reads=1,
        rest=1.0,
    ),
    Attack("uwsgi: bodies without an end", repeated(post("/takes", 1 << 40), bytes(65536))),
    Attack("uwsgi: half a header", once(request()[:2]), connections=200, memory=16),
    Attack("uwsgi: half a block", once(request()[:40]), connections=200, memory=32),
    Attack("uwsgi: requests on ever new connections", lambda: iter([request(), 0.02])),
    Attack("uwsgi: blocks of 64 KB", lambda: iter([packet(block([("A", "")] * 12000)), 0.02])),
    Attack("uwsgi: bodies that nobody reads", repeated(post("/waits", 1 << 30), bytes(1024))),
    Attack("uwsgi: readers of nothing", once(request("/endless")), connections=100, memory=64, reads=0),
    Attack("uwsgi: connections that are reset", lambda: iter([request("/waits"), 0.005]), last="reset"),
]
