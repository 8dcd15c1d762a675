"""Connections that are about to close: few clients may send on meanwhile, whoever has done so for the longest goes."""

import trio
import trio.testing

from trio_worker.transport.lingering import MOST, PATIENCE, Lingering
from trio_worker.transport.turns import Turns


class Client:
    """The wire of a client.

    Args:
        sends: whether it sends without pause; else it says nothing.

    Attributes:
        ended: whether our side has ended.
    """

    def __init__(self, sends: bool) -> None:
        self._sends = sends
        self.ended = False

    async def settle(self) -> None:
        pass

    def end_writing(self) -> None:
        self.ended = True

    client = None

    async def receive(self) -> bytes:
        if not self._sends:
            await trio.sleep_forever()
        return b"more"


async def _let_go(clients: list[Client], seconds: float) -> list[Client]:
    """Those whose connections may close within so many seconds, after 10 turns of the loop at least."""
    lingering, gone = Lingering(Turns()), list[Client]()

    async def part(client: Client) -> None:
        with lingering.stay() as scope:
            await lingering.part(client, scope)  # type: ignore[arg-type]
        gone.append(client)

    async with trio.open_nursery() as nursery:
        for each in clients:
            nursery.start_soon(part, each)
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        await trio.sleep(seconds)
        found = list(gone)
        nursery.cancel_scope.cancel()
    assert all(client.ended for client in clients)
    return found


def _run(clients: list[Client], seconds: float = 0.0) -> list[Client]:
    # The clock of this one stands still unless everybody sleeps.
    return trio.run(_let_go, clients, seconds, clock=trio.testing.MockClock(autojump_threshold=0))


def test_one_more_ends_the_one_that_has_sent_for_the_longest() -> None:
    clients = [Client(sends=True) for _ in range(MOST + 3)]
    assert _run(clients) == clients[:3]


def test_who_says_nothing_is_not_counted_and_has_his_time() -> None:
    clients = [Client(sends=False) for _ in range(MOST + 3)]
    assert _run(clients) == []
    assert _run(clients, PATIENCE / 2) == []
    assert set(_run(clients, PATIENCE * 2)) == set(clients)
