"""How the app is found where uWSGI users put it, whatever it is written with; and what if it is broken."""

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.http1 import Http1, connect
from support.ini import APPS, CHECKOUT
from support.uwsgi import Server, Servers
from websockets.sync.client import connect as connect_websocket

FRAMEWORKS = ("quart", "starlette", "fastapi")


def about(server: Server, path: str = "/about") -> Any:
    with Http1(server.address) as client:
        return json.loads(client.get(path).body)


@pytest.mark.parametrize(
    "options",
    [
        {"module": "probe:app"},
        {"module": "probe", "callable": "app"},
        {"module": None, "wsgi": "probe:app"},
        {"module": None, "wsgi-file": APPS / "probe.py", "callable": "app"},
        {"module": None, "file": APPS / "probe.py", "callable": "app"},
    ],
    ids=lambda options: " ".join(key for key, value in options.items() if value),
)
@pytest.mark.parametrize("lazy", [False, True], ids=["preloaded", "lazy"])
def test_the_app_is_found(uwsgi: Servers, options: dict[str, Any], lazy: bool) -> None:
    server = uwsgi(**options, lazy_apps=lazy or None)
    found = about(server)
    assert found["imported_by"] == (found["pid"] if lazy else server.master_pid)
    assert found["frozen"] > 10_000
    assert server.count("probe .*: startup") == 1


def test_the_override_where_pip_put_it(uwsgi: Servers) -> None:
    override = f"@(exec://{sys.executable} -m trio_worker path)"
    server = uwsgi(python_worker_override=override, environment={"PYTHONPATH": str(CHECKOUT)})
    assert httpx.get(server.url).text == "hello"


def test_lazy_is_lazy_apps(uwsgi: Servers) -> None:
    found = about(uwsgi(lazy=True))
    assert found["imported_by"] == found["pid"]


@pytest.mark.parametrize("lazy", [False, True], ids=["preloaded", "lazy"])
def test_modules_beside_the_app_are_imported(uwsgi: Servers, tmp_path: Path, lazy: bool) -> None:
    code = "import os, sys\nprint(__file__, 'was imported by', os.getpid(), file=sys.stderr, flush=True)\n"
    for name in ("beside", "by_its_file"):
        (tmp_path / f"{name}.py").write_text(code)
    beside: dict[str, Any] = {"import": ["beside", "no_such_module", tmp_path / "by_its_file.py"]}
    server = uwsgi(**beside, pythonpath=[CHECKOUT, APPS, tmp_path], lazy_apps=lazy or None)
    pid = server.worker_pids()[0] if lazy else server.master_pid
    for name in ("beside", "by_its_file"):
        assert server.count(rf"{name}\.py was imported by {pid}$") == server.count(rf"{name}\.py was imported by") == 1
    assert server.count("ModuleNotFoundError: No module named 'no_such_module'") >= 1
    assert httpx.get(server.url).text == "hello"


@pytest.mark.parametrize("lazy", [False, True], ids=["preloaded", "lazy"])
def test_chdir2_moves_once_the_app_is_loaded(uwsgi: Servers, tmp_path: Path, lazy: bool) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere.py").write_text("import os\nfrom probe import app, tell\ntell(f'loaded in {os.getcwd()}')\n")
    server = uwsgi(
        module="elsewhere:app",
        pythonpath=[CHECKOUT, APPS, tmp_path],
        chdir=tmp_path,
        chdir2="elsewhere",
        lazy_apps=lazy or None,
    )
    assert about(server)["cwd"] == str(tmp_path / "elsewhere")
    assert server.count(f"loaded in {tmp_path}$") == 1


def test_chdir2_to_nowhere_is_one_error(uwsgi: Servers) -> None:
    server = uwsgi(chdir2="nowhere", ready=False)
    server.wait_log(r"CRITICAL .*: chdir2 = nowhere: No such file or directory")


@pytest.mark.parametrize("lazy", [False, True], ids=["preloaded", "lazy"])
def test_a_factory_is_called(uwsgi: Servers, lazy: bool) -> None:
    server = uwsgi(module="quart_app:create_app()", lazy_apps=lazy or None)
    assert httpx.get(server.url).text == "quart"


def test_two_mounts_and_none(uwsgi: Servers) -> None:
    server = uwsgi(module=None, mount=["/one=probe:app", "/two=quart_app:app"], lazy_apps=True)
    found = about(server, "/one/about")
    assert (found["root_path"], found["path"]) == ("/one", "/one/about")
    assert httpx.get(f"{server.url}/two/").text == "quart"
    for path in ("/", "/onerous", "/three"):
        assert httpx.get(server.url + path).status_code == 404


def test_each_mounted_app_has_its_own_state(uwsgi: Servers) -> None:
    server = uwsgi(module="stateful:one", mount="/two=stateful:two", lazy_apps=True, trio_root_path="/shop")
    assert httpx.get(f"{server.url}/two/x").text == "two two /shop/two /shop/two/x True"
    assert httpx.get(f"{server.url}/x").text == "one one /shop /shop/x True"


