"""The examples of the documentation, as they stand there."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.http1 import Http1
from support.uwsgi import Server, Servers
from support.waiting import eventually

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.mark.parametrize("ini", ["hello.ini", "protocols.ini"])
def test_check_finds_nothing_wrong_with_the_inis_of_the_pages(tmp_path: Path, ini: str) -> None:
    for name in ("hello.py", ini):
        shutil.copy(EXAMPLES / name, tmp_path)
    command = [sys.executable, "-m", "trio_worker", "check", ini]
    # The ini calls `trio-worker`, which an environment has on its PATH when it is activated.
    activated = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    checked = subprocess.run(command, cwd=tmp_path, env=activated, capture_output=True, text=True)
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


def test_cleanup_of_a_request_whose_client_has_gone(uwsgi: Servers) -> None:
    server = uwsgi(module="reserve:app", pythonpath=str(EXAMPLES))
    with Http1(server.address) as client:
        client.request("/reserve/12a")
        eventually(lambda: _json(server, "/taken") == ["12a"])
    eventually(lambda: _json(server, "/taken") == [])


def test_a_background_task_runs_in_every_worker_and_another_in_one(uwsgi: Servers) -> None:
    server = uwsgi(module="background:app", pythonpath=str(EXAMPLES), processes=2, lazy_apps=True)

    def by_worker() -> dict[int, bool]:
        """Ask until both have answered; True for the one that sweeps."""
        answers: dict[int, bool] = {}
        eventually(lambda: answers.update(_sweeps(server)) or len(answers.keys() & set(server.worker_pids())) == 2)
        return {pid: answers[pid] for pid in server.worker_pids()}

    assert sorted(by_worker().values()) == [False, True]
    server.reload("c")
    eventually(lambda: sorted(by_worker().values()) == [False, True])


def _sweeps(server: Server) -> dict[int, bool]:
    answer = _json(server, "/done")
    assert answer["refreshed"] > 0
    return {answer["worker"]: answer["swept"] > 0}


def test_uwsgis_api(uwsgi: Servers) -> None:
    lines = dict(line.split(" = ", 1) for line in (EXAMPLES / "visits.ini").read_text().splitlines() if " = " in line)
    server = uwsgi(
        module=lines["module"],
        cache2=lines["cache2"],
        log_format=lines["log-format"],
        pythonpath=str(EXAMPLES),
    )
    assert _json(server, "/visits") == {"visits": 1}
    assert _json(server, "/visits") == {"visits": 2}
    server.wait_log("^GET /visits 200 visit=2$")


def test_state_of_lifespan_in_starlette(uwsgi: Servers) -> None:
    server = uwsgi(module="state:app", pythonpath=str(EXAMPLES))
    with Http1(server.address) as client:
        assert client.get("/").text == "4 free, draining: False"


def _json(server: Server, path: str) -> Any:
    with Http1(server.address) as client:
        return json.loads(client.get(path).body)


def test_messages_between_workers(uwsgi: Servers) -> None:
    server = uwsgi(module="news:app", pythonpath=str(EXAMPLES), processes=2)
    with Http1(server.address) as reader, Http1(server.address) as speaker:
        reader.request("/news")
        reader.head()
        assert reader.chunk() == b": subscribed\n\n"
        assert speaker.post("/say", b"Trio").text == "said\n"
        assert reader.chunk() == b"data: Trio\n\n"


REDIS = shutil.which("redis-server")


@contextmanager
def redis(folder: Path) -> Iterator[None]:
    """A Redis on a UNIX socket in `folder`."""
    assert REDIS is not None
    command = [REDIS, "--port", "0", "--unixsocket", str(folder / "redis"), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            eventually((folder / "redis").exists)
            yield
        finally:
            process.terminate()


@pytest.mark.long
@pytest.mark.skipif(REDIS is None, reason="no Redis")
def test_messages_between_hosts_by_a_broker(uwsgi: Servers, tmp_path: Path) -> None:
    pytest.importorskip("coredis")
    environment = {"REDIS_SOCKET": str(tmp_path / "redis")}
    options: dict[str, Any] = {"module": "broker:app", "pythonpath": str(EXAMPLES), "processes": 2, "lazy_apps": True}
    hosts = [uwsgi(environment=environment, **options) for _ in range(2)]
    with ExitStack() as stack:
        readers = [stack.enter_context(Http1(host.address)) for host in hosts]
        for reader in readers:
            reader.request("/news")
            reader.head()
            assert reader.chunk() == b": subscribed\n\n"
        for text in ("one", "two"):  # The second time after the broker was away.
            with redis(tmp_path):
                eventually(lambda: _subscribers(tmp_path) == 4)
                with Http1(hosts[0].address) as speaker:
                    assert speaker.post("/say", text.encode()).text == "said\n"
                assert [reader.chunk() for reader in readers] == [f"data: {text}\n\n".encode()] * 2


def _subscribers(folder: Path) -> int:
    """Ask Redis how many workers listen."""
    command = ["redis-cli", "-s", str(folder / "redis"), "pubsub", "numsub", "news"]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])
