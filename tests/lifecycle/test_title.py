"""The title of a worker's process, as `ps` reads it."""

import signal
from pathlib import Path

from support.http1 import Http1
from support.uwsgi import Server, Servers
from support.waiting import eventually


def title_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode().rstrip()


def wait_title(server: Server, text: str) -> None:
    (pid,) = server.worker_pids()
    eventually(lambda: text in title_of(pid), why=lambda: title_of(pid))


def test_the_title_shows_requests_and_state(uwsgi: Servers) -> None:
    server = uwsgi(worker_reload_mercy=20)
    wait_title(server, "trio-worker: worker 1 · 0 running · 0/s")
    (pid,) = server.worker_pids()
    with Http1(server.address) as client, Http1(server.address) as other:
        client.request("/sleep?seconds=30")
        wait_title(server, "worker 1 · 1 running · ")
        for _ in range(50):
            other.get()
        wait_title(server, "worker 1 · 1 running · 50/s")
        server.signal(signal.SIGTSTP, pid)
        wait_title(server, " · paused")
        server.signal(signal.SIGHUP, pid)
        eventually(lambda: "1 running · 0/s · draining" in title_of(pid), why=lambda: title_of(pid))


def test_without_it_the_title_is_as_uwsgi_has_it(uwsgi: Servers) -> None:
    server = uwsgi(trio_proctitle="false")
    with Http1(server.address) as client:
        client.get()
    (pid,) = server.worker_pids()
    assert "uwsgi\0--ini" in Path(f"/proc/{pid}/cmdline").read_text()


def test_a_name_that_the_ini_gives_stays(uwsgi: Servers) -> None:
    server = uwsgi(procname="shop", processes=1)
    with Http1(server.address) as client:
        client.get()
    (pid,) = server.worker_pids()
    assert title_of(pid) == "shop"


def test_a_prefix_and_a_suffix_of_the_ini_are_kept(uwsgi: Servers) -> None:
    server = uwsgi(procname_prefix_spaced="shop", procname_append="-test")
    wait_title(server, "shop trio-worker: worker 1 · 0 running · 0/s-test")
