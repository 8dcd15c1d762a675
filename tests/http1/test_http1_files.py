"""Files that an app sends by their names."""

import os
from pathlib import Path

import pytest
from support.http1 import Http1
from support.uwsgi import Server, Servers


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="http1_behaviour:app")


def test_an_empty_one(server: Server, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with Http1(server.address) as client:
        assert client.get(f"/path?path={tmp_path / 'empty'}").body == b""
        assert client.get("/early").body == b"early"


def test_what_has_no_end_is_none(server: Server, tmp_path: Path) -> None:
    """A FIFO would keep a thread for ever."""
    os.mkfifo(tmp_path / "fifo")
    for name in ("/dev/zero", tmp_path / "fifo", tmp_path):
        with Http1(server.address) as client:
            assert client.get(f"/path?path={name}").status == 500
