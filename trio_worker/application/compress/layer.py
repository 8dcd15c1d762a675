"""The layer above the app that compresses its responses.

The head waits for the first piece of the body, as it does in the lanes: a body that comes in one piece has a length
again. Events leave one by one; of other streams the encoder sends what fills its blocks. Files that the app sends by
their names are left as they are, for sendfile.
"""

from collections.abc import Callable, Mapping

import trio

from trio_worker.application.accepted import choose
from trio_worker.application.compress import rules
from trio_worker.application.compress.encoders import Encoder, encoder
from trio_worker.application.compress.rules import Rules
from trio_worker.asgi import App, Message, Receive, Scope, Send, changed, type_of
from trio_worker.options import Options
from trio_worker.transport.threads import in_thread

# Another status is refused below.
FINAL = range(200, 1000)

# Bytes of a piece that is worth a thread: at some 50 MB a second the loop would stand still for a millisecond.
LARGE = 65536


class Compression:
    """The app, with its responses compressed for clients that take them.

    Args:
        app: the app.
        options: the parsed ini.

    Raises:
        OptionError: a package is missing.
    """

    def __init__(self, app: App, options: Options) -> None:
        self._app = app
        self._makers = {coding.encode(): encoder(coding) for coding in options.compress}
        self._rules = Rules(options.compress_types, options.compress_min)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app for a request."""
        if scope["type"] == "http":
            send = _Response(scope, send, self._rules, self._makers).send
        await self._app(scope, receive, send)


class _Response:
    """One response on its way.

    Args:
        scope: of its request.
        send: where it goes.
        rules: which are compressed.
        makers: makes an encoder, for each coding in the order of the ini.
    """

    def __init__(self, scope: Scope, send: Send, rules: Rules, makers: Mapping[bytes, Callable[[], Encoder]]) -> None:
        self._scope = scope
        self._send = send
        self._rules = rules
        self._makers = makers
        self._start: Message | None = None
        self._encoder: Encoder | None = None
        self._begun = self._flushes = False
        # Several tasks of an app may send, and an encoder takes one piece after the other.
        self._turn = trio.StrictFIFOLock()

    async def send(self, message: Message) -> None:
        """Pass a message of the app on."""
        kind = type_of(message)
        if kind == "http.response.start" and not self._begun and message.get("status") in FINAL:
            self._start, self._begun = message, True
        elif kind == "http.response.body" and (self._start or self._encoder):
            async with self._turn:
                await self._send_body(message)
        else:
            start, self._start = self._start, None
            if start is not None:
                await self._send(start)
            await self._send(message)

    async def _send_body(self, message: Message) -> None:
        body, more = _bytes(message), message.get("more_body", False)
        start, self._start = self._start, None
        if start is not None:
            start, coding = self._judge(start, 0 if body is None else len(body), more)
            if coding is not None and body is not None and self._scope["method"] != "HEAD":
                await self._begin(start, coding, body, more)
                return
            await self._send(start)
        if self._encoder is None or body is None:
            await self._send(message)
        else:
            await self._send({**message, "body": await self._encode(body, more)})

    def _judge(self, start: Message, size: int, more: bool) -> tuple[Message, bytes | None]:
        """Return the beginning of the response, and its coding if it has one."""
        start = changed(start, list)  # They may come once.
        headers = rules.plain(start["headers"])
        if headers is None or not self._rules.may_compress(start.get("status"), headers):
            return start, None
        coding = choose(self._accepted(), list(self._makers)) if self._rules.is_large(headers, size, more) else None
        headers = rules.varying(headers)
        return {**start, "headers": rules.coded(headers, coding) if coding else headers}, coding

    def _accepted(self) -> bytes:
        return b",".join(value for name, value in self._scope["headers"] if name == b"accept-encoding")

    async def _begin(self, start: Message, coding: bytes, body: bytes, more: bool) -> None:
        self._encoder = self._makers[coding]()
        self._flushes = rules.is_read_at_once(start["headers"])
        data = await self._encode(body, more)
        if not more:
            start["headers"].append((b"content-length", b"%d" % len(data)))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def _encode(self, body: bytes, more: bool) -> bytes:
        if len(body) < LARGE:
            return self._encode_now(body, more)
        return await in_thread(self._encode_now, body, more)

    def _encode_now(self, body: bytes, more: bool) -> bytes:
        assert self._encoder is not None
        data = self._encoder.encode(body)
        if not more:
            return data + self._encoder.end()
        return data + self._encoder.flush() if self._flushes else data


def _bytes(message: Message) -> bytes | None:
    """Return the piece of a body; None for what is none, which is refused below."""
    try:
        return bytes(memoryview(message.get("body", b"")))
    except (TypeError, ValueError):
        return None
