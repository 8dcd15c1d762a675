"""The clients of `support.hosts.Load`, a program of its own: it runs in the namespace of the host that asks.

    python hosts_client.py ADDRESS PORT HOST CLIENTS

Each client keeps its connection, asks without a pause and writes a line for every request: its own number, when the
request began and ended, the node that answered, and `ok` or what was wrong. They stop at the end of standard input.
"""

import http.client
import itertools
import sys
import threading
from time import monotonic

# Seconds that a client waits; the router gives up before.
TIMEOUT = 30.0

# A short request, one with a body, and one whose answer takes a while and has no length.
ASKS: list[tuple[str, bytes, bytes]] = [
    ("/", b"", b"hello"),
    ("/echo", b"x" * 10_000, b"x" * 10_000),
    ("/stream?count=5&size=1000&pause=0.01", b"", b"x" * 5_000),
]


def ask(client: http.client.HTTPConnection, host: str, path: str, body: bytes, expected: bytes) -> tuple[str, str]:
    """One request; the node that answered it and the outcome."""
    kept = client.sock is not None
    try:
        client.request("POST" if body else "GET", path, body or None, {"Host": host})
        response = client.getresponse()
        found = response.read()
    except (OSError, http.client.HTTPException) as error:
        client.close()
        return "-", f"{type(error).__name__} on a {'kept' if kept else 'new'} connection"
    node = response.headers.get("Node", "-")
    if response.status != 200:
        return node, f"status {response.status}"
    return node, "ok" if found == expected else f"{len(found)} of {len(expected)} bytes"


def work(address: tuple[str, int], host: str, number: int, stop: threading.Event) -> None:
    """One client: asks until it is told to stop."""
    client = http.client.HTTPConnection(*address, timeout=TIMEOUT)
    for path, body, expected in itertools.islice(itertools.cycle(ASKS), number, None):
        if stop.is_set():
            break
        begin = monotonic()
        node, outcome = ask(client, host, path, body, expected)
        sys.stdout.write(f"{number} {begin:.6f} {monotonic():.6f} {node} {outcome}\n")
        sys.stdout.flush()
    client.close()


def main() -> None:
    """Run the clients until the end of standard input."""
    address, port, host, clients = sys.argv[1:]
    stop = threading.Event()
    given = ((address, int(port)), host)
    threads = [threading.Thread(target=work, args=(*given, number, stop)) for number in range(int(clients))]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
