"""The faster request and its headers beside those of Quart that they stand for: asked the same, they say the same."""

from operator import attrgetter
from typing import Any

import pytest
from quart_trio.wrappers import TrioRequest
from support.quart_classes import make_app, make_both, make_scope, outcome
from werkzeug.datastructures import Headers

from trio_worker.quart.request import RequestHeaders

NAMES = ("Host", "host", "X-Many", "x-number", "X-Word", "X-Absent", "Remote-Addr", "Content-Length")


class TestHeaders:
    stock = Headers([("Host", "h"), ("X-Many", "1"), ("X-Many", "2"), ("X-Number", "7"), ("X-Word", "a")])

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("rest", [(), ("else",), (3, int), (None, str.upper)])
    def test_get(self, name: str, rest: tuple[Any, ...]) -> None:
        assert RequestHeaders(self.stock).get(name, *rest) == self.stock.get(name, *rest)

    def test_they_are_equal_both_ways(self) -> None:
        ours = RequestHeaders(self.stock)
        assert ours == self.stock
        assert self.stock == ours
        assert ours == RequestHeaders(self.stock)
        ours.add("More", "1")
        assert ours != self.stock
        assert self.stock != ours
        assert ours != [*self.stock]

    def test_they_look_the_same(self) -> None:
        ours = RequestHeaders(self.stock)
        assert repr(ours) == repr(self.stock)
        assert str(ours) == str(self.stock)
        with pytest.raises(TypeError):
            hash(ours)


class TestRequest:
    SCOPES = (
        make_scope(),
        make_scope(root_path="/a"),
        make_scope(root_path="/elsewhere"),
        make_scope(path="http://other/c"),
        make_scope(http_version="1.0", headers=[]),
        make_scope(http_version="1.0"),
        make_scope(client=None, server=None, headers=[]),
        make_scope(server=("/run/app.sock", None), headers=[(b"host", b"not valid!")]),
        make_scope(scheme="https", headers=[(b"host", b"EXAMPLE.org:443")]),
        make_scope(
            method="POST", headers=[(b"content-length", b"12"), (b"content-type", b"text/plain; charset=utf-8")]
        ),
        make_scope(headers=[(b"x-latin", b"\xe9"), (b"cookie", b"a=1; b=2")]),
    )
    ATTRIBUTES = (
        "method scheme path query_string headers root_path http_version scope host remote_addr content_length mimetype"
        " args cookies url base_url root_url script_root url_root endpoint blueprint blueprints access_route is_secure"
        " full_path body_timeout max_content_length"
    )

    @pytest.mark.parametrize("scope", SCOPES)
    def test_all_that_can_be_asked_of_it(self, scope: dict[str, Any]) -> None:
        theirs, ours = make_both(make_app(), scope)
        for name in self.ATTRIBUTES.split():
            assert getattr(ours, name) == getattr(theirs, name), name
        assert repr(ours) == repr(theirs)
        assert isinstance(ours, type(theirs))

    def test_a_host_that_is_not_trusted(self) -> None:
        class Wary(TrioRequest):
            trusted_hosts = ["example.org"]  # noqa: RUF012

        app = make_app()
        app.request_class = Wary
        for host in (b"example.org", b"evil.org"):
            theirs, ours = make_both(app, make_scope(headers=[(b"host", host)]))
            assert outcome(attrgetter("host"), ours) == outcome(attrgetter("host"), theirs)

    def test_blueprints_within_each_other(self) -> None:
        theirs, ours = make_both(make_app(), make_scope())
        for endpoint in ("view", "outer.view", "outer.inner.view"):
            theirs.url_rule = ours.url_rule = type("Rule", (), {"endpoint": endpoint})()
            assert ours.blueprints == theirs.blueprints

    def test_what_an_app_has_overridden_stays(self) -> None:
        class Own(TrioRequest):
            host = "own"
            blueprints = ["own"]  # noqa: RUF012

        app = make_app()
        app.request_class = Own
        _, ours = make_both(app, make_scope())
        assert (ours.host, ours.blueprints) == ("own", ["own"])
