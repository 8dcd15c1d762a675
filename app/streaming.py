"""A response whose body is generated while it is sent."""

from collections.abc import AsyncGenerator, Mapping

from quart import Response, current_app, request


def streamed(body: AsyncGenerator[bytes, None], content_type: str, headers: Mapping[str, str]) -> Response:
    """Return a response that sends ``body`` chunk by chunk, for as long as that takes.

    A HEAD request gets the head alone: the generator is never started, since one without an end would hold
    the request for ever (RFC 9110, section 9.3.2).
    """
    response: Response = current_app.response_class(
        None if request.method == "HEAD" else body, headers=dict(headers), content_type=content_type
    )
    # Quart cuts every response off after RESPONSE_TIMEOUT (60 s), without an error.
    response.timeout = None
    return response
