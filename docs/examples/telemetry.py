"""OpenTelemetry around an app: a span for every request and one for each drain, sent by every worker itself."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import trio
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from quart_trio import QuartTrio

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Telemetry:
    """The app with spans around its requests, and around the drain of its worker."""

    def __init__(self, app: Any) -> None:
        # It asks for the provider when a request comes, and so may be made before the fork.
        self._app: Any = OpenTelemetryMiddleware(app, exclude_spans=["receive", "send"])

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, scope: Any, receive: Receive, send: Send) -> None:
        # After the fork, because a thread that sends spans does not survive one.
        provider = TracerProvider(resource=Resource.create({"service.instance.id": str(os.getpid())}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
        served = trio.Event()

        async def receiving() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                served.set()
                await trio.lowlevel.checkpoint()
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                # What has not been sent goes now; the worker waits for it as for the rest of the shutdown.
                await trio.to_thread.run_sync(provider.shutdown, abandon_on_cancel=True)
            await send(message)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_trace_drain, scope["state"]["draining"], served)
            await self._app(scope, receiving, sending)
            nursery.cancel_scope.cancel()


async def _trace_drain(draining: trio.Event, served: trio.Event) -> None:
    """Span the time from the first word of the drain until no request is left."""
    await draining.wait()
    with trace.get_tracer(__name__).start_as_current_span("drain"):
        await served.wait()


app = QuartTrio(__name__)


@app.get("/slow/<float:seconds>")
async def slow(seconds: float) -> str:
    with trace.get_tracer(__name__).start_as_current_span("sleep"):
        await trio.sleep(seconds)
    return "slept\n"


app.asgi_app = Telemetry(app.asgi_app)  # type: ignore[assignment, method-assign]
