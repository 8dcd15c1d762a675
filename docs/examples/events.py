import trio
from quart import Response, request
from quart_trio import QuartTrio

app = QuartTrio(__name__)


@app.get("/events")
async def events() -> Response:
    draining: trio.Event = request.scope["state"]["draining"]

    async def ticks():
        while not draining.is_set():
            yield b"data: tick\n\n"
            with trio.move_on_after(1):
                await draining.wait()

    return Response(ticks(), content_type="text/event-stream")
