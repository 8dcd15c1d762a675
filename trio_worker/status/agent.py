"""The socket by which the other workers of the instance ask this one for its live state, and the asking.

A question is a line of JSON, the answer all that comes until the end. The name is abstract, so no folder must be
shared and no file is left behind; both sides ask the kernel whether the other is of their own user.
"""

import json
import logging
import os
import socket
from typing import Any

import trio

from trio_worker.messages.peer import owner
from trio_worker.status.live import Live

log = logging.getLogger(__name__)

# Bytes of a question and of an answer at most.
MOST_QUESTION = 4096
MOST_ANSWER = 16 * 1024 * 1024

# Seconds that a worker has to answer: one whose loop is stuck is told from others by it.
PATIENCE = 0.5

# Connections at a time.
MOST = 32


def address(master: int, pid: int) -> str:
    """Return the name of a worker's socket."""
    return f"\0trio-worker/status/{master}/{pid}"


class Agent:
    """The socket of this worker.

    Args:
        live: answers.
        master: the process id of the master, which all workers of an instance know.
    """

    def __init__(self, live: Live, master: int) -> None:
        self._live = live
        self._master = master

    async def run(self) -> None:
        """Answer until cancelled; without the name, which any user of the machine may have taken, nobody can ask."""
        with socket.socket(socket.AF_UNIX) as bound:
            try:
                bound.bind(address(self._master, os.getpid()))
            except OSError as error:
                log.error("other workers cannot ask this one for its state: %s", error)
                return
            bound.listen(MOST)
            listener = trio.SocketListener(trio.socket.from_stdlib_socket(bound))
            async with trio.open_nursery() as nursery:
                await trio.serve_listeners(self._serve, [listener], handler_nursery=nursery)

    async def _serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            pid, uid = owner(stream.socket)
            if uid != os.geteuid():
                log.warning("process %d of user %d may not ask this worker for its state", pid, uid)
                return
            try:
                with trio.move_on_after(PATIENCE):
                    asked = json.loads(await _receive_line(stream))
                    await stream.send_all(json.dumps(self._live.answer(asked)).encode())
            except (OSError, trio.BrokenResourceError, ValueError) as error:
                log.debug("a question of another process was not answered: %s", error)
            except Exception:
                # An app may have made anything of its tasks, and a look at a worker is not to end it.
                log.exception("a question of another process could not be answered")


async def _receive_line(stream: trio.SocketStream) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) < MOST_QUESTION:
        more = await stream.receive_some(MOST_QUESTION)
        if not more:
            break
        line += more
    return line


async def ask(master: int, pid: int, question: dict[str, Any]) -> dict[str, Any] | None:
    """Return a worker's answer, None where it gives none in time, or somebody else has its name."""
    with trio.move_on_after(PATIENCE), trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            await connection.connect(address(master, pid))
            if owner(connection)[1] != os.geteuid():
                return None
            await trio.SocketStream(connection).send_all(json.dumps(question).encode() + b"\n")
            answer = b""
            while (more := await connection.recv(65536)) and len(answer) < MOST_ANSWER:
                answer += more
            found: dict[str, Any] = json.loads(answer)
            return found
        except (OSError, trio.BrokenResourceError, ValueError):
            return None
    return None
