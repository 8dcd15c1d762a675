"""Many hosts: what a router's clients see when one of three nodes is drained, killed, cut off or added.

The configurations are those of deploy/subscription, on hosts that are network namespaces. Each event prints what it has
cost: `-s` shows it, TRIO_TEST_ROUNDS says how often each node goes through it.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest
from support.deploy import APP, DEPLOY, deployed
from support.hosts import CLIENT, HOST_NAME, ROUTER, Load, Network, Process, load, network, why_not
from support.http1 import Http1
from support.ini import CHECKOUT, UWSGI
from support.log import ACCEPTING
from support.uwsgi import Servers
from support.waiting import eventually

ROUNDS = int(os.environ.get("TRIO_TEST_ROUNDS", "1"))
NODES = ["10.0.0.2", "10.0.0.3", "10.0.0.4"]
CLIENTS = 12

# Seconds within which a node that is added takes at least half of an equal share.
JOINED_WITHIN = 5.0

# Seconds after which the router gives up on a node that does not answer; the five minutes of deploy/ are too long here.
HTTP_TIMEOUT = 8
ROUTER_OURS = {"http-timeout = 300": f"http-timeout = {HTTP_TIMEOUT}"}

# The byte of an announcement that says whether a node comes or leaves (uwsgi modifier2).
COMMAND, UNSUBSCRIBE = 3, 1

# The answers tell which node they come from.
NODE_MORE = """\
disable-logging = true
add-header = Node: %(address)
"""


class Cluster:
    """The router, a client's host, and three hosts for nodes.

    Attributes:
        client: where the load comes from.
        hosts: of the nodes, by their addresses.
        nodes: uWSGI on each of them, as far as it was started.
        router: the router's uWSGI.
    """

    def __init__(self, made: Network, directory: Path) -> None:
        self.client = made.host(CLIENT)
        self.hosts = {address: made.host(address) for address in NODES}
        self.nodes: dict[str, Process] = {}
        self._directory = directory
        ini = deployed("subscription/router.ini", directory / "router.ini", ROUTER_OURS)
        self.router = made.router.start([UWSGI, "--ini", str(ini)], directory / "router")

    def start(self, *addresses: str) -> None:
        """Start uWSGI on nodes; does not wait for it."""
        for address in addresses:
            ours = APP | {"address=10.0.0.2": f"address={address}"}
            ini = deployed("subscription/node.ini", self._directory / f"{address}.ini", ours, NODE_MORE)
            self.nodes[address] = self.hosts[address].start([UWSGI, "--ini", str(ini)], self._directory / address)

    def accepting(self, address: str) -> int:
        """How often a worker of a node has begun to accept."""
        return self.nodes[address].count(ACCEPTING)

    def wait_accepting(self, address: str, times: int) -> None:
        """Wait until the workers of a node have begun to accept so many times."""
        eventually(lambda: self.accepting(address) >= times, 20, self.logs)

    def wait_failed(self, address: str, times: int) -> None:
        """Wait until the router has taken a node out so many times."""
        eventually(lambda: self.router.count(f"marking {address}:8000 as failed") >= times, 20, self.logs)

    def logs(self) -> str:
        """What everyone has logged."""
        return self.router.log + "".join(f"\n{name}:\n{each.log}" for name, each in self.nodes.items())


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    if reason := why_not():
        pytest.skip(reason)
    with network() as made:
        yield Cluster(made, tmp_path)


def start(cluster: Cluster, *nodes: str) -> None:
    """Start nodes; they accept, and the router knows them."""
    cluster.start(*nodes)
    for address in nodes:
        cluster.wait_accepting(address, 2)
        eventually(lambda address=address: cluster.router.count(f"new node: {address}:8000"), 20, cluster.logs)  # type: ignore[misc]


def wait_shared(asked: Load, nodes: list[str], cluster: Cluster) -> float:
    """Wait until each of these nodes has at least half of an equal share and no other one any; the seconds it took."""
    begin = monotonic()

    def is_shared() -> bool:
        shares = asked.shares(begin)
        return shares.keys() == set(nodes) and min(shares.values()) >= 0.5 / len(nodes)

    eventually(is_shared, 20, lambda: f"{asked.shares(begin)}\n{cluster.logs()}")
    return monotonic() - begin


def report(event: str, asked: Load, times: int, more: str = "") -> None:
    """Print what an event has cost."""
    failed = Counter(each.outcome for each in asked.failed)
    slowest = max(each.end - each.begin for each in asked.requests if not each.failed)
    seen = f"{failed.total()} of {len(asked.requests)} requests failed"
    print(f"\n{event}, {times} times: {seen} {dict(failed) or ''}; slowest answer {slowest:.2f} s{more}")


def reload(cluster: Cluster, address: str) -> None:
    """SIGHUP: the node comes back by itself."""
    before = cluster.accepting(address)
    cluster.nodes[address].signal(signal.SIGHUP)
    cluster.wait_accepting(address, before + 2)


def leave_and_return(cluster: Cluster, address: str) -> None:
    """SIGTERM: the node leaves for good, and is started again."""
    before = cluster.accepting(address)
    cluster.nodes[address].signal(signal.SIGTERM)
    cluster.nodes[address].wait_end()
    cluster.start(address)
    cluster.wait_accepting(address, before + 2)


Drain = Callable[[Cluster, str], None]
drains = pytest.mark.parametrize("drain", [reload, leave_and_return])


@pytest.mark.parametrize("name", ["router.ini", "node.ini"])
def test_the_docs_show_the_configurations(name: str) -> None:
    shown = (CHECKOUT / "docs" / "many_hosts.md").read_text()
    assert f"```ini\n{(DEPLOY / 'subscription' / name).read_text()}```" in shown


def test_a_node_that_leaves_answers_what_the_router_still_sends(uwsgi: Servers) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pool:
        pool.bind(("127.0.0.1", 0))
        pool.settimeout(10)
        server = uwsgi(
            subscribe_to=f"127.0.0.1:{pool.getsockname()[1]}:{HOST_NAME}",
            hook_master_start="unix_signal:15 gracefully_kill_them_all",
        )
        server.signal(signal.SIGTERM)
        while pool.recv(4096)[COMMAND] != UNSUBSCRIBE:
            pass
        server.wait_log("draining")
        with Http1(server.address) as late:
            assert late.get("/").body == b"hello"
        server.wait_end()


@drains
def test_a_drained_node_costs_nothing(cluster: Cluster, drain: Drain) -> None:
    start(cluster, *NODES)
    back = []
    with load(cluster.client, CLIENTS) as asked:
        for address in NODES * ROUNDS:
            wait_shared(asked, NODES, cluster)
            begin = monotonic()
            drain(cluster, address)
            wait_shared(asked, NODES, cluster)
            back.append(monotonic() - begin)
    report(f"drained ({drain.__name__})", asked, len(back), f"; its share again after {max(back):.1f} s")
    assert asked.failed == [], cluster.logs()


@drains
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_wrk_sees_no_error_when_a_node_is_drained(cluster: Cluster, drain: Drain) -> None:
    start(cluster, *NODES)
    # An answer that takes longer than wrk's two seconds is late, not lost.
    wrk_options = ["-t1", "-c32", "--timeout=30s", f"-d{5 + 15 * ROUNDS}s", "-H", f"Host: {HOST_NAME}"]
    command = ["wrk", *wrk_options, f"http://{ROUTER}/"]
    with subprocess.Popen(cluster.client.command(*command), stdout=subprocess.PIPE, text=True) as wrk:
        for address in NODES * ROUNDS:
            failed = cluster.router.count(f"marking {address}")
            drain(cluster, address)
            cluster.wait_failed(address, failed + 1)
        assert wrk.poll() is None, "the load ended first"
        output, _ = wrk.communicate()
    print(f"\ndrained under wrk ({drain.__name__}), {3 * ROUNDS} times:\n{output}")
    assert "requests in" in output
    assert "Socket errors" not in output, output
    assert "Non-2xx" not in output, output


def test_a_killed_node_costs_what_it_was_answering(cluster: Cluster) -> None:
    start(cluster, *NODES)
    with load(cluster.client, CLIENTS) as asked:
        for number, address in enumerate(NODES * ROUNDS):
            wait_shared(asked, NODES, cluster)
            cluster.nodes[address].kill()
            cluster.wait_failed(address, number // len(NODES) + 1)
            wait_shared(asked, [each for each in NODES if each != address], cluster)
            cluster.start(address)
    report("killed", asked, len(NODES) * ROUNDS)
    assert len(asked.failed) <= CLIENTS * len(NODES) * ROUNDS, cluster.logs()


def test_a_node_that_is_cut_off_costs_what_it_was_answering(cluster: Cluster) -> None:
    start(cluster, *NODES)
    taken_out, back = [], []
    with load(cluster.client, CLIENTS) as asked:
        for number, address in enumerate(NODES * ROUNDS):
            wait_shared(asked, NODES, cluster)
            failed = len(asked.failed)
            cluster.hosts[address].cut_off()
            cut = monotonic()
            cluster.wait_failed(address, number // len(NODES) + 1)
            taken_out.append(monotonic() - cut)
            eventually(lambda cut=cut: asked.have_asked_since(cut) == CLIENTS, HTTP_TIMEOUT + 5, cluster.logs)  # type: ignore[misc]
            assert [each for each in asked.failed[failed:] if each.begin > cut] == [], cluster.logs()
            cluster.hosts[address].join()
            back.append(wait_shared(asked, NODES, cluster))
    more = f"; out of the pool after {max(taken_out):.1f} s, its share again {max(back):.1f} s after the cut's end"
    report("cut off", asked, len(back), more)
    assert len(asked.failed) <= CLIENTS * len(back), cluster.logs()


def test_a_short_cut_costs_only_time(cluster: Cluster) -> None:
    start(cluster, *NODES)
    with load(cluster.client, CLIENTS) as asked:
        for number, address in enumerate(NODES * ROUNDS):
            wait_shared(asked, NODES, cluster)
            cluster.hosts[address].cut_off()
            cluster.wait_failed(address, number // len(NODES) + 1)
            cluster.hosts[address].join()
    report("cut off for a moment", asked, len(NODES) * ROUNDS)
    assert asked.failed == [], cluster.logs()


def test_an_added_node_takes_its_share(cluster: Cluster) -> None:
    old, new = NODES[:2], NODES[2]
    start(cluster, *old)
    joined = []
    with load(cluster.client, CLIENTS) as asked:
        for _ in range(3 * ROUNDS):
            wait_shared(asked, old, cluster)
            cluster.start(new)
            joined.append(wait_shared(asked, NODES, cluster))
            cluster.nodes[new].signal(signal.SIGTERM)
            cluster.nodes[new].wait_end()
    report("added", asked, len(joined), f"; at least half of an equal share {max(joined):.1f} s after its start")
    assert asked.failed == [], cluster.logs()
    assert max(joined) < JOINED_WITHIN
