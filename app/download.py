"""A download that is generated while the client reads it, and never faster."""

from collections.abc import AsyncGenerator

from quart import Blueprint, Response

from .query import query_number
from .streaming import streamed

blueprint = Blueprint("download", __name__)

DEFAULT_BYTES = 1 << 20
MOST_BYTES = 1 << 30

# Every byte value in turn: a lost, doubled or reordered piece shows at the receiver.
CHUNK = bytes(range(256)) * 256


@blueprint.get("/download")
async def download() -> Response:
    """Stream ``bytes`` bytes (default 1 MiB, at most 1 GiB) that count from 0 to 255 over and over."""
    size = query_number("bytes", default=DEFAULT_BYTES, most=MOST_BYTES)
    return streamed(_counting_bytes(size), "application/octet-stream", {"Content-Length": str(size)})


async def _counting_bytes(size: int) -> AsyncGenerator[bytes, None]:
    for _ in range(size // len(CHUNK)):
        yield CHUNK
    if rest := size % len(CHUNK):
        yield CHUNK[:rest]
