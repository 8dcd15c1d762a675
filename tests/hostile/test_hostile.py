"""Hostile clients in every protocol: honest ones do not wait for them, and the worker's memory has a bound.

Each attack is measured beside honest clients. What they wait at most, less the time for which the machine ran something
else, is held against what they waited before; beside that stands what they wait beside honest requests of as many bytes
a second. An attack is tried again before it counts as a fault. The longest turn of the worker's loop is CPU time, which
others do not change.
"""

import pytest
from support.certificates import Authority
from support.hostile.attack import KIBI, Attack
from support.hostile.catalogue import ATTACKS
from support.hostile.fields import fill
from support.hostile.measuring import HEAD, Cost, measure
from support.ini import free_port
from support.uwsgi import Server, Servers

# Seconds that the slowest but one in a hundred of the honest clients may wait, whatever it was before.
QUICK = 0.02

# CPU seconds that a turn of the loop may take, in which nobody else is served.
LONGEST_TURN = 0.06

# Bytes by which a worker may grow for other reasons.
SLACK = 4096 * KIBI

TRIES = 3


# The socket that speaks TLS.
SECURE = ("127.0.0.1", free_port())


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Server:
    secure = ",".join([f"{SECURE[0]}:{SECURE[1]}", *map(str, authority.serve("server.test"))])
    return module_uwsgi(
        module="attacked:app",
        listen=1024,
        https_socket=secure,
        buffer_size=32768,
        static_map=f"/s={fill(tmp_path_factory.mktemp('files'))}",
        static_gzip_all=True,
        trio_proxy_allow="127.0.0.1",
        trio_request_id="x-request-id",
    )


def faults(cost: Cost) -> list[str]:
    """What is wrong about it."""
    attack, before, during = cost.attack, cost.before.at(0.99), cost.during.at(0.99)
    found = []
    if failures := [*cost.before.failures, *cost.during.failures]:
        found.append(f"honest clients were not served: {failures[:3]}")
    if during > max(QUICK, 2 * before):
        found.append(f"the p99 of honest clients rose from {before * 1000:.1f} to {during * 1000:.1f} ms")
    if cost.turn > LONGEST_TURN:
        found.append(f"a turn of the worker's loop took {cost.turn * 1000:.1f} ms of CPU time")
    if cost.memory > attack.memory * KIBI * attack.connections + SLACK:
        found.append(f"the worker grew by {cost.memory / KIBI:,.0f} KiB")
    if attack.said and attack.said not in cost.ended:
        found.append(f"no connection was ended with {attack.said}: {cost.ended}")
    return found


FIRST = next(iter(ATTACKS.values()))

CASES = [pytest.param(each, marks=() if each.quick else pytest.mark.long, id=each.name) for each in ATTACKS.values()]


@pytest.mark.parametrize("attack", CASES)
def test_honest_clients_do_not_notice(server: Server, attack: Attack, capsys: pytest.CaptureFixture[str]) -> None:
    logged = server.count("Traceback")
    for left in reversed(range(TRIES)):
        cost = measure(attack, server, SECURE if attack.secure else server.address)
        found = faults(cost)
        if not (found and left):
            break
    with capsys.disabled():
        print(f"\n{HEAD if attack is FIRST else ''}\n{cost.row()}".replace("\n\n", "\n"), end="", flush=True)
    assert not found, f"{found}\n{HEAD}\n{cost.row()}"
    assert server.count("Traceback") == logged
