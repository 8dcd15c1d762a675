"""JSON in, the same JSON out."""

from quart import Blueprint, Response, jsonify, request
from werkzeug.exceptions import UnsupportedMediaType

blueprint = Blueprint("echo", __name__)


@blueprint.post("/echo")
async def echo() -> Response:
    """Answer with the JSON value of the body.

    Raises:
        BadRequest: the body is not JSON; the client gets 400.
        UnsupportedMediaType: the Content-Type does not name JSON; the client gets 415.
    """
    if not request.is_json:
        # Quart would take such a body for no JSON at all, and answer null.
        raise UnsupportedMediaType("send JSON, with Content-Type: application/json")
    return jsonify(await request.get_json())
