"""Files, whole and in part, and responses that depend on what their client has already."""

from io import BytesIO
from pathlib import Path
from typing import Any

from quart import Response, make_response, request, send_file, send_from_directory

from quart_cases.noting import cases

# A folder of tests, and a file there that is larger than what Quart reads at a time.
HERE = Path(__file__).parents[2] / "http1"
LARGE = HERE / "test_http1_responses.py"


@cases.get("/file")
async def file() -> Any:
    return await send_file(LARGE, conditional=True)


@cases.get("/file/attached")
async def attached() -> Any:
    return await send_file(LARGE, as_attachment=True, attachment_filename="größe.txt", cache_timeout=5)


@cases.get("/file/memory")
async def in_memory() -> Any:
    return await send_file(BytesIO(b"in memory" * 2000), mimetype="text/plain", conditional=True)


@cases.get("/directory/<path:name>")
async def directory(name: str) -> Any:
    return await send_from_directory(HERE, name, mimetype="text/plain")


@cases.get("/conditional")
async def conditional() -> Any:
    response = await make_response("0123456789" * 10)
    assert isinstance(response, Response)
    response.accept_ranges = "bytes"
    await response.add_etag()
    return await response.make_conditional(request, accept_ranges=True, complete_length=100)
