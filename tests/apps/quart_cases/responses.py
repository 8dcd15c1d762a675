"""Responses that are there at once: what an endpoint may return, and bodies that are not quite what Quart makes."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

from quart import Response, jsonify, make_response, redirect, render_template_string, request, url_for
from quart.wrappers.response import DataBody, ResponseBody
from werkzeug.wrappers import Response as WerkzeugResponse

from quart_cases.noting import case, cases, notes


@cases.get("/text")
async def text() -> str:
    return "text"


@cases.route("/methods", methods=["GET", "PUT", "DELETE"])
async def methods() -> str:
    return request.method


@cases.get("/json")
async def json() -> Response:
    return jsonify({"name": "größe", "list": [1, None, 0.5]})


@cases.get("/tuple")
async def three() -> tuple[str, int, dict[str, str]]:
    return "made", 201, {"X-Own": "1", "Content-Type": "text/plain"}


@cases.get("/bytes/<int:size>")
async def many(size: int) -> Any:
    return await make_response(b"x" * size)


@cases.get("/empty")
async def empty() -> tuple[str, int]:
    return "", int(request.args.get("status", 200))


@cases.get("/none")
async def nothing() -> Any:
    return None


@cases.get("/sync")
def synchronous() -> str:
    return f"{request.path} {case()}"


@cases.get("/slash/")
async def slash() -> str:
    return "slash"


@cases.get("/redirect")
async def redirected() -> Any:
    return redirect(url_for("cases.text"), int(request.args.get("status", 302)))


@cases.get("/template")
async def template() -> str:
    return await render_template_string("{{ request.path }} {{ g.case }} {{ url_for('cases.text') }}")


@cases.get("/headers")
async def headers() -> Response:
    response = Response("headers", 299, {"X-Some": "größe", "Content-Type": "text/plain; charset=latin-1"})
    response.headers.add("X-Twice", "1")
    response.headers.add("X-Twice", "2")
    response.set_cookie("one", "1", max_age=5, httponly=True)
    response.delete_cookie("two")
    return response


@cases.get("/odd/<kind>")
async def odd(kind: str) -> Any:
    """Responses that are not quite what Quart makes by itself."""
    response = Response("odd")
    if kind == "werkzeug":
        return WerkzeugResponse(["w", "sgi"], 203)
    if kind == "text":
        response.response = DataBody("odd")  # type: ignore[arg-type]
    elif kind == "bytearray":
        response.response = DataBody(bytearray(b"odd"))  # type: ignore[arg-type]
    elif kind == "body":
        response.response = NotedBody(case())
    elif kind == "unannounced":
        del response.headers["Content-Length"]
    else:
        response.headers["Content-Length"] = kind
    return response


class NotedBody(ResponseBody):
    """A body that notes how it was used."""

    def __init__(self, case: str) -> None:
        self._notes = notes[case]

    async def __aenter__(self) -> AsyncIterator[bytes]:
        self._notes.append("body entered")
        return self._pieces()

    async def __aexit__(self, kind: type | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._notes.append(f"body left {type(error).__name__}")

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield b"od"
        yield b"d"


@cases.get("/timeout/<timeout>")
async def data_with_timeout(timeout: str) -> Response:
    response = Response("data")
    response.timeout = None if timeout == "none" else float(timeout)
    return response
