"""Messages of a WebSocket: what is taken apart at a time, what counts as bringing nothing, what may be inflated."""

import json
import zlib

import pytest
from websockets.exceptions import PayloadTooBig
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import CloseCode, Frame, Opcode

from trio_worker.protocols.websocket.inflating import ALWAYS, EXCESS, TIMES, Excess, Inflating
from trio_worker.protocols.websocket.messages import FRAMES, Message, Messages


def frame(opcode: int, data: bytes = b"", fin: bool = True) -> bytes:
    return Frame(Opcode(opcode), data, fin=fin).serialize(mask=True)


def taken(data: bytes) -> tuple[Messages, list[Message], list[int]]:
    """All of it taken apart: the messages, and how many frames brought nothing in each turn."""
    messages, found = Messages(1000), list[Message]()
    turns = []
    while data:
        messages.take(data, found)
        turns.append(messages.idle)
        data = b""
        if messages.has_more:
            messages.take(b"", found)
            turns.append(messages.idle)
    while messages.has_more:
        messages.take(b"", found)
        turns.append(messages.idle)
    return messages, found, turns


@pytest.mark.parametrize("behind", [Opcode.TEXT, Opcode.CLOSE, Opcode.PING, 0x83])
@pytest.mark.parametrize("deflates", [False, True])
def test_text_that_is_not_utf8_ends_the_session_whatever_comes_behind_it(behind: int, deflates: bool) -> None:
    """How the bytes are cut decides nothing: neither what the app gets, nor with which code the session ends."""
    last = bytes((behind, 0x80)) + bytes(4) if behind > 0x80 else frame(behind)
    data = frame(Opcode.TEXT, b"good") + frame(Opcode.TEXT, b"bad \xff") + last
    for piece in (1, 7, len(data)):
        messages, found = Messages(1000, [PerMessageDeflate(False, False, 15, 15)] if deflates else []), list[Message]()
        answer = b"".join(messages.take(data[at : at + piece], found) for at in range(0, len(data), piece))
        assert found == ["good"]
        assert messages.closed == (1007, "invalid start byte at position 4")
        assert messages.broken
        assert answer.endswith(b"\x88\x22\x03\xefinvalid start byte at position 4")
        assert answer.count(b"\x88") == 1


def test_small_frames_are_taken_in_several_turns() -> None:
    _, found, turns = taken(frame(Opcode.TEXT, b"x") * (3 * FRAMES))
    assert found == ["x"] * (3 * FRAMES)
    assert len(turns) == 3


@pytest.mark.parametrize(
    ("opcode", "data", "fin"),
    [(Opcode.PING, b"", True), (Opcode.PONG, b"x", True), (Opcode.CONT, b"", False), (Opcode.CONT, b"x", False)],
)
def test_frames_that_bring_nothing_are_counted(opcode: int, data: bytes, fin: bool) -> None:
    again = frame(opcode, data, fin)
    _, _, turns = taken(frame(Opcode.BINARY, bytes(100), fin=False) + again * (FRAMES - 1))
    assert turns == [FRAMES - 1]


def test_a_message_makes_up_for_its_fragments() -> None:
    whole = frame(Opcode.TEXT, b"a", fin=False) + frame(Opcode.CONT, b"b")
    _, found, turns = taken(whole * 10)
    assert found == ["ab"] * 10
    assert max(turns) < 0


def test_who_is_refused_hears_1008_and_nothing_more_is_read() -> None:
    messages = Messages(1000)
    assert b"\x03\xf0frames that bring nothing" in messages.refuse(
        CloseCode.POLICY_VIOLATION, "frames that bring nothing"
    )
    assert messages.closed == (1008, "frames that bring nothing")
    found = list[Message]()
    messages.take(frame(Opcode.TEXT, b"late") + frame(Opcode.PING), found)
    assert found == []


@pytest.mark.parametrize(("size", "fits"), [(ALWAYS, True), (ALWAYS + 1, False)])
def test_a_bomb_is_refused_before_it_is_inflated(size: int, fits: bool) -> None:
    deflate = zlib.compressobj(9, wbits=-15)
    data = (deflate.compress(bytes(size)) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert len(data) * TIMES < ALWAYS
    bomb = Frame(Opcode.BINARY, data, rsv1=True)
    extension = Inflating(PerMessageDeflate(False, False, 15, 15), Excess())
    if fits:
        assert extension.decode(bomb, max_size=1 << 24).data == bytes(size)
    else:
        with pytest.raises(PayloadTooBig):
            extension.decode(bomb, max_size=1 << 24)


@pytest.mark.parametrize("sessions", [1, 100])
def test_bombs_that_are_small_enough_are_refused_when_a_connection_brings_many(sessions: int) -> None:
    excess, bombs = Excess(), 0
    extensions = [Inflating(PerMessageDeflate(False, False, 15, 15), excess) for _ in range(sessions)]
    deflates = [zlib.compressobj(9, wbits=-15) for _ in range(sessions)]
    with pytest.raises(PayloadTooBig):
        while bombs < 100:
            extension, deflate = extensions[bombs % sessions], deflates[bombs % sessions]
            data = (deflate.compress(bytes(ALWAYS)) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
            extension.decode(Frame(Opcode.BINARY, data, rsv1=True), max_size=1 << 24)
            bombs += 1
    assert EXCESS // ALWAYS <= bombs < 100


def test_text_that_is_compressed_as_people_send_it_may_go_on() -> None:
    extension = Inflating(PerMessageDeflate(False, False, 15, 15), Excess())
    deflate, text = zlib.compressobj(9, wbits=-15), json.dumps([{"id": each * 7919} for each in range(5000)]).encode()
    for _ in range(100):
        deflate = zlib.compressobj(9, wbits=-15)
        data = (deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
        assert extension.decode(Frame(Opcode.BINARY, data, rsv1=True), max_size=1 << 24).data == text
