"""What an app gets installed, its responses and its own methods, does what Quart's does; what is not stock stays."""

import functools
import pickle
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from quart.asgi import ASGIHTTPConnection
from quart.wrappers import Response
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse
from support.quart_classes import make_app, make_both, make_scope, no_send, outcome
from werkzeug.datastructures import Headers

from trio_worker import quart as short_way
from trio_worker.quart import application, connection, response, websocket
from trio_worker.quart.connection import DirectHTTPConnection


async def pieces() -> AsyncIterator[bytes]:
    yield b"x"


class TestResponse:
    MADE: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
        (("text",), {}),
        (("\u00e9\u20ac",), {}),
        ((b"bytes",), {}),
        (("",), {}),
        ((None,), {}),
        ((bytearray(b"x"),), {}),
        ((["a", b"b"],), {}),
        ((pieces(),), {}),
        (("{}",), {"mimetype": "application/json"}),
        (("x",), {"mimetype": "image/svg+xml"}),
        (("x",), {"mimetype": ""}),
        (("x",), {"content_type": "text/css"}),
        (("x",), {"content_type": ""}),
        (("x", 404), {}),
        (("x", "418 Tea"), {}),
        (("x",), {"headers": {"A": "1", "Content-Type": "text/css"}}),
        (("x",), {"headers": Headers([("A", "1")])}),
    )

    @staticmethod
    def installed() -> Any:
        app = make_app()
        response.install(app)
        assert app.response_class is not TrioResponse
        return app.response_class

    @staticmethod
    def facts(made: Any) -> dict[str, Any]:
        names = "status status_code mimetype content_type content_length timeout"
        body = type(made.response), getattr(made.response, "data", None), getattr(made.response, "end", None)
        return {name: getattr(made, name) for name in names.split()} | {"headers": list(made.headers), "body": body}

    @pytest.mark.parametrize(("arguments", "options"), MADE)
    def test_all_that_can_be_asked_of_it(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        theirs, ours = TrioResponse(*arguments, **options), self.installed()(*arguments, **options)
        assert self.facts(ours) == self.facts(theirs)
        assert repr(ours) == repr(theirs)
        assert vars(ours).keys() == vars(theirs).keys()

    def test_it_can_be_pickled(self) -> None:
        copied = pickle.loads(pickle.dumps(self.installed()("text")))
        assert type(copied) is TrioResponse
        assert self.facts(copied) == self.facts(TrioResponse("text"))

    def test_what_an_app_has_overridden_stays(self) -> None:
        class Other(Response):
            default_mimetype = "text/plain"

        class Own(Response):
            def set_data(self, data: Any) -> None:
                super().set_data(data)
                self.headers["X-Own"] = "1"

        app = make_app()
        app.response_class = Own
        response.install(app)
        assert app.response_class is Own
        app.response_class = Other
        response.install(app)
        assert self.facts(app.response_class("x")) == self.facts(Other("x"))


class TestApplication:
    HOSTS = (b"example.org", b"EXAMPLE.org:80", b"other.org", b"sub.example.org", b"", b"b\xc3\xbccher.example")

    @staticmethod
    def adapter(app: Any, scope: dict[str, Any]) -> object:
        def ask() -> object:
            found = app.create_url_adapter(make_both(app, scope)[0])
            return {
                **vars(found),
                "map": None,
                "url": found.build("view", {}, force_external=True),
                "matched": found.match(),
            }

        return outcome(ask)

    @pytest.mark.parametrize("server_name", [None, "example.org", "example.org:80"])
    @pytest.mark.parametrize("options", [{}, {"subdomain_matching": True}, {"host_matching": True, "static_host": "s"}])
    @pytest.mark.filterwarnings("ignore:Current server name")
    def test_whom_a_request_has_asked(self, server_name: str | None, options: dict[str, Any]) -> None:
        theirs, ours = [make_app(**options) for _ in range(2)]
        for app in (theirs, ours):
            app.config["SERVER_NAME"] = server_name
            app.add_url_rule("/a/<name>", "view", no_send, defaults={"name": "b"})
        application.install(ours)
        assert "create_url_adapter" in vars(ours)
        for host in self.HOSTS * 2:
            for scheme in ("http", "https"):
                for path in ("/a/", "/none"):
                    scope = make_scope(headers=[(b"host", host)] if host else [], scheme=scheme, path=path)
                    assert self.adapter(ours, scope) == self.adapter(theirs, scope), (host, scheme, path)

    def test_without_a_request(self) -> None:
        app = make_app()
        application.install(app)
        assert app.create_url_adapter(None) is None
        app.config["SERVER_NAME"] = "example.org"
        found = app.create_url_adapter(None)
        assert found is not None
        assert found.server_name == "example.org"

    def test_hosts_that_are_remembered_have_an_end(self) -> None:
        app = make_app()
        application.install(app)
        for number in range(application.REMEMBERED * 2 + 1):
            app.create_url_adapter(make_both(app, make_scope(headers=[(b"host", b"h%d.org" % number)]))[0])
        assert len(app.create_url_adapter._known) <= application.REMEMBERED

    def test_what_is_async_is_called_as_it_is(self) -> None:
        app = make_app()
        application.install(app)
        connection = ASGIHTTPConnection(app, cast(Any, make_scope()))
        partial = functools.partial(no_send, None)
        for asynchronous in (no_send, connection.handle_request, partial):
            assert app.ensure_async(asynchronous) is asynchronous
        for other in (outcome, len, lambda: no_send, Headers):
            assert app.ensure_async(other) is not other

    def test_what_an_app_has_overridden_stays(self) -> None:
        class Own(QuartTrio):
            def ensure_async(self, func: Any) -> Any:
                return func

            def create_url_adapter(self, request: Any) -> Any:
                return None

        app = make_app(Own)
        application.install(app)
        assert not {"ensure_async", "create_url_adapter"} & set(vars(app))


MEMBERS = [(owner, name) for owner, names in connection._USED.items() for name in names]


class TestInstall:
    TOUCHED = "asgi_http_class", "response_class", "ensure_async", "create_url_adapter", "asgi_websocket_class"

    def test_a_stock_app_is_touched(self) -> None:
        app = make_app()
        short_way.install(app)
        assert set(self.TOUCHED) <= set(vars(app))

    def test_a_quart_that_is_not_known_is_left_alone(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(short_way, "version", lambda name: "0.99.0")
        app = make_app()
        short_way._parts.cache_clear()
        with caplog.at_level("INFO"):
            short_way.install(app)
            short_way.install(make_app())
        short_way._parts.cache_clear()
        assert not set(self.TOUCHED) & set(vars(app))
        assert caplog.text.count("this version of Quart is not known here") == 1

    @pytest.mark.parametrize(("owner", "name"), MEMBERS, ids=str)
    def test_without_one_of_their_members_an_app_is_left_alone(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, owner: type, name: str
    ) -> None:
        app = make_app()
        short_way._parts.cache_clear()
        with monkeypatch.context() as patch, caplog.at_level("INFO"):
            for each in owner.__mro__:
                if name in vars(each):
                    patch.delattr(each, name)
            short_way.install(app)
        short_way._parts.cache_clear()
        assert not set(self.TOUCHED) & set(vars(app))
        assert name in caplog.text

    def test_an_app_with_a_buffer_of_its_own_keeps_it(self) -> None:
        app = make_app()
        app.websocket_class = type("Own", (app.websocket_class,), {"buffer_class": object})
        short_way.install(app)
        assert "asgi_websocket_class" not in vars(app)

    def test_a_connection_of_other_parts_is_left_alone(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(websocket, "_WITH_QUEUE", {"app"})
        monkeypatch.setattr(websocket, "_WITH_BUFFER", {"app"})
        app = make_app()
        short_way._parts.cache_clear()
        with caplog.at_level("INFO"):
            short_way.install(app)
        short_way._parts.cache_clear()
        assert "asgi_websocket_class" not in vars(app)
        assert "asgi_http_class" in vars(app)
        assert "its WebSockets take its own way" in caplog.text

    def test_a_response_class_that_cannot_be_made_is_left_alone(self, caplog: pytest.LogCaptureFixture) -> None:
        class Own(Response):
            def set_cookie(self, *arguments: Any, **options: Any) -> None:
                raise AssertionError

            @property
            def timeout(self) -> Any:
                return None

        app = make_app()
        app.response_class = Own
        with caplog.at_level("INFO"):
            short_way.install(app)
        assert app.response_class is Own
        assert app.asgi_http_class is DirectHTTPConnection
        assert "trio_worker.quart.response is left as the app has it" in caplog.text

    def test_responses_that_consist_of_something_else_are_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = Response.__init__

        def init(self: Any, *arguments: Any, **options: Any) -> None:
            made(self, *arguments, **options)
            self.something_new = True

        monkeypatch.setattr(Response, "__init__", init)
        app = make_app()
        response.install(app)
        assert "response_class" not in vars(app)

    def test_what_is_no_quart_trio_app_is_left_alone(self) -> None:
        short_way.install(no_send)  # type: ignore[arg-type]
