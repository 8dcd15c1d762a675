"""One core for the server, another for the client, so that neither slows the other.

`taskset` pins a command before it starts, so its threads and children inherit the core.
"""

import os
from functools import cache


@cache
def server_and_client() -> tuple[int, int]:
    """The core that serves and the core that asks; the same one where this process may use only one."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


def on_server_core(command: list[str]) -> list[str]:
    return ["taskset", "-c", str(server_and_client()[0]), *command]


def on_client_core(command: list[str]) -> list[str]:
    return ["taskset", "-c", str(server_and_client()[1]), *command]


def leave_the_server_core() -> None:
    """Move this process, which starts and watches the others, to the client's core."""
    os.sched_setaffinity(0, {server_and_client()[1]})
