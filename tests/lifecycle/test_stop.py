"""The end of an instance by a signal to its master, with the inis as they are shipped."""

import re
import signal
from pathlib import Path

import pytest
from support.http1 import Http1
from support.uwsgi import Servers

ROOT = Path(__file__).parents[2]
HOOK = re.compile(r"^hook-master-start = (.*)$", re.MULTILINE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("ini", ["trio_worker/starter.ini", "uwsgi.ini"])
def test_what_is_in_flight_finishes(uwsgi: Servers, ini: str, number: signal.Signals) -> None:
    hooks = HOOK.findall((ROOT / ini).read_text())
    server = uwsgi(processes=2, hook_master_start=hooks, worker_reload_mercy=20)
    with Http1(server.address) as client:
        client.request("/sleep?seconds=1.5")
        server.wait_log("sleeping")
        server.signal(number)
        answer = client.response()
    assert (answer.status, answer.text) == (200, "slept")
    assert server.wait_end() == 0
