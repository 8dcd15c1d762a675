"""What the log says at the start of an instance about its ini, with the plugin and without."""

import functools
import os
from pathlib import Path
from typing import Any

from support.http1 import Http1
from support.native_uwsgi import UWSGI
from support.other_uwsgi import Other, told
from support.uwsgi import Server, Servers
from support.waiting import eventually, throughout

from trio_worker.options import table as option_table

DEAD = "does nothing in a Trio worker"
NEEDS_PLUGIN = "these options need the plugin"


def said(server: Server, text: str) -> list[str]:
    """The lines of the log that hold `text`."""
    return [line for line in server.log.splitlines() if text in line]


def test_a_dead_option_is_named_with_what_to_use_instead(uwsgi: Servers) -> None:
    server = uwsgi(processes=2, threads=2, async_mode=None, heartbeat=5, catch_exceptions="false")
    server.wait_log(DEAD, count=2)
    lines = said(server, DEAD)
    assert len(lines) == 2
    for key, line in zip(("threads", "heartbeat"), lines, strict=True):
        assert (
            line
            == f"[worker 1] WARNING trio_worker.worker.notices: {key} {DEAD}: {option_table.load().by_name[key].hint}"
        )


def test_a_rule_that_denies_is_an_error_until_the_ini_accepts_that_it_is_dead(uwsgi: Servers) -> None:
    rules = ["^/admin break:403 Forbidden", "^/a addheader:X-A: b"]
    server = uwsgi(route_uri=rules, route="^/b basicauth:B,u:p", trio_accept_dead_rules="route, route-qs")
    line = server.wait_log("ERROR .*route-uri denies nothing in a Trio worker.*")
    assert "`trio-accept-dead-rules = route-uri`" in line
    assert "route denies" not in server.log


def test_nothing_is_said_again_by_a_worker_that_is_respawned(uwsgi: Servers) -> None:
    server = uwsgi(threads=2)
    server.wait_log(NEEDS_PLUGIN)
    server.fifo("c")
    server.wait_accepting(2)
    assert len(said(server, DEAD)) == len(said(server, NEEDS_PLUGIN)) == 1


def test_one_line_says_what_is_missing_without_the_plugin(uwsgi: Servers) -> None:
    server = uwsgi(processes=3, cheaper=1, ready=False)
    line = server.wait_log(f"{NEEDS_PLUGIN}.*")
    assert "stats (" in line
    assert "cheaper (" in line
    assert "`plugin = trio`" in line


def test_with_the_plugin_nothing_is_missing(uwsgi: Servers, plugin: Path) -> None:
    server = uwsgi(processes=3, cheaper=1, plugin=plugin, ready=False)
    server.wait_accepting(1)
    throughout(lambda: not said(server, NEEDS_PLUGIN), 1)


def test_a_plugin_of_another_uwsgi_is_refused_and_the_worker_serves(uwsgi: Servers, tmp_path: Path) -> None:
    other = tmp_path / "trio_plugin.so"
    build_for_another_release(other)
    server = uwsgi(plugin=other)
    [line] = said(server, "going on without it")
    assert "plugin refused: built for uWSGI 1.9, but this is uWSGI" in line
    server.wait_log(NEEDS_PLUGIN)
    with Http1(server.address) as client:
        assert client.get().text == "hello"


def build_for_another_release(plugin: Path) -> None:
    version = told("--version")
    built = Other(told("--dot-h"), told("--cflags").replace(version, "1.9")).build(plugin.parent / "built")
    assert UWSGI.exists()
    os.replace(built, plugin)


def test_every_value_of_a_repeated_option_counts_with_the_plugin(uwsgi: Servers, plugin: Path) -> None:
    # Of an ini that is not a file: without the plugin the worker would know the last value only.
    server = uwsgi(
        module=None,
        lazy_apps=True,
        mount=["/one=probe:app", "/two=probe:app"],
        plugin=plugin,
    )
    with Http1(server.address) as client:
        assert client.get("/one/pid").status == client.get("/two/pid").status == 200


def test_the_accepting_hooks_run_with_the_plugin(uwsgi: Servers, plugin: Path) -> None:
    names = ("hook-accepting", "hook-accepting-once", "hook-accepting1", "hook-accepting1-once")
    hooks: dict[str, Any] = {name: f"write:{name} ran" for name in names}
    server = uwsgi(processes=2, plugin=plugin, **hooks)
    for name in names:
        eventually(functools.partial(ran, server.directory / name))


def ran(written: Path) -> bool:
    return written.read_text() == "ran"


def test_the_request_logger_gets_the_request_lines(uwsgi: Servers, plugin: Path) -> None:
    server = uwsgi(plugin=plugin, req_logger="file:requests")
    with Http1(server.address) as client:
        client.get("/pid")
    eventually(lambda: "GET /pid" in (server.directory / "requests").read_text())
    assert "GET /pid" not in server.log


def test_strict_knows_our_options_with_the_plugin(uwsgi: Servers, plugin: Path) -> None:
    server = uwsgi(strict=True, plugin=plugin, trio_date_header="false")
    with Http1(server.address) as client:
        assert "date" not in client.get().headers
    other = uwsgi(strict=True, plugin=plugin, no_such_option=1, ready=False)
    assert other.wait_end() != 0
    assert said(other, "unknown config directive: no-such-option")
