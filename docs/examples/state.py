from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


class State(TypedDict):
    limiter: trio.CapacityLimiter


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[State]:
    yield {"limiter": trio.CapacityLimiter(4)}


async def free(request: Request) -> PlainTextResponse:
    state: Any = request.state
    return PlainTextResponse(f"{state.limiter.available_tokens} free, draining: {state.draining.is_set()}")


app = Starlette(routes=[Route("/", free)], lifespan=lifespan)
