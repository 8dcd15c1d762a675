"""Pages that reload themselves when their worker has been replaced, for development: `trio-live-reload`.

A script at the end of each HTML page keeps a stream of events open. The stream ends when its worker drains; the browser
opens it again, and again, until a worker that does not drain says that it serves: then the page is loaded anew.
"""

import os

import trio

from trio_worker.asgi import App, Headers, Message, Receive, Scope, Send, type_of
from trio_worker.transport.threads import in_thread

# Where the stream is.
PATH = "/trio-worker-live-reload"

_SCRIPT = """
<script>
(() => {
  let known = %s;
  new EventSource("%s").onmessage = () => known ? location.reload() : known = true;
})();
</script>
"""


def script(draining: bool) -> bytes:
    """Return the script; the page of a worker that drains is loaded anew as soon as another one speaks."""
    return (_SCRIPT % (str(draining).lower(), PATH)).encode()


# The browser tries again after so many milliseconds (https://html.spec.whatwg.org/multipage/server-sent-events.html).
_RETRY = b"retry: 200\n\n"
_SERVING = b"data: serving\n\n"

# Answers that have another body than that of the page, or none.
_NO_PAGES = (204, 206, 304)


class LiveReload:
    """The app, with the script in its pages.

    Pages with a `Content-Security-Policy` are left as they are. No answer is compressed.

    Args:
        app: the app, behind its static files.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app for a request, or keep the stream open until the worker drains."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == PATH:
            await _stream(scope["state"]["draining"], send)
        else:
            headers = [header for header in scope["headers"] if header[0] != b"accept-encoding"]
            page = _Page(scope["method"], script(scope["state"]["draining"].is_set()), send)
            await self._app({**scope, "headers": headers}, receive, page.send)


async def _stream(draining: trio.Event, send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    hello = _RETRY if draining.is_set() else _RETRY + _SERVING
    await send({"type": "http.response.body", "body": hello, "more_body": True})
    await draining.wait()  # A client that goes cancels this.
    await send({"type": "http.response.body"})


class _Page:
    """One response on its way.

    Args:
        method: of the request.
        script: at the end of the page.
        send: where it goes.
    """

    def __init__(self, method: str, script: bytes, send: Send) -> None:
        self._method = method
        self._script = script
        self._send = send
        self._start: Message | None = None
        self._is_page = False

    async def send(self, message: Message) -> None:
        """Pass a message of the app on; the head of a page waits for the first piece of the body."""
        kind = type_of(message)
        if kind == "http.response.start" and self._method != "HEAD" and is_page(message):
            self._start, self._is_page = message, True
        elif self._is_page and kind in ("http.response.pathsend", "http.response.zerocopysend"):
            body = await in_thread(_read, message)
            await self._send_body(body, message.get("more_body", False))
        elif self._is_page and kind == "http.response.body":
            await self._send_body(bytes(message.get("body", b"")), message.get("more_body", False))
        else:
            await self._send(message)

    async def _send_body(self, body: bytes, more: bool) -> None:
        if not more:
            body += self._script
            self._is_page = False
        if self._start is not None:
            start, self._start = self._start, None
            headers: Headers = [header for header in start["headers"] if header[0].lower() != b"content-length"]
            if not more:
                headers.append((b"content-length", b"%d" % len(body)))
            await self._send({**start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


def is_page(start: Message) -> bool:
    """Return True for the beginning of a response that the script may be put into."""
    given = {bytes(name).lower(): bytes(value) for name, value in start.get("headers", ())}
    return (
        start["status"] not in _NO_PAGES
        and given.get(b"content-type", b"").lower().startswith(b"text/html")
        and b"content-encoding" not in given
        and b"content-security-policy" not in given
    )


def _read(message: Message) -> bytes:
    """Return the part of a file that a message sends."""
    if message["type"] == "http.response.pathsend":
        with open(message["path"], "rb") as file:
            return file.read()
    descriptor = message["file"] if isinstance(message["file"], int) else message["file"].fileno()
    size = os.fstat(descriptor).st_size
    offset = message.get("offset")
    start = os.lseek(descriptor, 0, os.SEEK_CUR) if offset is None else offset
    count = size - start if message.get("count") is None else message["count"]
    if offset is None:
        os.lseek(descriptor, start + count, os.SEEK_SET)
    return os.pread(descriptor, count, start)
