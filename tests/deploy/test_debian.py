"""The same ini on Debian's packaged uWSGI (uwsgi-core, uwsgi-plugin-python3), with the plugin and without."""

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from support.http1 import Http1
from support.http2 import Http2
from support.uwsgi import Server, Servers
from support.waiting import eventually

from trio_worker.master.native.build import BuildError, build

BINARY = Path("/usr/bin/uwsgi-core")
PYTHON = Path("/usr/bin/python3")
PYTHON_PLUGIN = Path("/usr/lib/uwsgi/plugins/python3_plugin.so")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment of Debian's own Python that finds the packages of this one."""
    if not (BINARY.exists() and PYTHON_PLUGIN.exists()):
        pytest.skip("Debian's uwsgi-core and uwsgi-plugin-python3 are not installed")
    version = subprocess.check_output([PYTHON, "-c", "import sys; print(*sys.version_info[:2])"], text=True)
    if version.split() != [str(part) for part in sys.version_info[:2]]:
        pytest.skip(f"Debian's Python is {'.'.join(version.split())}, so it cannot use the packages of this one")
    home = tmp_path_factory.mktemp("debian")
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", home], check=True)
    [packages] = home.glob("lib/python*/site-packages")
    (packages / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


@pytest.fixture(params=["without the plugin", "with the plugin"])
def options(request: pytest.FixtureRequest, environment: Path, tmp_path: Path) -> dict[str, Any]:
    """What an ini for Debian's uWSGI needs besides."""
    plugins = ["python3"]
    if request.param == "with the plugin":
        try:
            plugins.append(str(build(BINARY, tmp_path)))
        except BuildError as error:
            pytest.skip(str(error))
    return {"plugin": plugins, "home": environment}


@pytest.fixture
def server(uwsgi: Servers, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr("support.uwsgi.UWSGI", str(BINARY))
    return uwsgi(module="limits:app", processes=2, harakiri=2, **options)


def test_it_serves_reloads_and_ends(server: Server) -> None:
    with Http1(server.address) as client:
        assert client.get("/pid").status == 200
    with Http2(server.address).begin() as client:
        assert client.response(client.request("/pid"))[0] == 200
    before = server.worker_pids()
    server.fifo("c")
    server.wait_accepting(4)
    assert not set(before) & set(server.worker_pids())


def test_harakiri(server: Server) -> None:
    with Http1(server.address) as client:
        assert client.get("/sleep?seconds=10").status == 504


def test_statistics_with_the_plugin(server: Server) -> None:
    with Http1(server.address) as client:
        for _ in range(5):
            client.get("/pid")
    expected = 5 if len(server.options["plugin"]) == 2 else 0
    eventually(lambda: sum(each["requests"] for each in server.stats()["workers"]) == expected)
    eventually(lambda: server.metrics()["requests"] == 5)
    assert server.count("these options need the plugin") == (0 if expected else 1)
