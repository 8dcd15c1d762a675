import trio
from quart_trio import QuartTrio

app = QuartTrio(__name__)
taken: set[str] = set()


@app.get("/taken")
async def show() -> list[str]:
    return sorted(taken)


@app.get("/reserve/<seat>")
async def reserve(seat: str) -> str:
    taken.add(seat)
    paid = False
    try:
        await trio.sleep(10)  # waits for a payment
        paid = True
    finally:
        if not paid:
            # Under a shield with a deadline: the request is cancelled already, and nobody waits for ever.
            with trio.move_on_after(2, shield=True):
                await give_back(seat)
    return f"{seat} is yours\n"


async def give_back(seat: str) -> None:
    await trio.sleep(0.1)  # asks a database
    taken.discard(seat)