def test_a_mount_beside_the_main_app(uwsgi: Servers) -> None:
    server = uwsgi(module="probe:app", mount="/two=quart_app:app", lazy_apps=True)
    assert httpx.get(f"{server.url}/two/").text == "quart"
    assert about(server)["root_path"] == ""
    assert server.count("probe .*: startup") == 1


def test_chdir_and_pythonpath(uwsgi: Servers, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text("from probe import app\n")
    server = uwsgi(module="elsewhere:app", chdir=tmp_path, pythonpath=[tmp_path, APPS, APPS.parents[1]])
    found = about(server)
    assert found["cwd"] == str(tmp_path)
    assert tmp_path in map(Path, found["sys_path"])


def test_a_virtual_environment(uwsgi: Servers) -> None:
    found = about(uwsgi(virtualenv=sys.prefix))
    assert any(Path(entry).is_relative_to(sys.prefix) for entry in found["sys_path"])


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_frameworks(uwsgi: Servers, framework: str) -> None:
    server = uwsgi(module=f"{framework}_app:app")
    assert httpx.get(server.url).text == framework
    assert httpx.post(f"{server.url}/echo", content=b"x" * 100_000).content == b"x" * 100_000
    assert httpx.get(f"{server.url}/raise").status_code == 500
    with connect_websocket("ws://test/ws", sock=connect(server.address)) as client:
        client.send("a text")
        assert client.recv() == "a text"


BROKEN = {
    "broken_import:app": r"cannot import 'broken_import' .*: ModuleNotFoundError: .*broken_import\.py, line 3",
    "no_such_module:app": r"cannot import 'no_such_module' .*: ModuleNotFoundError",
    "broken:no_such_app": r".*broken\.py has no 'no_such_app', which 'broken:no_such_app' asks for",
    "broken:not_callable": r"'not_callable' in .*broken\.py is not callable but 42",
    "broken:create_broken()": r"the factory .* failed: RuntimeError: the factory gave up .*broken\.py, line \d+",
    "broken:startup_fails": r"lifespan startup failed: no database today",
    "broken:startup_exits": r"lifespan startup failed: SystemExit\('no licence'\)",
    "broken:startup_raises": r"lifespan startup failed: RuntimeError\('the database is on fire'\)",
}


@pytest.mark.parametrize("module", BROKEN)
def test_a_broken_app_is_one_error(uwsgi: Servers, module: str) -> None:
    server = uwsgi(module=module, lazy_apps=True, ready=False)
    server.wait_log(r"\[worker 1\] CRITICAL trio_worker\.worker: " + BROKEN[module])
    server.wait_end()
    assert server.count(r"\[worker 1\] CRITICAL") == 1


def test_the_cause_is_told_with_file_and_line(uwsgi: Servers) -> None:
    server = uwsgi(module="broken:startup_raises", lazy_apps=True, ready=False)
    server.wait_log(r"\[worker 1\] CRITICAL")
    assert server.count(r'File ".*broken\.py", line \d+, in startup_raises') == 1


def test_a_syntax_error_is_told_with_file_and_line(uwsgi: Servers, tmp_path: Path) -> None:
    (tmp_path / "typo.py").write_text("app = (\n")
    server = uwsgi(module=None, wsgi_file=tmp_path / "typo.py", lazy_apps=True, ready=False)
    server.wait_log(
        rf"CRITICAL .*cannot load '.*typo\.py': SyntaxError: '\(' was never closed \({tmp_path}/typo\.py, line 1\);"
    )


def test_a_preloaded_broken_app_fails_in_the_worker_too(uwsgi: Servers) -> None:
    server = uwsgi(module="broken_import:app", ready=False)
    server.wait_log(r"CRITICAL .*" + BROKEN["broken_import:app"])


def test_no_app_is_named(uwsgi: Servers) -> None:
    server = uwsgi(module=None, ready=False)
    server.wait_log(r"CRITICAL .*: no app is named: give module, wsgi-file or mount in the ini")


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        ({"trio-engine": "fast"}, "trio-engine = fast: allowed is express or hypercorn"),
        (
            {"trio-drain-linger": "soon"},
            "trio-drain-linger = soon: allowed is a number of seconds, 0 or more",
        ),
        ({"trio-max-connections": "-1"}, "trio-max-connections = -1: allowed is a whole number, 0 or more"),
        ({"harakiri": "soon"}, "harakiri = soon: allowed is a whole number, 0 or more"),
        ({"trio-date-header": "maybe"}, "trio-date-header = maybe: allowed is true or false"),
        ({"trio-hypercorn-config": "missing.toml"}, "trio-hypercorn-config = missing.toml: allowed is"),
        ({"trio-no-such-key": "1"}, "trio-no-such-key = 1: there is no such option of this worker"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_value_that_does_not_parse(uwsgi: Servers, option: dict[str, Any], allowed: str) -> None:
    server = uwsgi(**option, ready=False)
    server.wait_log(rf"CRITICAL trio_worker\.worker: {allowed}")
    assert server.wait_end() != 0
    assert "Traceback" not in server.log
