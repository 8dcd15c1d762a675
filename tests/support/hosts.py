"""Hosts on one machine: network namespaces around a bridge, made by iproute2 and removed with all that runs in them.

    client 10.0.0.9 --+
    node   10.0.0.2 --+-- bridge in the router's namespace, 10.0.0.1
    node   10.0.0.3 --+

Nothing of it is seen by the machine's own network: the bridge and its ports live in the router's namespace, the other
ends of the cables in the hosts'. So the addresses can be those that stand in deploy/subscription.
"""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic

from support.log import HasLog
from support.processes import kill, session_members

ROUTER = "10.0.0.1"
CLIENT = "10.0.0.9"

# What the nodes subscribe as.
HOST_NAME = "app.example.org"

# Seconds that a process has to end when it was asked to.
END_TIMEOUT = 15.0

# Answers that are enough to speak of shares.
ENOUGH = 100

_numbers = count()


def why_not() -> str:
    """The reason why there can be no hosts here; empty where there can."""
    name = f"trio-{os.getpid()}-try"
    try:
        _ip("netns", "add", name)
        try:
            _ip("-n", name, "link", "add", "try0", "type", "bridge")
            _ip("-n", name, "link", "add", "try1", "type", "veth", "peer", "name", "try2")
            _ip("netns", "exec", name, "true")
        finally:
            _ip("netns", "del", name)
    except FileNotFoundError:
        return "iproute2 is not installed"
    except subprocess.CalledProcessError as error:
        return f"no network namespaces here: {error.stderr.strip()}"
    return ""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Process(HasLog):
    """A process of a host with all that it starts."""

    def __init__(self, command: list[str], log: Path) -> None:
        super().__init__(log)
        with log.open("ab") as file:
            self.popen = subprocess.Popen(
                command, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )

    def signal(self, number: int) -> None:
        """Send a signal to the process itself."""
        self.popen.send_signal(number)

    def wait_end(self) -> None:
        """Wait until it has ended by itself."""
        self.popen.wait(END_TIMEOUT)

    def kill(self) -> None:
        """End it and all that it started by SIGKILL."""
        kill(session_members(self.popen.pid))
        self.popen.wait(END_TIMEOUT)


class Host:
    """One host: a namespace with a cable.

    Args:
        namespace: its name for iproute2.
        address: its IPv4 address.
    """

    def __init__(self, namespace: str, address: str) -> None:
        self.address = address
        self.namespace = namespace
        self.processes: list[Process] = []

    def command(self, *arguments: str) -> list[str]:
        """A command line that runs on this host."""
        return ["ip", "netns", "exec", self.namespace, *arguments]

    def start(self, command: list[str], log: Path) -> Process:
        """Start a process on this host; it ends with the host."""
        process = Process(self.command(*command), log)
        self.processes.append(process)
        return process

    def cut_off(self) -> None:
        """Pull the cable."""
        _ip("-n", self.namespace, "link", "set", "eth0", "down")

    def join(self) -> None:
        """Plug it in again."""
        _ip("-n", self.namespace, "link", "set", "eth0", "up")

    def close(self) -> None:
        """End what runs here and remove the host."""
        for process in self.processes:
            process.kill()
        _ip("netns", "del", self.namespace)


class Network:
    """The router's host, and others that are made as they are needed."""

    def __init__(self) -> None:
        self._hosts: list[Host] = []
        self.router = self._namespace(ROUTER)
        try:
            self._bridge()
        except subprocess.CalledProcessError:
            self.close()
            raise

    def _namespace(self, address: str) -> Host:
        host = Host(f"trio-{os.getpid()}-{next(_numbers)}", address)
        _ip("netns", "add", host.namespace)
        self._hosts.append(host)
        _ip("-n", host.namespace, "link", "set", "lo", "up")
        return host

    def _bridge(self) -> None:
        name = self.router.namespace
        _ip("-n", name, "link", "add", "bridge0", "type", "bridge")
        _ip("-n", name, "address", "add", f"{ROUTER}/24", "dev", "bridge0")
        _ip("-n", name, "link", "set", "bridge0", "up")

    def host(self, address: str) -> Host:
        """A new host with its cable plugged in."""
        host, port = self._namespace(address), f"port{len(self._hosts)}"
        name = self.router.namespace
        _ip("-n", name, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
        _ip("-n", name, "link", "set", port, "master", "bridge0", "up")
        _ip("-n", host.namespace, "address", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", host.namespace, "link", "set", "eth0", "up")
        return host

    def close(self) -> None:
        """Remove all of it, the router's host last."""
        while self._hosts:
            self._hosts.pop().close()


@contextmanager
def network() -> Iterator[Network]:
    """A `Network` for the length of a with block."""
    made = Network()
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True)
class Request:
    """A request of the load: when it began and ended (time.monotonic), who asked and answered, and how it went."""

    client: str
    begin: float
    end: float
    node: str
    outcome: str

    @property
    def failed(self) -> bool:
        return self.outcome != "ok"


class Load:
    """Clients on one host that ask without a pause; every request is known a moment after its end.

    Args:
        host: where they run.
        clients: how many there are.
    """

    def __init__(self, host: Host, clients: int) -> None:
        self.requests: list[Request] = []
        caller = str(Path(__file__).with_name("hosts_client.py"))
        self._process = subprocess.Popen(
            host.command(sys.executable, caller, ROUTER, "80", HOST_NAME, str(clients)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            client, begin, end, node, outcome = line.split(maxsplit=4)
            self.requests.append(Request(client, float(begin), float(end), node, outcome.strip()))

    @property
    def failed(self) -> list[Request]:
        """Those that did not get their answers."""
        return [each for each in self.requests if each.failed]

    def have_asked_since(self, moment: float) -> int:
        """How many clients have asked since a moment and got their answers: none hangs at something from before."""
        return len({each.client for each in self.requests if each.begin >= moment})

    def shares(self, since: float, length: float = 1.0) -> dict[str, float]:
        """How the nodes share the answers to what was asked since a moment, and in the last so many seconds."""
        begin = max(since, monotonic() - length)
        nodes = Counter(each.node for each in self.requests[-10_000:] if each.begin >= begin and not each.failed)
        return {node: number / nodes.total() for node, number in nodes.items()} if nodes.total() >= ENOUGH else {}

    def close(self) -> None:
        """Let every client finish what it waits for."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._reader.join()
        self._process.wait(END_TIMEOUT)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def load(host: Host, clients: int) -> Iterator[Load]:
    """`Load` for the length of a with block."""
    started = Load(host, clients)
    try:
        yield started
    finally:
        started.close()
