"""The uwsgi packet: only the declared errors, and a request that is consistent in itself."""

import sys

import atheris

with atheris.instrument_imports():
    from trio_worker.protocols.uwsgi.packet import PacketError, RequestError
    from trio_worker.protocols.uwsgi.request import PacketRequest


def fuzz(data: bytes) -> None:
    try:
        request = PacketRequest(data)
    except (PacketError, RequestError):
        return
    assert request.path
    assert request.length is None or request.length >= 0
    assert request.scheme in ("http", "https")
    assert request.client is None or len(request.client) == 2
    assert isinstance(request.others, dict)
    head = request.replay()
    assert head.count(b"\r\n\r\n") == 1, head
    assert head.count(b"\n") == len(request.headers) + 2, head


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
