"""Answers that no app gives: refusals, and what stands in an app's place."""

from typing import NamedTuple

from trio_worker.asgi import Scope, Send

Headers = list[tuple[bytes, bytes]]


class Refusal(NamedTuple):
    """Why a request is refused: the status, and a sentence that says what is wrong and what is allowed."""

    status: int
    reason: str

    @property
    def body(self) -> bytes:
        """The sentence as the body of the answer."""
        return f"{self.reason}\n".encode()


def too_large(limit_post: int) -> Refusal:
    """The refusal of a body above `limit-post`."""
    return Refusal(413, f"a body may have {limit_post} bytes (limit-post)")


def text_headers(body: bytes) -> Headers:
    """The headers of an answer in plain text."""
    return [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]


async def answer(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer a request as an app does; a WebSocket is closed before it opens, which clients see as a 403."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": refusal.status, "headers": text_headers(refusal.body)})
    await send({"type": "http.response.body", "body": refusal.body})
