"""Error pages: one with the look of the others for a browser, a line of text for everybody else."""

from typing import cast

from quart import Response, make_response, render_template, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException


def handle(app: QuartTrio) -> None:
    """Give ``app`` its error pages; exceptions that nobody handles have one as well, with status 500."""
    app.register_error_handler(HTTPException, _page)


async def _page(error: HTTPException) -> Response:
    # A browser names HTML first; what takes anything, as curl does, is better served by text.
    if request.accept_mimetypes.best_match(["text/plain", "text/html"]) == "text/html":
        body, kind = await render_template("error.html", error=error), "text/html"
    else:
        body, kind = f"{error.code} {error.name}: {error.description}\n", "text/plain"
    response = cast(Response, await make_response(body, error.code or 500))
    response.mimetype = kind
    # Allow with 405, Retry-After and their like: the error's own, but for those of its own body.
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response
