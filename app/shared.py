"""What all workers know: a mapping of which each has a copy, and which a new worker asks the others for.

Each key has one writer. Its value travels by `trio_worker.publish` with the time at which it was written, so that an
older one that comes late changes nothing. A worker that is new, or that has missed a message, asks; the others
answer with all they have. Where there is no other worker nobody answers, and the mapping begins empty.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import trio

from trio_worker import MessagesLost, Subscription, publish, subscribe

Value = Any

# Messages that may wait while this worker does something else, and seconds that an answer of the others may take.
BUFFER = 1024
ANSWER_SECONDS = 0.5


class Shared:
    """A mapping shared by the workers.

    Args:
        topic: under which the workers talk about it.
        most: keys that are kept; the oldest go first.
        changed: called with each key and value that is new here.
    """

    def __init__(
        self, topic: str, most: int, changed: Callable[[str, Value], object] = lambda key, value: None
    ) -> None:
        self.me = ""
        self._topic = topic
        self._most = most
        self._changed = changed
        self._entries: dict[str, tuple[int, Value]] = {}
        self._ready = trio.Event()
        self._scope = trio.CancelScope()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def items(self) -> Iterator[tuple[str, Value]]:
        """Iterate over keys and values, the oldest first."""
        for key, (_, value) in sorted(self._entries.items(), key=lambda entry: entry[1][0]):
            yield key, value

    def age(self, key: str) -> float:
        """Return the seconds since the value of a key was written."""
        return (time.time_ns() - self._entries[key][0]) / 1e9

    async def ready(self) -> None:
        """Wait until this worker knows what the others do."""
        await self._ready.wait()

    async def put(self, key: str, value: Value) -> None:
        """Set a key that this worker alone writes; the others have it a moment later, and so has this one."""
        await self._say(put=[key, time.time_ns(), value])

    async def run(self) -> None:
        """Take part until `stop`."""
        self.me = uuid.uuid4().hex
        with self._scope:
            async with subscribe(self._topic, BUFFER) as messages, trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, messages)
                await self._say(ask=self.me)
                with trio.move_on_after(ANSWER_SECONDS):
                    await self._ready.wait()
                self._ready.set()

    def stop(self) -> None:
        """End `run`."""
        self._scope.cancel()

    async def _say(self, **message: Any) -> None:
        await publish(self._topic, json.dumps(message))

    async def _listen(self, messages: Subscription) -> None:
        while True:
            try:
                await self._heard(json.loads(await messages.receive()))
            except MessagesLost:
                await self._say(ask=self.me)

    async def _heard(self, message: dict[str, Any]) -> None:
        if "put" in message:
            self._take(*message["put"])
        elif message.get("ask", self.me) != self.me:
            for key, (written, value) in list(self._entries.items()):
                await self._say(put=[key, written, value])
            await self._say(answered=message["ask"])
        elif message.get("answered") == self.me:
            self._ready.set()

    def _take(self, key: str, written: int, value: Value) -> None:
        if self._entries.get(key, (0, None))[0] >= written:
            return
        self._entries[key] = (written, value)
        if len(self._entries) > self._most:
            del self._entries[min(self._entries, key=lambda each: self._entries[each][0])]
        self._changed(key, value)
