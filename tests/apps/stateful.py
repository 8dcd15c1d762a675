"""Two apps that leave something under the same key of their lifespan's state, and tell what they find there."""

from collections.abc import Callable

from trio_worker.asgi import App, Receive, Scope, Send


def _make(name: str) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["name"] = name
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        told = f"{name} {scope['state']['name']} {scope['root_path']} {scope['path']} {'draining' in scope['state']}"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": told.encode()})

    return app


make: Callable[[str], App] = _make
one, two = make("one"), make("two")
