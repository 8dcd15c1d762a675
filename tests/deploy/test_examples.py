"""The examples of the documentation, as they stand there."""

import shutil
import subprocess
import sys
from pathlib import Path

from support.http1 import Http1
from support.uwsgi import Servers

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_check_finds_nothing_wrong_with_the_readmes_ini(tmp_path: Path) -> None:
    for name in ("hello.py", "hello.ini"):
        shutil.copy(EXAMPLES / name, tmp_path)
    command = [sys.executable, "-m", "trio_worker", "check", "hello.ini"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "errors: 0, warnings: 0" in checked.stdout


def test_the_readmes_app(uwsgi: Servers) -> None:
    server = uwsgi(module="hello:app", pythonpath=str(EXAMPLES))
    with Http1(server.address) as client:
        assert client.get("/").text == "Hello from Trio\n"


def test_a_stream_that_ends_when_the_worker_does(uwsgi: Servers) -> None:
    server = uwsgi(module="events:app", pythonpath=str(EXAMPLES), worker_reload_mercy=30)
    with Http1(server.address) as client:
        client.request("/events")
        client.head()
        assert client.chunk() == b"data: tick\n\n"
        server.reload("r", timeout=10)
        while chunk := client.chunk():
            assert chunk == b"data: tick\n\n"
