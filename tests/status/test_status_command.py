"""`trio-worker status` and its like against a real instance, by its ini and by the address of its status socket."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.certificates import Authority
from support.figures import with_status
from support.ini import free_port
from support.status import TOKEN, client, running, state
from support.uwsgi import Server, Servers
from support.waiting import eventually


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(processes=2, module="nurseries:app", trio_status_token=TOKEN, **with_status())


def run(*words: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trio_worker", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment)


def read(*words: object) -> Any:
    done = run(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_state_is_shown_by_the_ini_and_by_the_address(server: Server) -> None:
    for name in (server.ini, server.options["trio-status"]):
        assert [each["id"] for each in read("status", name)["workers"]] == [1, 2]
    head, first, second = run("status", server.ini).stdout.splitlines()[:3]
    assert head.split()[:2] == ["worker", "state"]
    assert [first.split()[:2], second.split()[:2]] == [["1", "accepting"], ["2", "accepting"]]


def test_a_unix_socket_is_asked_by_its_path(uwsgi: Servers, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("s") / "status"
    uwsgi(module="nurseries:app", uwsgi_socket=path, trio_status=path)
    assert [each["state"] for each in read("status", path)["workers"]] == ["accepting"]


def test_requests_are_listed_and_one_is_cancelled(server: Server) -> None:
    with client(server, "/nursery/one%1b[2J") as waiting:
        request = running(server, "/nursery/one\x1b[2J")["id"]
        assert [each["id"] for each in read("requests", server.ini)] == [request]
        shown = run("requests", server.ini).stdout
        assert request in shown
        assert r"\x1b[2J" in shown
        assert "\x1b" not in shown
        assert run("cancel", server.ini, request).stdout == "done\n"
        assert waiting.response().status == 503
    assert run("cancel", server.ini, request).returncode == 1


def test_the_tasks_of_a_worker_show_nurseries_and_deadlines(server: Server) -> None:
    with client(server, "/nursery/two"):
        worker = running(server, "/nursery/two")["worker"]
        shown = run("tasks", server.ini, worker).stdout
        assert "- nurseries.fetch" in shown
        assert "in nursery" in shown
        assert " s left]" in shown
    assert set(read("tasks", server.ini)) == {"1", "2"}


def test_the_tasks_of_others_are_shown_beside_a_worker_that_does_not_answer(uwsgi: Servers) -> None:
    server = uwsgi(processes=2, module="nurseries:app", **with_status())
    [pid, _] = server.worker_pids()
    server.signal(signal.SIGSTOP, pid)
    try:
        found = eventually(lambda: next((each for each in [read("tasks", server.ini)] if None in each.values()), None))
        assert sorted(tree is None for tree in found.values()) == [False, True]
        shown = run("tasks", server.ini).stdout
        assert "does not answer" in shown
        assert "Listeners.run" in shown
    finally:
        server.signal(signal.SIGCONT, pid)


@pytest.mark.parametrize("name", ["no such", "1-1&worker=2", "#", "%00", "é"])
def test_what_names_nothing_is_refused(server: Server, name: str) -> None:
    for command in ("cancel", "drain", "tasks"):
        done = run(command, server.ini, name)
        assert done.returncode == 1, done
        assert done.stderr.startswith("trio-worker: "), done
        assert "Traceback" not in done.stderr


def test_a_worker_is_drained(server: Server) -> None:
    before = {each["id"]: each["pid"] for each in state(server)["workers"]}
    assert run("drain", server.ini, 1).returncode == 0
    eventually(
        lambda: server.nudge() or {each["id"]: each["pid"] for each in state(server)["workers"]}[1] != before[1], 20
    )


def test_by_the_address_alone_nobody_acts_who_has_no_token(server: Server) -> None:
    address = server.options["trio-status"]
    done = run("drain", address, 1)
    assert done.returncode == 1
    assert "The token is missing or wrong." in done.stderr


def test_top_shows_rates_until_it_is_interrupted(server: Server) -> None:
    command = [sys.executable, "-m", "trio_worker", "top", str(server.ini)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as top:
        assert top.stdout is not None
        screens = 0
        for line in top.stdout:
            screens += line.startswith("worker  state")
            if screens == 3:
                break
        top.terminate()
    assert screens == 3


def test_top_gives_scripts_a_line_of_json_for_each_look(server: Server) -> None:
    command = [sys.executable, "-m", "trio_worker", "top", str(server.ini), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as top:
        assert top.stdout is not None
        looks = [json.loads(top.stdout.readline()) for _ in range(2)]
        top.terminate()
    assert looks[1]["now"] > looks[0]["now"]
    assert [each["id"] for each in looks[1]["workers"]] == [1, 2]


def test_an_ini_without_a_status_is_refused(tmp_path: Path) -> None:
    ini = tmp_path / "app.ini"
    ini.write_text("[uwsgi]\nmaster = true\n")
    done = run("status", ini)
    assert done.returncode == 1
    assert "has no trio-status" in done.stderr


def test_a_socket_with_tls_is_asked_by_its_certificate(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    server = uwsgi(trio_certfile=certificate, trio_keyfile=key, **with_status())
    assert [each["state"] for each in read("status", server.ini)["workers"]] == ["accepting"]


def test_a_status_on_an_https_socket_is_asked_by_the_certificate_of_that_socket(
    uwsgi: Servers, authority: Authority
) -> None:
    address = f"127.0.0.1:{free_port()}"
    named = ",".join([address, *map(str, authority.serve("server.test"))])
    server = uwsgi(http_socket=f"127.0.0.1:{free_port()}", https_socket=named, trio_status=address)
    assert [each["state"] for each in read("status", server.ini)["workers"]] == ["accepting"]
    # By the address alone the certificate has to be one of a known authority, and for this name.
    done = run("status", f"https://{address}/")
    assert done.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr


def test_an_address_is_taken_as_the_log_has_it(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("localhost")
    server = uwsgi(trio_certfile=certificate, trio_keyfile=key, **with_status())
    server.wait_log("the status is on https://127.0.0.1:")
    port = server.options["trio-status"].rpartition(":")[2]
    done = run("status", f"https://localhost:{port}/", environment=os.environ | {"SSL_CERT_FILE": str(authority.file)})
    assert "accepting" in done.stdout, done.stderr
