"""A chat room: what one member says goes to all of them, on whichever worker, and no member can hold up the others.

The room is in two mappings that all workers share (`app.shared`): the last messages, and who is there. Each member has
an inbox, a bounded memory channel that a task of its own empties into the WebSocket. A new message is put into every
inbox without waiting; a member whose inbox is full has not read for a while and is dropped. Members who talk without a
pause do no harm either: each is heard again only when its own message has come back to it.

A reload closes every WebSocket with 1012, and clients connect again, to another worker. Nothing is lost by that: a
message has an id of its sender's, who says it again until it has come back; a member that joins is first sent the last
messages, and knows by their ids which it has seen.

Messages are JSON objects. To the server, the text at most `MOST_CHARACTERS` long:

    {"id": "a unique name", "text": "Hello"}

From it, the last messages, `ready`, and then what comes:

    {"event": "said", "id": "a unique name", "name": "Ada", "text": "Hello"}
    {"event": "ready"}
    {"event": "here", "members": 2, "names": ["Ada", "Grace"]}
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import trio
from quart import Blueprint, current_app, render_template, websocket
from quart_trio import QuartTrio

from .shared import Shared

blueprint = Blueprint("chat", __name__)

MOST_CHARACTERS = 4000
MOST_CHARACTERS_OF_NAME = 32
MOST_CHARACTERS_OF_ID = 64

# What a client can have missed while it was away, and the names that are told to it.
LAST_MESSAGES = 200
MOST_NAMES = 20

# More than the last messages, and one from each of the members that one process is likely to have.
INBOX_MESSAGES = 512

# Each worker says who is there so often, and is forgotten when it has not for so long: it has crashed.
PRESENCE_SECONDS = 2.0
FORGOTTEN_SECONDS = 6.0
MOST_WORKERS = 1000

# Seconds until a member is heard again whose message does not come back.
ECHO_SECONDS = 5.0

# RFC 6455, section 7.4.1, and IANA's registry of close codes for the last one.
UNSUPPORTED_DATA = 1003
MESSAGE_TOO_BIG = 1009
TRY_AGAIN_LATER = 1013

# A member who is dropped does not read, so the close frame may never leave.
CLOSE_SECONDS = 1.0


@dataclass(eq=False)
class Member:
    """One WebSocket in the room: its scope ends the conversation when the member is dropped."""

    name: str
    inbox: trio.MemorySendChannel[dict[str, Any]]
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    said: str = ""
    heard: trio.Event = field(default_factory=trio.Event)


class Room:
    """The members on this worker, what was said last, and who is there on all workers."""

    def __init__(self) -> None:
        self.messages = Shared("chat.messages", LAST_MESSAGES, self._said)
        self._presence = Shared("chat.presence", MOST_WORKERS, lambda key, value: self._tell_presence())
        self._members: set[Member] = set()
        self._told: dict[str, Any] = {}
        self._moved = trio.Event()

    async def run(self) -> None:
        """Take part in what the workers share, until `stop`."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.messages.run)
            nursery.start_soon(self._presence.run)
            await self._presence.ready()
            while True:
                self._moved = trio.Event()
                await self._presence.put(self._presence.me, [member.name for member in self._members])
                with trio.move_on_after(PRESENCE_SECONDS):
                    await self._moved.wait()
                self._tell_presence()

    @contextmanager
    def joined(self, member: Member) -> Iterator[None]:
        """Keep ``member`` in the room for the length of the block."""
        self._members.add(member)
        self._moved.set()
        try:
            yield
        finally:
            self._leave(member)

    def last(self) -> list[dict[str, Any]]:
        """Return what was said last, and who is there."""
        return [*(_event(key, value) for key, value in self.messages.items()), {"event": "ready"}, self._here()]

    def _said(self, key: str, value: list[str]) -> None:
        self._tell(_event(key, value))

    def _here(self) -> dict[str, Any]:
        names = [
            name
            for worker, names in self._presence.items()
            if self._presence.age(worker) < FORGOTTEN_SECONDS
            for name in names
        ]
        return {"event": "here", "members": len(names), "names": sorted(names)[:MOST_NAMES]}

    def _tell_presence(self) -> None:
        here = self._here()
        if here != self._told:
            self._told = here
            self._tell(here)

    def _tell(self, message: dict[str, Any]) -> None:
        """Put ``message`` into every inbox, and drop the members whose inbox is full. Never waits."""
        for member in [member for member in self._members if not _delivered(member, message)]:
            # Its task may take a while to end, in a send that nobody reads.
            self._leave(member)
            member.scope.cancel()

    def _leave(self, member: Member) -> None:
        self._members.discard(member)
        self._moved.set()


