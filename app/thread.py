"""A function that blocks, called in a thread so that the event loop goes on serving."""

import hashlib
import threading

import trio
from quart import Blueprint, Response, jsonify

blueprint = Blueprint("thread", __name__)

# About 0.1 s of work that releases the GIL.
ROUNDS = 100_000


@blueprint.get("/thread")
async def thread() -> Response:
    """Derive a key in a thread; answer with its name and that of the event loop's thread."""
    worker, key = await trio.to_thread.run_sync(_derive_key)
    return jsonify(thread=worker, event_loop=threading.current_thread().name, key=key)


def _derive_key() -> tuple[str, str]:
    key = hashlib.pbkdf2_hmac("sha256", b"correct horse", b"battery staple", ROUNDS)
    return threading.current_thread().name, key.hex()
