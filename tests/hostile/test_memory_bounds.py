"""The memory that a connection takes in each of its states, against the bounds that docs/limits.md states."""

import psutil
import pytest
from support.certificates import Authority
from support.hostile.attack import KIBI
from support.hostile.states import STATES, State, fill, wait_for_calm
from support.uwsgi import Servers

# Connections before, so that what the first ones import and cache is not counted.
FIRST = 10

pytestmark = pytest.mark.long


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_what_a_connection_takes(
    uwsgi: Servers, authority: Authority, state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate, key = authority.serve("server.test") if state.tls else (None, None)
    server = uwsgi(module="attacked:app", listen=1024, trio_certfile=certificate, trio_keyfile=key)
    tls = authority.client_context()
    worker = psutil.Process(server.worker_pids()[0])

    def memory() -> int:
        return int(worker.memory_info().rss)

    first = fill(server.address, state, FIRST, tls)
    before = wait_for_calm(memory)
    clients = fill(server.address, state, state.connections, tls)
    each = (wait_for_calm(memory) - before) / KIBI / state.connections
    for client in (*first, *clients):
        client.socket.close()
    with capsys.disabled():
        print(f"\n| {state.name} | {state.bound:,} | {each:,.1f} |", end="")
    assert each <= state.bound
