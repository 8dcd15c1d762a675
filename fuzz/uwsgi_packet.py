"""The uwsgi packet: only the declared errors, two readers that agree, and what is served would be over HTTP/1.1."""

import sys

import atheris

from .judge import agree

with atheris.instrument_imports(include=["trio_worker"]):
    from trio_worker.protocols._speedups import read_block
    from trio_worker.protocols.http1.rules import Head
    from trio_worker.protocols.uwsgi.packet import Block, PacketError, RequestError, _known, learn_block
    from trio_worker.protocols.uwsgi.request import PacketRequest


def _learned(data: bytes) -> Block | None:
    try:
        return learn_block(data)
    except (PacketError, RequestError):
        return None


def fuzz(data: bytes) -> None:
    learned, read = _learned(data), read_block(data, _known)
    assert read is None or read == learned, (read, learned)
    try:
        request = PacketRequest(data)
    except (PacketError, RequestError):
        return
    assert learned is not None
    assert request.path
    assert request.length is None or request.length >= 0
    assert request.scheme in ("http", "https")
    assert request.client is None or len(request.client) == 2
    assert isinstance(request.others, dict)
    headers = request.headers
    if b"SERVER_PROTOCOL" not in learned[1] and b"host" not in dict(headers):
        headers = [(b"host", b""), *headers]  # A front that does not say which HTTP it was may have had none.
    agree(Head(request.method, request.target, "1.0" if request.version == "1.0" else "1.1", headers))


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
