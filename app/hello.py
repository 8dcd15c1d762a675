"""The shortest answer that this app can give: the target of the benchmarks."""

from quart import Blueprint, Response

blueprint = Blueprint("hello", __name__)


@blueprint.get("/hello")
async def hello() -> Response:
    """Answer in plain text."""
    return Response("Hello, World!", mimetype="text/plain")
