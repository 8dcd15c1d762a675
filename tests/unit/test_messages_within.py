"""Messages within one process that is no uWSGI, and the frames in which they travel between two."""

import subprocess
import sys
from pathlib import Path

import pytest
import trio

from trio_worker import publish
from trio_worker.messages.frame import LARGEST_DATA, LONGEST_TOPIC, decode, encode, numbered

WITHOUT = """
import trio
from trio_worker import MessagesLost, publish, subscribe

async def main():
    async with subscribe("here") as messages, subscribe("here", buffer=1) as few:
        await publish("elsewhere", "unheard")
        await publish("here", "one")
        await publish("here", b"two")
        assert [await messages.receive(), await messages.receive()] == ["one", b"two"]
        try:
            await few.receive()
        except MessagesLost as lost:
            assert lost.count == 1
        async for message in few:
            assert message == b"two"
            break
        with trio.move_on_after(0.01) as scope:
            await messages.receive()
        assert scope.cancelled_caught
        await publish("here", "of this worker", here=True)
        assert await messages.receive() == "of this worker"
    await publish("here", "unheard")
    print("done")

trio.run(main)
"""


def test_within_a_process_that_is_no_uwsgi(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")


@pytest.mark.parametrize("data", ["", "text", b"", b"\xff" * LARGEST_DATA])
def test_a_frame_is_read_as_it_was_written(data: str | bytes) -> None:
    topic = "t" * LONGEST_TOPIC
    assert decode(numbered(7) + encode(topic, data)) == (7, topic, data)


@pytest.mark.parametrize(
    ("topic", "data"), [("t" * (LONGEST_TOPIC + 1), ""), ("ü" * 128, ""), ("t", b"x" * (LARGEST_DATA + 1))]
)
def test_what_is_too_long_is_refused(topic: str, data: str | bytes) -> None:
    with pytest.raises(ValueError, match="at most"):
        trio.run(publish, topic, data)
