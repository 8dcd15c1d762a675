"""The configurations of deploy/ as tests run them: where a file names a place of its own, another stands there."""

import sys
from collections.abc import Mapping
from pathlib import Path

from support.ini import APPS, CHECKOUT

DEPLOY = CHECKOUT / "deploy"

# What the files of an app say, and what stands there on this machine.
APP = {
    "/srv/app/venv/bin/trio-worker": f"env PYTHONPATH={CHECKOUT} {sys.executable} -m trio_worker",
    "virtualenv = /srv/app/venv": f"pythonpath = {CHECKOUT}",
    "chdir = /srv/app": f"pythonpath = {APPS}",
    "app:app": "mirror:app",
}


def deployed(name: str, target: Path, replaced: Mapping[str, str], more: str = "") -> Path:
    """A copy of a file of deploy/.

    Args:
        name: of the file, below deploy/.
        target: where the copy comes to stand.
        replaced: by what the file says; all of it must stand there.
        more: lines behind it.
    """
    text = (DEPLOY / name).read_text()
    for theirs, ours in replaced.items():
        assert theirs in text, theirs
        text = text.replace(theirs, ours)
    target.write_text(text + more)
    return target
