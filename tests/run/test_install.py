"""An empty folder, a fresh virtual environment, the checkout by pip, an app of ten lines: `trio-worker run` answers."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.http1 import Http1
from support.ini import CHECKOUT, free_port
from support.waiting import eventually

APP = """\
from quart_trio import QuartTrio

app = QuartTrio(__name__)


@app.get("/")
async def hello() -> str:
    return "Hello from Trio\\n"
"""


@pytest.mark.long
@pytest.mark.parametrize("extra", ["uwsgi", "pyuwsgi"])
def test_a_fresh_environment(tmp_path: Path, extra: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    binaries = tmp_path / "venv" / "bin"
    # pyuwsgi has wheels: no compiler is found on this PATH.
    path = os.environ["PATH"] if extra == "uwsgi" else str(_tools(tmp_path / "tools"))
    environment = {**os.environ, "PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    install = [str(binaries / "pip"), "install", "--quiet", f"{CHECKOUT}[quart,{extra}]"]
    done = subprocess.run(install, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    (tmp_path / "main.py").write_text(APP)
    address, log = ("127.0.0.1", free_port()), tmp_path / "log"
    command = [str(binaries / "trio-worker"), "run", "main:app", "--bind", f"127.0.0.1:{address[1]}"]
    with (
        log.open("wb") as file,
        subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=file, stderr=file) as run,
    ):
        try:
            eventually(lambda: re.search("accepting on", log.read_text()), 120, log.read_text)
            with Http1(address) as client:
                assert client.get("/").text == "Hello from Trio\n"
        finally:
            run.send_signal(signal.SIGINT)
            run.wait(timeout=30)
    assert run.returncode == 0, log.read_text()


def _tools(folder: Path) -> Path:
    """A folder with what pip and a shell script need, and no compiler."""
    folder.mkdir()
    for name in ("sh", "env", "git"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder
