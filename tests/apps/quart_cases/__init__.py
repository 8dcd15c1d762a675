"""What Quart can do with a request, an endpoint for each, in apps that differ in their configuration."""

from typing import Any

from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection

# These add their endpoints to the blueprint.
from quart_cases import bodies, contexts, failures, files, holding, responses, streams  # noqa: F401
from quart_cases.blueprint import nested
from quart_cases.files import HERE
from quart_cases.noting import SHORT, add_app_hooks, add_hooks, cases
from trio_worker.asgi import App, Message, Receive, Scope, Send


class OwnConnection(TrioASGIHTTPConnection):
    """A connection class of the app's own."""


def make_app(name: str, *, config: dict[str, Any] | None = None, **arguments: Any) -> QuartTrio:
    """An app with all of these endpoints."""
    usual: dict[str, Any] = {"root_path": HERE, "static_folder": HERE, "static_url_path": "/static"}
    app = QuartTrio(name, **(usual | arguments))
    app.secret_key = "a test's"
    app.config.update(config or {})
    add_hooks(app, "App")
    add_app_hooks(app)
    app.register_blueprint(cases)
    app.register_blueprint(nested)
    return app


class Splitting:
    """Middleware that gives the body in single bytes and leaves out keys that have a default."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pieces: list[bytes] = []
        more = False

        async def receive_byte() -> Message:
            nonlocal more
            if not pieces:
                message = await receive()
                if not message.get("body"):
                    return message
                pieces.extend(bytes([byte]) for byte in message["body"])
                more = message.get("more_body", False)
            piece = {"type": "http.request", "body": pieces.pop(0)}
            return piece | {"more_body": True} if pieces or more else piece

        await self._app(scope, receive_byte, send)


app = make_app("main")
mounted = make_app("mounted", config={"MAX_CONTENT_LENGTH": 100})
hurried = make_app("hurried", config={"RESPONSE_TIMEOUT": SHORT, "BODY_TIMEOUT": SHORT})
strict = make_app("strict", config={"PROPAGATE_EXCEPTIONS": True})
own = make_app("own")
own.asgi_http_class = OwnConnection
split: Any = make_app("split")
split.asgi_app = Splitting(split.asgi_app)
by_host = make_app("by_host", host_matching=True, static_folder=None)
by_name = make_app("by_name", config={"SERVER_NAME": "name.test"}, subdomain_matching=True)


@by_host.get("/host", host="<name>.test")
async def host(name: str) -> str:
    return f"host {name}"


@by_name.get("/domain", subdomain="<name>")
async def domain(name: str) -> str:
    return f"subdomain {name}"


@by_name.get("/domain")
async def no_domain() -> str:
    return "no subdomain"
