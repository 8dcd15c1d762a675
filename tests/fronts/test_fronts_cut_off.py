"""What the client of a front sees of an answer that its app leaves incomplete, as docs/cancellation.md has it."""

from pathlib import Path

import pytest
from support.bodies import SCRIPTED, body_of
from support.http1 import Http1
from support.nginx import NGINX, nginx
from support.uwsgi import Server, Servers

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

STEPS = "p1000.w50.p1000.x"


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(**SCRIPTED)


@pytest.mark.parametrize(("site", "length"), [("proxy_pass.conf", ""), ("uwsgi_pass.conf", "&length=5000")])
def test_it_sees_that_it_was_cut_off(server: Server, tmp_path: Path, site: str, length: str) -> None:
    with nginx(tmp_path / "n", site, f"unix:{server.unix_path}") as address, Http1(address) as client:
        client.request(f"/?id=1&do={STEPS}{length}")
        with pytest.raises(ConnectionResetError, match="closed within a body"):
            client.response()


def test_it_cannot_see_it_where_the_end_is_that_of_the_connection(server: Server, tmp_path: Path) -> None:
    with nginx(tmp_path / "n", "uwsgi_pass.conf", f"unix:{server.unix_path}") as address, Http1(address) as client:
        client.request(f"/?id=2&do={STEPS}")
        assert client.response().body == body_of(2, 0, 2000)
