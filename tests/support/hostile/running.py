"""The hostile side of an attack: all of its connections, in one process that does nothing else."""

import contextlib
import functools
import json
import select
import socket
import ssl
import struct
import tempfile
import time
from collections import Counter
from math import inf
from pathlib import Path

from support.hostile.attack import ANSWERED, Attack, Script
from support.tls13 import Tls13

# Bytes of what a connection was told last that are kept.
TAIL = 4096

Address = tuple[str, int]


def told(tail: bytes) -> str:
    """What the worker has said at the end: the code of a GOAWAY or of a close, or else the last status."""
    at = tail.rfind(b"\x07\x00\x00\x00\x00\x00")
    if at >= 3 and tail[at - 3 : at - 1] == b"\x00\x00" and len(tail) >= at + 14:
        return f"GOAWAY {int.from_bytes(tail[at + 10 : at + 14], 'big')}"
    at = tail.rfind(b"\x88")
    code = int.from_bytes(tail[at + 2 : at + 4], "big") if at >= 0 else 0
    if 1000 <= code < 5000 and tail[at + 1] == len(tail) - at - 2:
        return f"close {code}"
    at = tail.rfind(b"HTTP/1.1 ")
    return f"status {tail[at + 9 : at + 12].decode('latin-1')}" if at >= 0 else "nothing"


@functools.cache
def _anybody() -> ssl.SSLContext:
    """A client's TLS for whom it is all the same who the server is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@functools.cache
def _directory() -> Path:
    """Where the keys of this process's connections are written."""
    return Path(tempfile.mkdtemp(prefix="keys"))


class Hostile:
    """One connection."""

    def __init__(self, attack: Attack, address: Address) -> None:
        self.attack = attack
        self.script: Script
        self.socket: socket.socket
        if attack.records is not None:
            tls = Tls13(address, _anybody(), _directory())
            self.socket, self.script = tls.socket, attack.records(tls)
        else:
            self.socket, self.script = self._connect(address), attack.script()
        self.socket.setblocking(False)
        self.unsent = b""
        self.sent = 0
        self.tail = b""
        self.sends_at = 0.0
        self.reads_at = 0.0 if attack.reads else inf
        self.over = False

    def _connect(self, address: Address) -> socket.socket:
        sock = socket.socket()
        if self.attack.reads < 1024:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(5)
        sock.connect(address)
        return _anybody().wrap_socket(sock) if self.attack.inside else sock

    @property
    def events(self) -> int:
        """What it waits for now."""
        now = time.monotonic()
        writes = select.EPOLLOUT if self.sends_at <= now and not self.over else 0
        return writes | (select.EPOLLIN if self.reads_at <= now else 0)

    def act(self, events: int) -> bool:
        """Send and read what can be; return False when the connection has ended."""
        try:
            if events & select.EPOLLIN and not self._read():
                return False
            if events & select.EPOLLOUT:
                return self._write()
            return not events & (select.EPOLLHUP | select.EPOLLERR)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            return False

    def _read(self) -> bool:
        data = self.socket.recv(self.attack.reads)
        self.tail = (self.tail + data)[-TAIL:]
        if self.sends_at == inf:
            self.sends_at = 0.0
        self.reads_at = time.monotonic() + self.attack.rest
        return bool(data)

    def _write(self) -> bool:
        if not self.unsent:
            step = next(self.script, None)
            if step is None:
                return self._end()
            if isinstance(step, float):
                self.sends_at = inf if step == ANSWERED else time.monotonic() + step
                return True
            self.unsent = step
        sent = self.socket.send(self.unsent)
        self.sent += sent
        self.unsent = self.unsent[sent:]
        return True

    def _end(self) -> bool:
        if self.attack.last == "half":
            self.socket.shutdown(socket.SHUT_WR)
            self.over = True
            return True
        if self.attack.last == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def close(self) -> str:
        """Close it; return what it was told."""
        with contextlib.suppress(OSError):
            while len(data := self.socket.recv(65536)) and self.attack.reads >= 1024:
                self.tail = (self.tail + data)[-TAIL:]
        self.socket.close()
        return told(self.tail)


class Attackers:
    """All connections of an attack."""

    def __init__(self, attack: Attack, address: Address) -> None:
        self.attack = attack
        self.address = address
        self.ended: Counter[str] = Counter()
        self._sent = 0
        self._clients: dict[int, Hostile] = {}
        self._wanted: dict[int, int] = {}
        self._epoll = select.epoll()

    def run(self) -> tuple[int, Counter[str]]:
        """Attack until our standard input ends; returns how many bytes left, and how connections have ended before."""
        self._epoll.register(0, select.EPOLLIN)
        for _ in range(self.attack.connections):
            self._open()
        print("begun", flush=True)
        while self._turn():
            pass
        return self._sent + sum(each.sent for each in self._clients.values()), self.ended

    def _open(self) -> None:
        with contextlib.suppress(OSError):
            client = Hostile(self.attack, self.address)
            descriptor = client.socket.fileno()
            self._clients[descriptor], self._wanted[descriptor] = client, 0
            self._epoll.register(client.socket, 0)

    def _turn(self) -> bool:
        resting = False
        for descriptor, client in self._clients.items():
            wanted = client.events
            resting = resting or wanted != select.EPOLLIN | select.EPOLLOUT
            if wanted != self._wanted[descriptor]:
                self._epoll.modify(descriptor, wanted)
                self._wanted[descriptor] = wanted
        for descriptor, events in self._epoll.poll(0.02 if resting else 1.0):
            if descriptor == 0:
                return False
            if not self._clients[descriptor].act(events):
                self._replace(descriptor)
        return True

    def _replace(self, descriptor: int) -> None:
        self._epoll.unregister(descriptor)
        client = self._clients.pop(descriptor)
        self._sent += client.sent
        self.ended[client.close()] += 1
        if self.attack.again:
            self._open()


def main(attack: Attack, host: str, port: str) -> None:
    """Attack this address, and tell at the end what has been sent, and how connections have ended."""
    print(json.dumps(Attackers(attack, (host, int(port))).run()), flush=True)
