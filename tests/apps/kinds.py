"""Apps of all kinds, and what is none."""

from collections.abc import Callable, Iterable
from typing import Any

import flask
import quart
from probe import app as probe

flask_app = flask.Flask(__name__)


@flask_app.route("/", methods=["GET", "POST"])
def hello() -> str:
    return f"flask {flask.request.script_root} {len(flask.request.get_data())}"


def plain(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"plain"]


for_asyncio = quart.Quart(__name__)


def create_app() -> Any:
    return probe


application = probe
