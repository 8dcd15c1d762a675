"""What every front must let through, as checks on the address that a front listens on."""

import hashlib
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import connect as connect_websocket

from support.http1 import Http1, connect

Address = tuple[str, int]
Check = Callable[[Address], None]

# Bytes of the large bodies.
LARGE = 100_000_000

_BLOCK = bytes(range(256)) * 256


def digest(size: int) -> str:
    """The SHA-256 of what `/bytes?size=` of the mirror app answers with."""
    found = hashlib.sha256()
    for start in range(0, size, len(_BLOCK)):
        found.update(_BLOCK[: size - start])
    return found.hexdigest()


def blocks(size: int) -> Iterator[bytes]:
    """That body in pieces."""
    for start in range(0, size, len(_BLOCK)):
        yield _BLOCK[: size - start]


def get(
    address: Address, path: str, method: str = "GET", source: str = "127.0.0.1", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """One request on a connection of its own, from this address of ours; the response and its body."""
    client = http.client.HTTPConnection(*address, timeout=30, source_address=(source, 0))
    try:
        client.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = client.getresponse()
        return response, response.read()
    finally:
        client.close()


def scope(address: Address, path: str = "/scope", source: str = "127.0.0.1", **headers: str) -> Any:
    """The scope that the app saw."""
    response, body = get(address, path, source=source, **headers)
    assert response.status == 200, body
    return json.loads(body)


def check_plain_requests(address: Address, names_client: bool = True) -> None:
    """Whether the app sees them as they were sent; `names_client` is whether the front can say by whom."""
    assert get(address, "/")[1] == b"hello"
    told = scope(address, "/scope/a%20b%2Fc?x=1&y=%20")
    assert told["path"] == "/scope/a b/c"
    assert told["raw_path"] == "/scope/a%20b%2Fc"
    assert told["query_string"] == "x=1&y=%20"
    assert told["client"][0] == "127.0.0.1" if names_client else told["client"] is None
    assert told["scheme"] == "http"


def check_head_and_errors(address: Address) -> None:
    response, body = get(address, "/bytes?size=10&length=1", "HEAD")
    assert (response.status, response.headers["content-length"], body) == (200, "10", b"")
    response, body = get(address, "/nothing")
    assert (response.status, response.headers["etag"], body) == (304, '"1"', b"")
    assert get(address, "/status?code=404")[0].status == 404
    assert get(address, "/raise")[0].status == 500


def check_large_bodies(address: Address, size: int = LARGE) -> None:
    client = http.client.HTTPConnection(*address, timeout=60)
    client.request("POST", "/digest", blocks(size), {"Content-Length": str(size)})
    assert json.loads(client.getresponse().read()) == {"sha256": digest(size), "size": size}
    client.close()
    for path in (f"/bytes?size={size}&length=1", f"/bytes?size={size}"):
        client = http.client.HTTPConnection(*address, timeout=60)
        client.request("GET", path)
        response, found = client.getresponse(), hashlib.sha256()
        while block := response.read(1 << 20):
            found.update(block)
        assert found.hexdigest() == digest(size)
        client.close()


def check_chunked_upload(address: Address, size: int = 3_000_000) -> None:
    client = http.client.HTTPConnection(*address, timeout=30)
    client.request("POST", "/digest", blocks(size), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert json.loads(client.getresponse().read()) == {"sha256": digest(size), "size": size}
    client.close()


def check_events(address: Address) -> None:
    """Events come one by one, not when the stream ends."""
    with Http1(address) as client:
        client.request("/events")
        assert client.head().headers["content-type"] == "text/event-stream"
        begin = time.monotonic()
        seen = b""
        while seen.count(b"data: tick") < 3:
            seen += client.line()
        assert time.monotonic() - begin < 3


def check_websocket(address: Address) -> None:
    with connect_websocket("ws://test/ws", sock=connect(address)) as client:
        client.send("a text")
        client.send(b"x" * 100_000)
        assert (client.recv(), client.recv()) == ("a text", b"x" * 100_000)
    with connect_websocket("ws://test/scope", sock=connect(address)) as client:
        assert json.loads(client.recv())["path"] == "/scope"


# Those that are the same for every front, whatever it knows of its clients.
CHECKS: tuple[Check, ...] = (
    check_head_and_errors,
    check_large_bodies,
    check_chunked_upload,
    check_events,
    check_websocket,
)


@contextmanager
def load(address: Address, clients: int = 8, keep: bool = True) -> Iterator[Counter[str]]:
    """Requests without a pause while the block runs; counts answers by status, and what went wrong by its name."""
    counted: Counter[str] = Counter()
    stop = threading.Event()
    threads = [threading.Thread(target=_ask, args=(address, stop, counted, keep)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield counted
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _ask(address: Address, stop: threading.Event, counted: Counter[str], keep: bool) -> None:
    client = http.client.HTTPConnection(*address, timeout=30)
    while not stop.is_set():
        try:
            client.request("GET", "/")
            response = client.getresponse()
            counted[str(response.status) if response.read() == b"hello" else "another body"] += 1
        except (OSError, http.client.HTTPException) as error:
            counted[type(error).__name__] += 1
            client.close()
        if not keep:
            client.close()
    client.close()


def check_reloads(address: Address, reload: Callable[[], None], times: int = 2, keep: bool = True) -> None:
    """No request is lost while `reload` runs and returns when it is over."""
    with load(address, keep=keep) as counted:
        for _ in range(times):
            before = counted.total()
            reload()
            while counted.total() < before + 50:
                time.sleep(0.01)
    assert set(counted) == {"200"}, counted
