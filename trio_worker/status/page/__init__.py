"""The page: one file each of HTML, CSS and script, served as they are."""

from importlib.resources import files

from trio_worker.asgi import Scope, Send
from trio_worker.status.answers import send_bytes
from trio_worker.status.app import Page

# The path of each file and its content type.
FILES = {
    "/": ("index.html", b"text/html; charset=utf-8"),
    "/style.css": ("style.css", b"text/css; charset=utf-8"),
    "/page.js": ("page.js", b"text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", b"image/svg+xml"),
}


def pages() -> dict[str, Page]:
    """Return the files by their paths; they are read once."""
    return {path: _file(name, kind) for path, (name, kind) in FILES.items()}


def _file(name: str, kind: bytes) -> Page:
    body = (files(__package__) / name).read_bytes()

    async def page(scope: Scope, send: Send) -> None:
        await send_bytes(send, body, kind)

    return page
