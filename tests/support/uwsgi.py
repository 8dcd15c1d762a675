"""A real uWSGI for a test: it is started, asked and ended, and nothing of it may be left."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from support import ini
from support.ini import UWSGI, Options, free_port
from support.log import ACCEPTING, CHAIN_END, FAILED, OUTSTAYED, RELOADED, RELOADS, HasLog
from support.processes import age, kill, session_members
from support.waiting import eventually

# Seconds that a uWSGI has to end when a test is over.
END_TIMEOUT = 15.0

# Seconds after its fork at which a worker surely listens to signals, or keeps them.
NEWBORN = 0.1


class Server(HasLog):
    """One uWSGI in a directory of its own.

    Args:
        directory: where its ini, log and sockets are; also its working directory.
        options: of the ini.
        usual: whether what every test needs is there besides.
        environment: variables added to our own.

    Attributes:
        directory: see above.
        address: host and port of the first TCP socket.
        unix_path: the first UNIX socket.
        process: the master.
        socket_files: the UNIX sockets that must be gone at the end.
        may_outstay: whether a worker may have been ended by its own last deadline.
    """

    def __init__(
        self,
        directory: Path,
        options: Options,
        usual: bool = True,
        environment: dict[str, str] | None = None,
    ) -> None:
        super().__init__(directory / "log")
        self.directory = directory
        self.environment = environment or {}
        self.may_outstay = False
        self.ini = directory / "uwsgi.ini"
        self.unix_path = directory / "s"
        self.address = ("127.0.0.1", free_port())
        sockets = [f"{self.address[0]}:{self.address[1]}", str(self.unix_path)]
        self.options = ini.granted({**(ini.usual(directory, sockets) if usual else {}), **options})
        self.ini.write_text(ini.text(self.options))
        self.socket_files = [self.unix_path] if str(self.unix_path) in self.options.get("socket", []) else []

    @property
    def url(self) -> str:
        """The first TCP socket as a URL, without a slash at the end."""
        return f"http://{self.address[0]}:{self.address[1]}"

    @property
    def processes(self) -> int:
        """How many workers there are."""
        return int(str(self.options.get("processes", 1)))

    @property
    def master_pid(self) -> int:
        """Of the process that was started; a reload of the master keeps it."""
        return self.process.pid

    def start(self) -> None:
        """Start it; does not wait for its workers."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [UWSGI, "--ini", str(self.ini)],
                cwd=self.directory,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_accepting(self, count: int, timeout: float = 20.0) -> None:
        """Wait until workers have begun to accept `count` times since the start."""

        def look() -> bool:
            accepting = self.count(ACCEPTING)
            assert self.process.poll() is None, f"uWSGI ended with {self.process.returncode}\n{self.log}"
            assert accepting or not self.count(FAILED), f"a worker failed at its start\n{self.log}"
            return accepting >= count or self.nudge()

        eventually(look, timeout, lambda: f"{count} workers accepting\n{self.log}")

    def nudge(self) -> bool:
        """Make the master look at once for workers that have ended or accept, instead of within a second.

        It does so whenever somebody asks its stats server. What it does by the clock, each second, stays as it is.

        Returns:
            False, for what waits and has not found yet.
        """
        if "stats" in self.options:
            with suppress(OSError):
                _read(str(self.options["stats"]), timeout=1)
        return False

    def stats(self) -> Any:
        """The JSON of uWSGI's stats server."""
        return eventually(lambda: _read_json(str(self.options["stats"])))

    def metrics(self) -> dict[str, int]:
        """Our metrics as the stats server shows them, by their names below `trio.`."""
        found = self.stats()["metrics"].items()
        return {name.removeprefix("trio."): each["value"] for name, each in found if name.startswith("trio.")}

    def worker_pids(self) -> list[int]:
        """The processes of the workers in the order of their ids."""
        return [worker["pid"] for worker in self.stats()["workers"] if worker["pid"]]

    def fifo(self, command: str) -> None:
        """Write a command to the master's FIFO."""
        with open(str(self.options["master-fifo"]), "w") as fifo:
            fifo.write(command)

    def reload(self, command: str, timeout: float = 60.0) -> None:
        """Replace every worker by a command to the FIFO; returns when the new ones accept and a chain has its end."""
        accepting, chains = self.count(ACCEPTING), self.count(CHAIN_END)
        self.fifo(command)
        self.wait_accepting(accepting + self.processes, timeout)
        if command == "c":
            self.wait_chain(chains + 1, timeout)

    def wait_chain(self, count: int, timeout: float = 60.0) -> None:
        """Wait until so many chain reloads have come to their end since the start."""
        ended = f"the end of {count} chain reloads"
        eventually(lambda: self.count(CHAIN_END) >= count or self.nudge(), timeout, lambda: f"{ended}\n{self.log}")

    def signal(self, number: int, pid: int | None = None) -> None:
        """Send a signal, to the master unless `pid` says otherwise."""
        os.kill(pid or self.master_pid, number)

    def wait_end(self, timeout: float = END_TIMEOUT) -> int:
        """Wait until the master has ended; returns its exit code."""
        eventually(lambda: self.process.poll() is not None or self.nudge(), timeout, lambda: f"its end\n{self.log}")
        return self.process.wait()

    def end(self) -> None:
        """End it by SIGINT.

        Not before its processes have come of age: a worker that was just forked has the handlers of its master for
        some milliseconds and loses what comes then. Nor while the master runs itself anew: until it has its handlers a
        SIGINT ends it where it is. And as often as it takes: the master forgets a SIGINT that meets it on its way up,
        and each makes it look at once, instead of within a second, whether its workers have ended.
        """
        with suppress(AssertionError):  # It may be that it cannot, as with an ini that is wrong by now.
            eventually(lambda: self.count(RELOADED) >= self.count(RELOADS) or self.process.poll() is not None)
        eventually(lambda: all(age(pid) > NEWBORN for pid in session_members(self.process.pid)))
        eventually(self._ended, END_TIMEOUT, lambda: f"the end of uWSGI\n{self.log}")

    def _ended(self) -> bool:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                return False
        return True

    def close(self) -> None:
        """End it and look for what it left: a process, a socket file, a worker that did not end by itself.

        Raises:
            AssertionError: something is left.
        """
        try:
            self.end()
            eventually(lambda: not session_members(self.process.pid), 3, lambda: f"no process is left\n{self.log}")
        finally:
            kill(session_members(self.process.pid))
            if self.process.poll() is None:
                self.process.wait()
        assert self.may_outstay or OUTSTAYED not in self.log, self.log
        # uWSGI does not know the sockets that it inherited from itself in a reload of the master.
        left = [path for path in self.socket_files if path.exists() and f"{path} changed inode" not in self.log]
        assert not left, f"{left} was left\n{self.log}"