def _event(key: str, value: list[str]) -> dict[str, Any]:
    name, text = value
    return {"event": "said", "id": key, "name": name, "text": text}


def _delivered(member: Member, message: dict[str, Any]) -> bool:
    try:
        member.inbox.send_nowait(message)
    except trio.WouldBlock:
        return False
    return True


def _room() -> Room:
    room: Room = current_app.extensions["chat"]
    return room


@blueprint.before_app_serving
async def start() -> None:
    """Open this worker's door to the room."""
    app = cast(QuartTrio, current_app)
    app.extensions["chat"] = Room()
    app.extensions["chat.scope"] = scope = trio.CancelScope()
    app.nursery.start_soon(_run, app.extensions["chat"], scope)


async def _run(room: Room, scope: trio.CancelScope) -> None:
    with scope:
        await room.run()


@blueprint.after_app_serving
async def stop() -> None:
    """Close it; see `app.background.stop`."""
    current_app.extensions["chat.scope"].cancel()


@blueprint.get("/chat")
async def page() -> str:
    """Show the chat page."""
    return await render_template("chat.html", most_characters=MOST_CHARACTERS)


@blueprint.websocket("/ws/chat")
async def chat() -> None:
    """Let a client with the query parameter ``name`` take part until it leaves or is dropped."""
    await websocket.accept()
    room = _room()
    await room.messages.ready()
    name = websocket.args.get("name", "").strip()[:MOST_CHARACTERS_OF_NAME] or "guest"
    sender, inbox = trio.open_memory_channel[dict[str, Any]](INBOX_MESSAGES)
    member = Member(name, sender)
    with room.joined(member), member.scope:
        for message in room.last():
            sender.send_nowait(message)
        await _converse(room, member, inbox)
    if member.scope.cancelled_caught:
        with trio.move_on_after(CLOSE_SECONDS):
            await websocket.close(TRY_AGAIN_LATER, "you read too slowly")


async def _converse(room: Room, member: Member, inbox: trio.MemoryReceiveChannel[dict[str, Any]]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_deliver, member, inbox)
        code, reason = await _listen(room, member)
        nursery.cancel_scope.cancel()
    await websocket.close(code, reason)


async def _deliver(member: Member, inbox: trio.MemoryReceiveChannel[dict[str, Any]]) -> None:
    async for message in inbox:
        await websocket.send(json.dumps(message))
        if message.get("id") == member.said:
            member.heard.set()


async def _listen(room: Room, member: Member) -> tuple[int, str]:
    """Pass on what ``member`` says; return the code and reason to close with once it breaks the rules."""
    while True:
        try:
            message = json.loads(await websocket.receive())
            key, text = str(message["id"]), str(message["text"])
        except (ValueError, TypeError, KeyError):
            return UNSUPPORTED_DATA, 'send JSON: {"id": ..., "text": ...}'
        if len(text) > MOST_CHARACTERS or len(key) > MOST_CHARACTERS_OF_ID:
            return MESSAGE_TOO_BIG, f"at most {MOST_CHARACTERS} characters"
        if key in room.messages:
            continue  # It was said before the connection broke, and has been sent with the last messages.
        member.said, member.heard = key, trio.Event()
        await room.messages.put(key, [member.name, text])
        with trio.move_on_after(ECHO_SECONDS):
            await member.heard.wait()
