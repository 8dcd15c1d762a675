"""A real uWSGI with the native plugin, whose worker does what a test asks of it.

Its worker runs OVERRIDE, which loads the plugin and then evaluates the expressions that arrive on a UNIX
socket; what they did is read where an operator reads it: stats server, log, files, the Emperor.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

UWSGI = Path(sys.executable).parent / "uwsgi"
CHECKOUT = Path(__file__).parents[2]

OVERRIDE = """
import json, os, signal, socket, sys, uwsgi
from trio_worker.master.native import Counts, PluginRefused, load
signal.signal(signal.SIGINT, lambda *_: os._exit(30))
signal.signal(signal.SIGHUP, lambda *_: os._exit(17))
ran = []
if uwsgi.masterpid():
    uwsgi.register_signal(7, "workers", ran.append)
try:
    native = load()
except PluginRefused as refused:
    native = refused
def served(**counts):
    native.requests[0] += counts["requests"]
    native.account(Counts(**counts))
path = f"worker{uwsgi.worker_id()}"
if os.path.exists(path):
    os.unlink(path)
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen()
while True:
    client, _ = server.accept()
    try:
        answer = eval(client.recv(65536))
    except Exception as error:
        answer = repr(error)
    client.sendall(json.dumps(answer, default=repr).encode())
    client.close()
"""

INI = """
[uwsgi]
master = true
enable-threads = true
py-call-uwsgi-fork-hooks = true
virtualenv = {prefix}
pythonpath = {checkout}
python-worker-override = override.py
stats = stats
memory-report = false
"""

SOCKET = "socket = a.sock\n"
ONE_REQUEST = "served(requests=1, app=-1)"

T = TypeVar("T")


def eventually(look: Callable[[], T], within: float = 10.0) -> T:
    """What `look` finds once it finds something; sockets and files may still be missing meanwhile."""
    deadline = time.monotonic() + within
    while True:
        with suppress(FileNotFoundError, ConnectionRefusedError):
            if found := look():
                return found
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def ask(path: Path, question: bytes = b"") -> Any:
    """The JSON that a UNIX socket answers with."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fspath(path))
        if question:
            client.sendall(question)
        return json.loads(b"".join(iter(lambda: client.recv(65536), b"")))


class Instance:
    """A uWSGI of its own in a directory of its own, with the plugin or without."""

    def __init__(self, directory: Path, plugin: Path | None, ini: str) -> None:
        self.directory = directory
        self.ini = directory / "uwsgi.ini"
        (directory / "override.py").write_text(OVERRIDE)
        loading = f"plugin = {plugin}\n" if plugin else ""
        self.ini.write_text(INI.format(prefix=sys.prefix, checkout=CHECKOUT) + loading + ini)

    def start(self, *arguments: str) -> None:
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [UWSGI, *arguments] if arguments else [UWSGI, "--ini", "uwsgi.ini"],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self) -> None:
        """Asks as often as it takes: uWSGI forgets a SIGINT that meets it on its way up."""
        for _ in range(100):
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.1)
                return
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        raise AssertionError(f"uWSGI did not end: {self.log()}")

    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def run(self, expression: str, worker: int = 1) -> Any:
        return eventually(lambda: [ask(self.directory / f"worker{worker}", expression.encode())])[0]

    def stats(self) -> Any:
        return eventually(lambda: ask(self.directory / "stats"))

    def worker(self, number: int = 1) -> Any:
        return self.stats()["workers"][number - 1]

    def metric(self, name: str) -> int | None:
        value: int | None = self.stats()["metrics"].get(name, {}).get("value")
        return value

    def file(self, name: str) -> str:
        return (self.directory / name).read_text()


Start = Callable[..., Instance]


@contextmanager
def uwsgis(plugin: Path | None) -> Iterator[Start]:
    """Starts instances with `plugin`, unless a call names another one, and ends them."""
    instances: list[Instance] = []
    # Not pytest's own directory: the path of a UNIX socket has room for 107 bytes.
    with tempfile.TemporaryDirectory() as directory:

        def start(ini: str = SOCKET, *arguments: str, plugin: Path | None = plugin) -> Instance:
            instances.append(Instance(Path(directory), plugin, ini))
            instances[-1].start(*arguments)
            return instances[-1]

        try:
            yield start
        finally:
            for instance in instances:
                instance.end()