def _read_json(path: str) -> Any:
    return json.loads(_read(path, timeout=5) or b"null")


def _read(path: str, timeout: float) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        client.connect(path)
        return b"".join(iter(lambda: client.recv(65536), b""))


class Servers:
    """Starts servers for one scope of tests and ends them all.

    Args:
        directories: where each gets a new directory from.
        options: of every one of them.
    """

    def __init__(self, directories: Iterator[Path], options: Options) -> None:
        self._directories = directories
        self._options = options
        self._servers: list[Server] = []

    def __call__(self, *, ready: bool = True, **options: Any) -> Server:
        """Write an ini as `write` does and start a uWSGI with it.

        Args:
            ready: whether to wait until every worker accepts.
            options: see `write`.
        """
        server = self.write(**options)
        server.start()
        self._servers.append(server)
        if ready:
            server.wait_accepting(server.processes)
        return server

    def write(self, *, usual: bool = True, environment: dict[str, str] | None = None, **options: Any) -> Server:
        """A server that is not started; an underscore in an option's name stands for a hyphen.

        Args:
            usual: whether what every test needs is in the ini besides.
            environment: variables for it.
            options: of the ini; see `Server`.
        """
        given = {key.replace("_", "-"): value for key, value in options.items()}
        if usual:
            given = {**self._options, **given}
        return Server(next(self._directories), given, usual, environment)

    def close(self) -> None:
        """End all of them; what is wrong with one does not keep the others alive."""
        errors = [error for server in self._servers for error in _errors(server)]
        if errors:
            raise errors[0] if len(errors) == 1 else ExceptionGroup("servers that left something", errors)


# Starts one, or returns the one that is there with these options.
Shared = Callable[..., Server]


def _errors(server: Server) -> Iterable[Exception]:
    try:
        server.close()
    except (AssertionError, subprocess.TimeoutExpired) as error:
        yield error


@contextmanager
def servers(directories: Iterator[Path], options: Options) -> Iterator[Servers]:
    """`Servers` for the length of a with block."""
    started = Servers(directories, options)
    try:
        yield started
    finally:
        started.close()
