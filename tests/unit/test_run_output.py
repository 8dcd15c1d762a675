"""`trio-worker run` leaves out what uWSGI says of itself, and never a line of an app that looks a little like it."""

import pytest

from trio_worker.run.output import is_chatter


@pytest.mark.parametrize(
    "line",
    [
        "*** Starting uWSGI 2.0.31 (64bit) on [Thu Nov 26 19:56:04 2026] ***",
        "os: Linux-6.1 #1 SMP",
        "Python version: 3.11.7 (main, May  9 2026, 07:35:25) [GCC 12.2.0]",
        "added custom metric: trio.requests",
        "added /srv/app/ to pythonpath.",
        "mapped 145840 bytes (142 KB) for 1 cores",
        "worker 1 buried after 0 seconds",
        "Thu Nov 26 21:20:13 2026 - graceful shutdown triggered...",
        "",
    ],
)
def test_chatter(line: str) -> None:
    assert is_chatter(line + "\n")


@pytest.mark.parametrize(
    "line",
    [
        "added 3 users",
        "worker pool ready",
        "mapped the routes",
        "initialized the database",
        "running migrations",
        "os is not defined",
        "[worker 1] INFO trio_worker.worker: accepting on http://127.0.0.1:8000/",
        "DAMN ! worker 1 (pid: 7) died :( trying respawn ...",
        "ModuleNotFoundError: No module named 'main'",
    ],
)
def test_an_apps_own_words(line: str) -> None:
    assert not is_chatter(line + "\n")
