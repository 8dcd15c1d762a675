from quart_trio import QuartTrio

from trio_worker import on_signal, set_logvar, uwsgi_api

app = QuartTrio(__name__)


@app.get("/visits")
async def visits() -> dict[str, int]:
    await uwsgi_api.cache_inc("visits")
    count = await uwsgi_api.cache_num("visits")
    set_logvar("visits", str(count))
    return {"visits": count}


@on_signal(17)
async def forget(number: int) -> None:
    await uwsgi_api.cache_clear()
