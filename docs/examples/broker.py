import os
from collections.abc import AsyncIterator

import coredis
import trio
from quart import Response, request
from quart_trio import QuartTrio

from trio_worker import publish, subscribe

app = QuartTrio(__name__)
redis = coredis.Redis(unix_socket_path=os.environ["REDIS_SOCKET"], decode_responses=True)
reading = trio.CancelScope()


@app.before_serving
async def start() -> None:
    app.nursery.start_soon(read)


@app.after_serving
async def stop() -> None:
    reading.cancel()


async def read() -> None:
    """Hand what any host publishes to the subscriptions of this worker; begin again when the broker was away."""
    with reading:
        while True:
            try:
                async with redis, redis.pubsub(channels=["news"]) as messages:
                    async for message in messages:
                        if message["type"] == "message":
                            await publish("news", message["data"], here=True)
            except* (coredis.exceptions.ConnectionError, OSError):
                await trio.sleep(1)


@app.post("/say")
async def say() -> str:
    await redis.publish("news", await request.get_data(as_text=True))
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
