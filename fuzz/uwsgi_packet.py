"""The uwsgi packet: only the declared errors, readers that agree, and what is served would be served over HTTP/1.1."""

import sys

import atheris
from support.packets import packet

from .judge import agree

with atheris.instrument_imports(include=["trio_worker"]):
    from trio_worker.host import known_hosts
    from trio_worker.protocols._packets import read_block, read_packet
    from trio_worker.protocols.rules import METHODS, Head
    from trio_worker.protocols.uwsgi.packet import Block, PacketError, RequestError, known_names, learn_block
    from trio_worker.protocols.uwsgi.request import PacketRequest
    from trio_worker.protocols.uwsgi.sender import VERSIONS
    from trio_worker.protocols.uwsgi.whole import split_plain

LIMIT = 65535


def _learned(data: bytes) -> Block | None:
    try:
        return learn_block(data)
    except (PacketError, RequestError):
        return None


def _compare(data: bytes, learned: Block | None) -> None:
    """Hold the readers in C against those in Python."""
    read = read_block(data, known_names)
    assert read is None or read == learned, (read, learned)
    whole = packet(data)
    split = split_plain(whole, LIMIT)
    plain = read_packet(whole, LIMIT, known_names, METHODS, VERSIONS, known_hosts)
    assert plain is None or plain == split, (plain, split)


def fuzz(data: bytes) -> None:
    learned = _learned(data)
    _compare(data, learned)
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
