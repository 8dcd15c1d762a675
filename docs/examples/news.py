from collections.abc import AsyncIterator

from quart import Response, request
from quart_trio import QuartTrio

from trio_worker import publish, subscribe

app = QuartTrio(__name__)


@app.post("/say")
async def say() -> str:
    await publish("news", await request.get_data(as_text=True))
    return "said\n"


@app.get("/news")
async def news() -> Response:
    async def events() -> AsyncIterator[bytes]:
        async with subscribe("news") as messages:
            yield b": subscribed\n\n"
            async for message in messages:
                yield f"data: {message}\n\n".encode()

    response = Response(events(), content_type="text/event-stream")
    response.timeout = None
    return response
