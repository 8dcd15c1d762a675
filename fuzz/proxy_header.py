"""The PROXY header: only the declared error, and the same answer however it is cut."""

import sys

import atheris

with atheris.instrument_imports():
    from trio_worker.serving.proxy_header import ProxyError, may_begin, parse


def fuzz(data: bytes) -> None:
    try:
        header = parse(data)
    except ProxyError:
        return
    assert may_begin(data)
    if header is None:
        assert len(data) < 4096 + 16
        return
    assert 0 < header.size <= len(data)
    assert parse(data[: header.size]) == header
    assert parse(data[: header.size - 1]) is None


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
