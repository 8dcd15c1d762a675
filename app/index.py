"""The entrance: a template and static files, with a card for every other room."""

import os
import platform
from importlib.metadata import version

from quart import Blueprint, current_app, render_template

blueprint = Blueprint("index", __name__)

VERSIONS = (
    ("Python", platform.python_version()),
    ("Trio", version("trio")),
    ("Quart", version("quart")),
    ("Quart-Trio", version("quart-trio")),
)


@blueprint.get("/")
async def index() -> str:
    """Link to all rooms, and say which process answered."""
    return await render_template(
        "index.html", pid=os.getpid(), versions=VERSIONS, with_faults="faults" in current_app.blueprints
    )
