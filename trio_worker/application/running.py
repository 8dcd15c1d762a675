"""One HTTP request while it runs, in whatever protocol it came: it can be cancelled, refused, counted and logged.

The lanes' exchanges are such requests. An engine that knows ASGI alone has its requests wrapped in `AsgiRequest`.
"""

from collections.abc import Awaitable, Iterable, Iterator
from math import inf
from typing import Any

import trio

from trio_worker.asgi import Message, Notes, Receive, Scope, Send
from trio_worker.refusal import Refusal, text_headers

# Seconds that the answer to a cancelled request may take before the connection is given up.
REFUSAL_DEADLINE = 1.0

# The messages that send a file; https://asgi.readthedocs.io/en/latest/extensions.html.
SENDFILE = ("http.response.pathsend", "http.response.zerocopysend")


class Running:
    """A request that runs. Its figures are those of `asgi.Record`.

    There is one for each request, so what every one begins with stands in the class, and an instance sets only what
    differs.

    Attributes:
        scope: its ASGI scope.
        cancel_scope: the one that its task is in; None when there is nothing to cancel any more.
        refusal: what is answered in the app's place if the response has not begun.
        body_ready: whether all of the request's body had come when the app was called.
        begun: whether anything of the response has left; after that nobody can answer in the app's place.
        failed: whether the app has raised an exception, which the log has then.
        gone: whether the client has gone before its response was complete. This is the one place that knows.
        queued: seconds that it waited in this worker before the app was called.
        protocol: in which it came, where its HTTP version does not say so.
        asked: the request that Quart has made of it, where metrics want to know its rule.
        intake: the account of its body, None without one.
        marks: headers that an answer in the app's place gets as well.
    """

    scope: Scope
    cancel_scope: trio.CancelScope | None = None
    refusal: Refusal | None = None
    body_ready = False
    begun = False
    failed = False
    gone = False
    began = 0.0
    number = 0
    status = 0
    response_headers: Any = ()
    sent = 0
    micros = 0
    by_sendfile = False
    notes: Notes | None = None
    queued = 0.0
    protocol = ""
    asked: Any = None
    intake: Any = None
    marks: tuple[tuple[bytes, bytes], ...] = ()

    async def receive(self) -> Message:
        """ASGI's `receive`."""
        raise NotImplementedError

    def send(self, message: Message) -> Awaitable[None]:
        """ASGI's `send`."""
        raise NotImplementedError

    def cancel(self, refusal: Refusal | None = None) -> None:
        """Cancel the request; what it is answered with, if it can be, is the first refusal that is given."""
        self.refusal = self.refusal or refusal
        if self.cancel_scope is not None:
            self.cancel_scope.cancel()

    async def refuse(self, refusal: Refusal, added: Iterable[tuple[bytes, bytes]]) -> None:
        """Answer in the app's place, if the response has not begun; bounded, also in a cancelled task.

        A refusal that the request was cancelled with stands, whatever the app has made of the cancellation.

        Args:
            refusal: what to answer otherwise.
            added: headers of the answer besides its own.
        """
        if self.begun:
            return
        self.refusal = refusal = self.refusal or refusal
        close = [(b"connection", b"close")] if self.scope["http_version"].startswith("1") else []
        await self.answer(refusal, [*added, *close])

    async def answer(self, answer: Refusal, added: Iterable[tuple[bytes, bytes]]) -> None:
        """Send a response that no app has made; bounded, also in a cancelled task.

        Args:
            answer: its status and text.
            added: headers besides those of the text.
        """
        headers = [*text_headers(answer.body), *added, *self.marks]
        with trio.CancelScope(shield=True, deadline=trio.current_time() + REFUSAL_DEADLINE):
            await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await self.send({"type": "http.response.body", "body": answer.body})

    def cut_off(self, amid: bool) -> None:
        """Let the client see that nothing more comes, while the app runs on, where the protocol has a way to say so.

        Args:
            amid: whether the app has begun a response; else its client has been answered without it.
        """

    def end_connection(self) -> None:
        """Let the connection end with this request, where its protocol has a way to say so."""

    def __repr__(self) -> str:
        scope = getattr(self, "scope", None)
        asked = f"{scope.get('method', 'CONNECT')} {scope['path']!r}" if scope else "not begun"
        marks = [name for name in ("begun", "gone") if getattr(self, name)]
        return f"<{type(self).__name__} {' '.join([asked, *marks])}>"


class Received:
    """The account of a body that an engine has read by itself.

    Attributes:
        size: bytes that the app has received.
    """

    size = 0


class AsgiRequest(Running):
    """A request of an engine that knows ASGI alone.

    Args:
        scope, receive, send: of the request.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self.intake = Received()

    async def receive(self) -> Message:
        """ASGI's `receive`; what it brings is counted."""
        message = await self._receive()
        if message["type"] == "http.request":
            self.intake.size += len(message.get("body", b""))
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Pass the app's message on and keep its figures."""
        kind = message["type"]
        if kind == "http.response.body":
            self.begun = True
            self.sent += len(message.get("body", b""))
        elif kind == "http.response.start":
            if not self.begun and isinstance(message["status"], int):
                self.status = message["status"]
                self.response_headers = message.get("headers", ())
        elif kind in SENDFILE:
            self.begun = self.by_sendfile = True
            self.sent += message.get("count") or announced(self.response_headers)
        return self._send(message)


def split(
    group: BaseExceptionGroup[BaseException],
) -> tuple[BaseExceptionGroup[BaseException] | None, BaseExceptionGroup[BaseException] | None]:
    """Return what of a group is Trio's cancellation of the current task, and the rest of it.

    One without a cancellation stays what it is: in a copy the contexts of its exceptions lead back to the original, and
    a traceback shows all of it twice.
    """
    found = [each for each in leaves(group) if isinstance(each, trio.Cancelled)]
    if not found or not is_cancelled():
        return None, group
    try:
        return group.split(trio.Cancelled)
    except RecursionError:  # There are groups in groups in groups.
        return BaseExceptionGroup("cancelled", found), group


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions of a group and of those in it, however deep they are; of others the exception itself."""
    left = [error]
    while left:
        each = left.pop()
        if isinstance(each, BaseExceptionGroup):
            left.extend(each.exceptions)
        else:
            yield each


def is_cancelled() -> bool:
    """Return True if a cancel scope around the current task is cancelled.

    Where none is, an app raises a `trio.Cancelled` that it has kept from another task, as a cache does with what its
    first reader met. No scope would catch that, and the nursery of all connections would end by it.
    """
    return trio.current_effective_deadline() == -inf


def announced(headers: Any) -> int:
    """Return the Content-Length of these headers, 0 without one."""
    return next(
        (
            int(value)
            for name, value in headers
            if name.lower() == b"content-length" and value.isdigit() and len(value) < 19
        ),
        0,
    )
