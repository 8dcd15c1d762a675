"""Refusals: why a request is not served, from where that is found out to the client and the log.

A refusal is made once, where a fault is found, and is passed on as it is, in every protocol: its status and its
sentence are what the client gets and what the log says. A status needs no text prepared anywhere else.
"""

from typing import NamedTuple

from trio_worker.asgi import Headers, Scope, Send


class Refusal(NamedTuple):
    """The reason why a request is refused.

    Attributes:
        status: of the answer.
        reason: a sentence that says what is wrong and, where there is a limit, what is allowed.
        cause: a word for the logs: why a request that an app has seen was not brought to its end.
    """

    status: int
    reason: str
    cause: str = "refused"

    @property
    def body(self) -> bytes:
        """The sentence as the body of the answer."""
        return f"{self.reason}\n".encode()


# Answers in the app's place.
APP_FAILED = Refusal(500, "The server failed to answer this request.", "app")
SHUTTING_DOWN = Refusal(503, "The server is shutting down.", "drain")
TOOK_TOO_LONG = Refusal(504, "The request took longer than this server allows (harakiri).", "harakiri")

# On a socket whose `trio-protocols` leave them out.
NO_WEBSOCKETS = Refusal(501, "This socket does not speak websocket.")

# Requests that do not arrive.
LATE_HEAD = Refusal(408, "The head of the request took too long to arrive.", "late")
LATE_BODY = Refusal(408, "The body of the request took too long to arrive.", "late")


def too_large(limit_post: int) -> Refusal:
    """Return the refusal of a body with more than `limit_post` bytes."""
    return Refusal(413, f"A body may have {limit_post} bytes (limit-post).", "limit")


def chunk_too_large(limit: int) -> Refusal:
    """Return the refusal of a chunk with more than `limit` bytes."""
    return Refusal(413, f"A chunk may have {limit} bytes (chunked-input-limit).", "limit")


def text_headers(body: bytes) -> Headers:
    """Return the headers of an answer in plain text."""
    return [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]


async def answer(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer a request as an app does; a WebSocket is closed before it opens, which clients see as a 403."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": refusal.status, "headers": text_headers(refusal.body)})
    await send({"type": "http.response.body", "body": refusal.body})
