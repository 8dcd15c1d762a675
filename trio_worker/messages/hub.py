"""The hub of one process: its subscriptions, its inbox and its connections to the other workers."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from trio_worker.messages.frame import Data, encode
from trio_worker.messages.inbox import Inbox
from trio_worker.messages.peer import Peer, connect
from trio_worker.messages.subscription import Subscription


class Hub:
    """The state that `publish` and `subscribe` share.

    Attributes:
        topics: the subscriptions of this process by their topics.
    """

    def __init__(self) -> None:
        self.topics: dict[str, set[Subscription]] = {}
        self._inbox: Inbox | None = None
        self._wanted: trio.Event | None = None
        self._peers: dict[int, Peer] = {}
        # Whose the connections are: a child that the app has forked must not send on those of its parent.
        self._process = 0

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Receive what other workers publish, from the first subscription on, until it is cancelled."""
        self._wanted = trio.Event()
        task_status.started()
        await self._wanted.wait()
        if self._inbox is not None:
            await self._inbox.run()

    @asynccontextmanager
    async def subscribe(self, topic: str, buffer: int) -> AsyncIterator[Subscription]:
        """Hold a subscription in the body; its promises stand at `trio_worker.subscribe`."""
        await trio.lowlevel.checkpoint()
        self._open()
        subscription = Subscription(buffer)
        self.topics.setdefault(topic, set()).add(subscription)
        try:
            yield subscription
        finally:
            self.topics[topic].discard(subscription)
            if not self.topics[topic]:
                del self.topics[topic]

    def _open(self) -> None:
        """Listen for other workers, where this is a worker, before anybody can rely on a subscription."""
        if self._inbox is None and self._wanted is not None:
            self._inbox = Inbox(_master(), self._deliver, self._lose)
            self._wanted.set()

    async def publish(self, topic: str, data: Data, here: bool) -> None:
        """Give a message to all; the promises stand at `trio_worker.publish`."""
        frame = encode(topic, data)
        await trio.lowlevel.checkpoint()
        self._deliver(topic, data)
        if not here:
            await self._send_to_others(frame)

    async def _send_to_others(self, frame: bytes) -> None:
        """Give a frame to the other workers; to those whose socket is full at the same time, as each may take long."""
        waiting = [peer for peer in await self._subscribers() if not self._send_now(peer, frame)]
        if waiting:
            async with trio.open_nursery() as nursery:
                for peer in waiting:
                    nursery.start_soon(self._send, peer, frame)

    async def _subscribers(self) -> list[Peer]:
        """Return the other workers that subscribe, and connect to those that are new."""
        if self._process != os.getpid():
            self._process, self._peers = os.getpid(), {}
        workers = _workers()
        for pid in self._peers.keys() - set(workers):
            self._peers.pop(pid).close()
        for pid in workers:
            if pid not in self._peers and pid != self._process and (peer := await connect(_master(), pid)):
                # Another task may have connected meanwhile.
                if pid in self._peers:
                    peer.close()
                else:
                    self._peers[pid] = peer
        return list(self._peers.values())

    def _send_now(self, peer: Peer, frame: bytes) -> bool:
        """Send at once; False where that is not possible."""
        try:
            return peer.send_now(frame)
        except OSError:
            self._drop(peer)
            return True

    async def _send(self, peer: Peer, frame: bytes) -> None:
        try:
            await peer.send(frame)
        except (OSError, trio.ClosedResourceError):
            self._drop(peer)

    def _drop(self, peer: Peer) -> None:
        """Forget a worker that has gone; another task may have noticed before."""
        if self._peers.get(peer.pid) is peer:
            del self._peers[peer.pid]
            peer.close()

    def _deliver(self, topic: str, data: Data) -> None:
        for subscription in self.topics.get(topic, ()):
            subscription.put(data)

    def _lose(self, count: int) -> None:
        for subscriptions in self.topics.values():
            for subscription in subscriptions:
                subscription.lose(count)


def _workers() -> list[int]:
    """Return the processes of the workers of this instance, none outside uWSGI."""
    try:
        import uwsgi
    except ImportError:
        return []
    return [worker["pid"] for worker in uwsgi.workers() if worker["pid"] > 0]


def _master() -> int:
    import uwsgi

    return uwsgi.masterpid()
