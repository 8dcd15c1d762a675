"""The uwsgi packet: only the declared errors, and a request that is consistent in itself."""

import sys

import atheris

with atheris.instrument_imports():
    from trio_worker.protocols.uwsgi.packet import PacketError, RequestError
    from trio_worker.protocols.uwsgi.request import Reader

# As in a worker, it remembers what it has read before.
reader = Reader()


def fuzz(data: bytes) -> None:
    try:
        request = reader.read(data)
    except (PacketError, RequestError):
        return
    asked, sender = request.asked, request.sender
    assert asked.path
    assert asked.length is None or asked.length >= 0
    assert sender.scheme in ("http", "https")
    assert sender.client is None or len(sender.client) == 2
    assert isinstance(sender.others, dict)
    head = request.replay()
    assert head.count(b"\r\n\r\n") == 1, head
    assert head.count(b"\n") == len(request.headers) + 2, head


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
