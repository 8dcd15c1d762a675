"""A plugin as another uWSGI would have compiled it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from support.native_uwsgi import UWSGI
from trio_worker.master.native.build import SOURCES


def told(option: str) -> str:
    """What uWSGI prints when it is asked for one of the texts that it carries."""
    return subprocess.check_output([UWSGI, option], text=True).removesuffix("\n")


class Other(NamedTuple):
    """How another uWSGI would have compiled the plugin."""

    header: str
    cflags: str
    more_cflags: str = ""

    def build(self, directory: Path) -> Path:
        shutil.copytree(SOURCES, directory / "native")
        workshop = directory / ".uwsgi_plugins_builder"
        workshop.mkdir()
        (workshop / "uwsgi.h").write_text(self.header)
        (workshop / "uwsgiconfig.py").write_text(told("--config-py"))
        subprocess.run(
            [sys.executable, workshop / "uwsgiconfig.py", "--extra-plugin", "native"],
            cwd=directory,
            env={**os.environ, "UWSGI_PLUGINS_BUILDER_CFLAGS": self.cflags, "CFLAGS": self.more_cflags},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return directory / "trio_plugin.so"
