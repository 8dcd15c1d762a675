"""A uWSGI with two workers, in a folder of its own: one socket on which every protocol is spoken."""

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import trustme

CHECKOUT = Path(__file__).resolve().parent.parent
WORKERS = 2
STOP_SECONDS = 30.0

INI = """\
[uwsgi]
master = true
processes = {workers}
need-app = true
lazy-apps = true
virtualenv = {virtualenv}
pythonpath = {checkout}
module = soak.app:app
socket = 127.0.0.1:{port}
master-fifo = {folder}/fifo
py-call-uwsgi-fork-hooks = true
python-worker-override = {checkout}/trio_worker/override.py
disable-logging = true
trio-certfile = {folder}/certificate.pem
trio-keyfile = {folder}/certificate.pem
trio-clear-text = true
"""


@dataclass(frozen=True)
class Server:
    """A uWSGI that runs.

    Attributes:
        folder: with its ini, log, FIFO and certificate authority (`ca.pem`).
        port: of its socket.
        master: its process.
    """

    folder: Path
    port: int
    master: psutil.Process

    def workers(self) -> list[psutil.Process]:
        """The workers that live now, those included that drain."""
        return self.master.children()

    def reload(self, number: int) -> None:
        """Begin a reload: the first, third, fifth ... one worker after the other, the others of all at once."""
        if number % 2:
            self.folder.joinpath("fifo").write_text("c")
        else:
            self.master.send_signal(signal.SIGHUP)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Run a server for a with block."""
    port = _free_port()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        folder / "certificate.pem"
    )
    ini = folder / "uwsgi.ini"
    ini.write_text(
        INI.format(workers=WORKERS, virtualenv=sys.prefix, checkout=CHECKOUT, port=port, folder=folder), "utf-8"
    )
    with folder.joinpath("uwsgi.log").open("wb") as log:
        process = subprocess.Popen([Path(sys.executable).parent / "uwsgi", ini], stdout=log, stderr=log)
    try:
        yield Server(folder, port, psutil.Process(process.pid))
    finally:
        _end(process)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _end(process: "subprocess.Popen[bytes]") -> None:
    left = psutil.Process(process.pid).children() if process.poll() is None else []
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    finally:
        process.kill()
        for each in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
