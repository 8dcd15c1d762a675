"""A uWSGI whose log is a pipe, with a reader that can be made to hang."""

import fcntl
import os
import subprocess
import threading
from pathlib import Path

from support.ini import UWSGI, Options
from support.uwsgi import Server

# Bytes of the pipe: the least there is, so that some lines fill it.
PIPE = 4096


class PipedServer(Server):
    """One uWSGI.

    Args:
        directory, options, environment: as of `Server`.

    Attributes:
        reading: cleared to have the reader of the log hang.
    """

    def __init__(self, directory: Path, options: Options, environment: dict[str, str] | None = None) -> None:
        super().__init__(directory, options, environment=environment)
        self.reading = threading.Event()
        self.reading.set()

    def start(self) -> None:
        """Start it and read its log into the file where a `Server` has it."""
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)
        self.process = subprocess.Popen(
            [UWSGI, "--ini", str(self.ini)],
            cwd=self.directory,
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            start_new_session=True,
        )
        os.close(writer)
        threading.Thread(target=self._read_log, args=(reader,), name="log").start()

    def _read_log(self, reader: int) -> None:
        with open(reader, "rb", buffering=0) as pipe, self.log_path.open("ab", buffering=0) as file:
            while data := pipe.read(PIPE):
                file.write(data)
                self.reading.wait()
