"""An upload of any length, hashed while it arrives and never held."""

import hashlib
from typing import Any

from quart import Blueprint, Response, jsonify, request
from quart_trio.wrappers import TrioRequest

blueprint = Blueprint("upload", __name__)

PATH = "/upload"


class UploadRequest(TrioRequest):
    """A request that may be longer than MAX_CONTENT_LENGTH if it goes to `PATH`.

    Quart applies its limit (16 MiB) before it looks for the route, so no view can lift it for itself, and
    lifting it for the whole app would let every other room be filled with a body of any size.
    """

    def __init__(self, method: str, scheme: str, path: str, *args: Any, **kwargs: Any) -> None:
        if path == PATH:
            kwargs["max_content_length"] = None
        super().__init__(method, scheme, path, *args, **kwargs)


@blueprint.route(PATH, methods=["POST", "PUT"])
async def upload() -> Response:
    """Answer with the body's length in bytes and its SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    count = 0
    async for chunk in request.body:
        digest.update(chunk)
        count += len(chunk)
    return jsonify(bytes=count, sha256=digest.hexdigest())
