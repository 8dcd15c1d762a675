"""A chat room: what one member says goes to all, and no member can hold up the others.

Each member has an inbox, a bounded memory channel that a task of its own empties into the WebSocket.
Speaking puts the message into every inbox without waiting; a member whose inbox is full has not read for a
while and is dropped. Members who talk without a pause do no harm either: each is heard again only when its
own inbox, and so by fair scheduling that of every other reader, has been emptied.

One room belongs to one worker process: members on other workers are in another room.

Messages to the server are plain text, at most `MOST_CHARACTERS` long. Messages from it are JSON objects:

    {"event": "said", "name": "Ada", "text": "Hello"}
    {"event": "joined", "name": "Ada", "members": 2}    and the same with "left"
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio
from quart import Blueprint, render_template, websocket

blueprint = Blueprint("chat", __name__)

MOST_CHARACTERS = 4000
MOST_CHARACTERS_OF_NAME = 32

# More than one message from each of the members that one process is likely to have.
INBOX_MESSAGES = 256

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
    inbox: trio.MemorySendChannel[str]
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    caught_up: trio.Event = field(default_factory=trio.Event)


class Room:
    """Who is here, and the way to speak to all of them at once."""

    def __init__(self) -> None:
        self._members: set[Member] = set()

    @contextmanager
    def joined(self, member: Member) -> Iterator[None]:
        """Keep ``member`` in the room for the length of the block; the others see it come and go."""
        self._members.add(member)
        self.tell(event="joined", name=member.name, members=len(self._members))
        try:
            yield
        finally:
            self._leave(member)

    def tell(self, **message: str | int) -> None:
        """Put ``message`` into every inbox, and drop the members whose inbox is full. Never waits."""
        text = json.dumps(message)
        for member in [member for member in self._members if not _delivered(member, text)]:
            # Its task may take a while to end, in a send that nobody reads: the others are told at once.
            self._leave(member)
            member.scope.cancel()

    def _leave(self, member: Member) -> None:
        if member in self._members:
            self._members.remove(member)
            self.tell(event="left", name=member.name, members=len(self._members))


def _delivered(member: Member, text: str) -> bool:
    try:
        member.inbox.send_nowait(text)
    except trio.WouldBlock:
        return False
    return True


_room = Room()


@blueprint.get("/chat")
async def page() -> str:
    """Show the chat page."""
    return await render_template("chat.html", most_characters=MOST_CHARACTERS)


@blueprint.websocket("/ws/chat")
async def chat() -> None:
    """Let a client with the query parameter ``name`` take part until it leaves or is dropped."""
    await websocket.accept()
    name = websocket.args.get("name", "").strip()[:MOST_CHARACTERS_OF_NAME] or "guest"
    sender, inbox = trio.open_memory_channel[str](INBOX_MESSAGES)
    member = Member(name, sender)
    with _room.joined(member), member.scope:
        await _converse(member, inbox)
    if member.scope.cancelled_caught:
        with trio.move_on_after(CLOSE_SECONDS):
            await websocket.close(TRY_AGAIN_LATER, "you read too slowly")


async def _converse(member: Member, inbox: trio.MemoryReceiveChannel[str]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_deliver, member, inbox)
        code, reason = await _listen(member)
        nursery.cancel_scope.cancel()
    await websocket.close(code, reason)


async def _deliver(member: Member, inbox: trio.MemoryReceiveChannel[str]) -> None:
    async for text in inbox:
        await websocket.send(text)
        if not inbox.statistics().current_buffer_used:
            member.caught_up.set()


async def _listen(member: Member) -> tuple[int, str]:
    """Pass on what ``member`` says; return the code and reason to close with once it breaks the rules."""
    while True:
        text = await websocket.receive()
        if not isinstance(text, str):
            return UNSUPPORTED_DATA, "text only"
        if len(text) > MOST_CHARACTERS:
            return MESSAGE_TOO_BIG, f"at most {MOST_CHARACTERS} characters"
        member.caught_up = trio.Event()
        _room.tell(event="said", name=member.name, text=text)
        await member.caught_up.wait()
