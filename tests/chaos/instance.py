"""The uWSGI that has to stand it: two or three workers, every kind of socket, and a log that can be made to fail."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from support.certificates import Authority
from support.ini import APPS, CHECKOUT, UWSGI, free_port
from support.piped import PipedServer
from support.uwsgi import Server

from chaos.client import Places
from trio_worker.master.native.build import build

# Seconds after which a request is cancelled and a worker whose loop is stuck is killed.
HARAKIRI = 6

# Bytes of the disk that the log may fill.
DISK = 16 << 20

DEPLOYED = "from ledger_app import app as app\n"


class Instance(PipedServer):
    """A uWSGI whose log is a file on a small disk, or a pipe with a reader that may hang.

    Args:
        directory: for all its files.
        on_disk: which of the two.

    Attributes:
        places: where clients connect to.
        code: the file of its app.
        book: where its app writes.
        touched: the file of `touch-workers-reload`.
        disk: the disk of the log, None where there is a pipe.
    """

    def __init__(self, directory: Path, on_disk: bool) -> None:
        authority = Authority(directory)
        certificate, key = authority.serve("localhost")
        tls_port = free_port()
        self.code, self.book, self.touched = directory / "deployed.py", directory / "book", directory / "touched"
        self.code.write_text(DEPLOYED)
        self.touched.touch()
        self.disk = directory / "disk" if on_disk else None
        options = {
            "module": "deployed:app",
            "pythonpath": [CHECKOUT, APPS, directory],
            "lazy-apps": True,
            "processes": 3,
            "cheaper": 1,
            "cheaper-initial": 2,
            "cheaper-algo": "manual",
            "plugin": build(Path(UWSGI), directory),
            "https-socket": f"127.0.0.1:{tls_port},{certificate},{key}",
            "listen": 128,
            "harakiri": HARAKIRI,
            "reload-on-rss": 200,
            "evil-reload-on-rss": 350,
            "mem-collector-freq": 1,
            "min-worker-lifetime": 1,
            "worker-reload-mercy": 20,
            "touch-workers-reload": self.touched,
            "hook-master-start": "unix_signal:17 worker_wakeup",
        }
        super().__init__(directory, options, environment={"CHAOS_BOOK": str(self.book), "PYTHONDONTWRITEBYTECODE": "1"})
        self.places = Places(self.address, self.unix_path, ("127.0.0.1", tls_port), authority)
        if self.disk is not None:
            self.log_path = self.disk / "log"

    def start(self) -> None:
        """Start it with its log where it may fail."""
        if self.disk is not None:
            Server.start(self)
        else:
            super().start()

    @property
    def story(self) -> str:
        """The end of the log, without the lines of requests."""
        lines = [line for line in self.log.splitlines() if not line.startswith("[pid: ")]
        return "\n".join(lines[-40:])

    def open_connections(self) -> list[str]:
        """The connections that the workers still have."""
        return [
            f"{pid}: {each.laddr} {each.raddr} {each.status}"
            for pid in self.worker_pids()
            for each in psutil.Process(pid).net_connections("tcp")
            if each.status in ("ESTABLISHED", "CLOSE_WAIT")
        ]

    def descriptors(self) -> dict[int, int]:
        """How many descriptors each worker has open."""
        return {pid: psutil.Process(pid).num_fds() for pid in self.worker_pids()}


def can_mount() -> bool:
    """Look whether we may mount a small disk."""
    return os.geteuid() == 0


@contextmanager
def small_disk(directory: Path) -> Iterator[None]:
    """Mount a file system of `DISK` bytes there."""
    libc = ctypes.CDLL(None, use_errno=True)
    directory.mkdir()
    if libc.mount(b"chaos", os.fsencode(directory), b"tmpfs", 0, f"size={DISK}".encode()):
        raise OSError(ctypes.get_errno(), "mount")
    try:
        yield
    finally:
        # MNT_DETACH: it goes when the last who has a file of it open goes.
        libc.umount2(os.fsencode(directory), 2)
