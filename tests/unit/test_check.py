"""What `trio-worker check` finds in an ini; that uWSGI agrees is what tests/check finds out."""

import io
import os
import sys
from pathlib import Path

import pytest

from trio_worker.check import Finding, Level, check, main

UWSGI = Path(sys.executable).with_name("uwsgi")
PACKAGE = Path(__file__).parents[2] / "trio_worker"

APP = """
async def app(scope, receive, send): ...

def create_app():
    return app

not_callable = 3
"""

GOOD = (
    "[uwsgi]",
    "master = true",
    "enable-threads = true",
    "py-call-uwsgi-fork-hooks = true",
    f"python-worker-override = {PACKAGE}/override.py",
    f"ini = {PACKAGE}/metrics.ini",
    "listen = 100",
    "hook-master-start = unix_signal:15 gracefully_kill_them_all",
)
SERVING = (*GOOD, "socket = 127.0.0.1:8080", "module = site_app:app")


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with an app, in which the ini is checked."""
    (tmp_path / "site_app.py").write_text(APP)
    monkeypatch.setenv("PATH", str(UWSGI.parent), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(*lines: str) -> str:
    Path("uwsgi.ini").write_text("\n".join(lines) + "\n")
    return "uwsgi.ini"


def findings(*lines: str) -> list[Finding]:
    return [each for each in check(write(*lines)) if each.level is not Level.NOTE]


def the_only(level: Level, *lines: str) -> Finding:
    (finding,) = findings(*lines)
    assert finding.level is level
    return finding


def test_a_good_ini_has_no_findings() -> None:
    assert findings(*SERVING) == []


@pytest.mark.parametrize("key", ["master", "enable-threads", "py-call-uwsgi-fork-hooks"])
def test_what_every_ini_needs_is_missed(key: str) -> None:
    without = [line for line in SERVING if not line.startswith(key)]
    # Without the hooks every worker dies from Python 3.13 on.
    is_deadly = key == "py-call-uwsgi-fork-hooks" and sys.version_info >= (3, 13)
    level = Level.ERROR if is_deadly else Level.WARNING
    assert f"`{key} = true` is missing" in the_only(level, *without).message
    assert f"`{key} = true` is missing" in the_only(level, *without, f"{key} = off").message


@pytest.mark.parametrize("key", ["touch-chain-reload", "master-fifo"])
def test_a_chain_reload_needs_lazy_apps(key: str) -> None:
    assert "never takes up new code" in the_only(Level.WARNING, *SERVING, f"{key} = x").message
    assert findings(*SERVING, f"{key} = x", "lazy-apps = true") == []


def test_a_queue_that_is_short_or_longer_than_the_kernel_allows() -> None:
    without = [line for line in SERVING if not line.startswith("listen")]
    assert "`listen` is missing" in the_only(Level.WARNING, *without).message
    assert "uWSGI does not start" in the_only(Level.ERROR, *without, "listen = 999999999").message


def test_a_socket_that_systemd_hands_over_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (*GOOD, "module = site_app:app")
    assert "no socket is named" in the_only(Level.WARNING, *lines).message
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert findings(*lines) == []


def test_a_stop_by_sigterm_is_graceful() -> None:
    without = [line for line in SERVING if not line.startswith("hook-master-start")]
    assert "SIGTERM ends requests in flight" in the_only(Level.WARNING, *without).message


def test_an_ini_without_the_override_is_an_error() -> None:
    without = [line for line in SERVING if not line.startswith("python-worker-override")]
    assert "`python-worker-override` is missing" in the_only(Level.ERROR, *without).message


def test_an_override_that_does_not_exist_is_an_error() -> None:
    finding = the_only(Level.ERROR, *SERVING, "python-worker-override = nowhere.py")
    assert "there is no file nowhere.py" in finding.message


def test_the_command_that_finds_the_override_must_be_found_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "python-worker-override = @(exec://trio-worker path)"
    monkeypatch.setenv("PATH", str(UWSGI.parent))
    assert findings(*SERVING, line) == []
    monkeypatch.setenv("PATH", "/nowhere")
    assert "uWSGI does not find trio-worker" in the_only(Level.ERROR, *SERVING, line).message


def test_a_slip_of_the_pen_is_noticed() -> None:
    finding = the_only(Level.ERROR, *SERVING, "harakri = 5")
    assert finding.message == "uWSGI 2.0.31 has no such option: did you mean harakiri?"
    assert finding.setting is not None
    assert (finding.setting.key, finding.setting.line) == ("harakri", len(SERVING) + 1)


@pytest.mark.parametrize(
    "lines",
    [
        ("base = /srv", "logto = %(base)/log"),
        ("cpu = 2", "processes = %(cpu * 2)"),
        ("set-placeholder = base=/srv",),
        ("declare-option = site=socket=$1", "site = :8081"),
    ],
)
def test_a_placeholder_is_no_slip_of_the_pen(lines: tuple[str, ...]) -> None:
    assert findings(*SERVING, *lines) == []


def test_an_unknown_trio_option_is_an_error() -> None:
    finding = the_only(Level.ERROR, *SERVING, "trio-drain-lingers = 1")
    assert finding.message == "there is no such option of this worker: did you mean trio-drain-linger?"


@pytest.mark.parametrize(
    ("line", "allowed"),
    [("trio-drain-linger = soon", "a number of seconds"), ("buffer-size = 4k", "a whole number")],
)
def test_a_value_that_the_worker_cannot_use_is_an_error(line: str, allowed: str) -> None:
    assert allowed in the_only(Level.ERROR, *SERVING, line).message


@pytest.mark.parametrize(
    "line", ["threads = 4", "async = 10", "gevent = 10", "thunder-lock = true", "route = / addheader:X-A: 1"]
)
def test_an_option_that_is_dead_is_named_with_what_to_use(line: str) -> None:
    message = the_only(Level.WARNING, *SERVING, line).message
    assert message.startswith("dead under an override: ")
    assert "; instead: " in message


def test_an_option_that_is_switched_off_is_not_named() -> None:
    assert findings(*SERVING, "thunder-lock = false") == []


@pytest.mark.parametrize("plugin", ["plugin = trio", "need-plugin = python3, trio", "plugins = ./trio_plugin.so"])
def test_what_needs_the_plugin_is_named_without_it(plugin: str) -> None:
    for name in ("trio", "python3"):
        Path(f"{name}_plugin.so").touch()
    assert "needs `plugin = trio`" in the_only(Level.WARNING, *SERVING, "stats = :1717").message
    assert findings(*SERVING, "stats = :1717", plugin) == []


def test_undeclared_metrics_are_named_unless_the_plugin_declares_them() -> None:
    without = [line for line in SERVING if "metrics.ini" not in line]
    assert "no trio. metric is declared" in the_only(Level.WARNING, *without).message
    Path("trio_plugin.so").touch()
    assert findings(*without, "plugin = trio") == []
    assert findings(*without, "ini = exec://trio-worker metrics") == []


def test_gauges_of_too_few_workers_are_named() -> None:
    assert (
        "the gauges of 32 workers are declared, and there are 33"
        in the_only(Level.WARNING, *SERVING, "processes = 33").message
    )


def test_a_file_that_cannot_be_included_is_an_error() -> None:
    assert "uWSGI cannot read" in the_only(Level.ERROR, *SERVING, "ini = nowhere.ini").message


def test_nothing_is_missed_where_a_file_was_not_read() -> None:
    message = the_only(Level.WARNING, "[uwsgi]", "ini = exec://printf x").message
    assert "depends on the machine" in message


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("module = no_such_module:app", "no_such_module"),
        ("module = site_app:nothing", "has no 'nothing'"),
        ("module = site_app:not_callable", "is not callable"),
        ("wsgi-file = nowhere.py", "nowhere.py"),
        ("mount = site_app:app", "a mount is /prefix=module:app"),
        ("mount = /a=site_app:nothing", "has no 'nothing'"),
    ],
)
def test_an_app_that_cannot_be_served_is_an_error(line: str, why: str) -> None:
    lines = (*GOOD, "socket = 127.0.0.1:8080", "lazy-apps = true", line)
    assert why in the_only(Level.ERROR, *lines).message


@pytest.mark.parametrize(
    "lines",
    [
        ("wsgi = site_app:create_app()",),
        ("module = site_app", "callable = app"),
        ("file = site_app.py", "callable = app"),
        ("mount = /a=site_app:app", "lazy-apps = true"),
    ],
)
def test_an_app_is_found_where_uwsgi_users_put_it(lines: tuple[str, ...]) -> None:
    assert findings(*GOOD, "socket = 127.0.0.1:8080", *lines) == []


def test_an_app_is_loaded_in_its_own_surroundings(site: Path) -> None:
    (site / "deep" / "lib").mkdir(parents=True)
    (site / "deep" / "lib" / "other.py").write_text(
        "import os\nassert os.environ['COLOUR'] == 'blue'\nasync def app(scope, receive, send): ...\n"
    )
    lines = ("chdir = deep", "pythonpath = lib", "env = COLOUR=blue", "module = other:app")
    assert findings(*GOOD, "socket = 127.0.0.1:8080", *lines) == []


def test_an_app_that_needs_uwsgi_itself_cannot_be_judged(site: Path) -> None:
    (site / "inside.py").write_text("import uwsgi\n")
    finding = the_only(Level.WARNING, *GOOD, "socket = 127.0.0.1:8080", "module = inside:app")
    assert "inside of uWSGI only" in finding.message


def test_an_ini_without_an_app_is_an_error() -> None:
    assert "no app is named" in the_only(Level.ERROR, *GOOD, "socket = 127.0.0.1:8080").message


def printed(path: str) -> tuple[int, list[str]]:
    out = io.StringIO()
    status = main(path, out)
    return status, [" ".join(line.split()) for line in out.getvalue().splitlines()]


def test_every_key_is_printed_with_its_line_and_meaning() -> None:
    status, lines = printed(write(*SERVING, "threads = 2", "spooler = .", "trio-drain-linger = 1", "odd = 1"))
    assert status == 0
    assert lines[0] == "uwsgi.ini:"
    assert "2 master master's own needed: it forks, reloads and replaces the workers" in lines
    assert f"{PACKAGE}/metrics.ini:" in lines
    threads = "threads not under an override a worker is one event loop; instead: processes;"
    assert any(line.startswith(f"{len(SERVING) + 1} {threads}") for line in lines)
    assert any("spooler not about workers" in line for line in lines)
    assert any("trio-drain-linger this worker's own" in line for line in lines)
    assert any(line.endswith("odd unknown") for line in lines)
    assert lines[-1] == "errors: 0, warnings: 2"


def test_an_error_is_printed_with_its_place_and_is_the_exit_status() -> None:
    status, lines = printed(write(*SERVING, "socket = :http"))
    assert status == 1
    assert lines[-2] == f"error: uwsgi.ini:{len(SERVING) + 1}: socket: the port 'http' is not a number"


def test_a_file_that_cannot_be_read_is_an_error() -> None:
    assert printed("nowhere.ini") == (1, [f"error: nowhere.ini: {os.strerror(2)}"])
