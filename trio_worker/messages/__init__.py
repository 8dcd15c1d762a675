"""Messages between the workers of an instance: what one publishes, the subscriptions of all of them get.

    publishing:   hub.py -> the subscriptions of this worker
                         -> peer.py -> a UNIX socket -> inbox.py of another worker -> its subscriptions

Each worker that subscribes listens on a socket of its own. Who publishes connects to those of the others, and keeps the
connections. Nothing is kept for those who do not subscribe, and nothing waits for ever: see `publish` and `subscribe`.
Outside uWSGI, and in an instance of one worker, the same calls work within the process.
"""

from contextlib import AbstractAsyncContextManager

from trio_worker.messages.frame import Data
from trio_worker.messages.hub import Hub
from trio_worker.messages.subscription import BUFFER, MessagesLost, Subscription

__all__ = ["HUB", "MessagesLost", "Subscription", "publish", "subscribe"]

# The one of this process. It is made before the fork where the master imports the app, and has no socket then.
HUB = Hub()


async def publish(topic: str, data: Data, *, here: bool = False) -> None:
    """Give a message to every subscription to `topic` in this instance.

    When it returns, the message is in the hands of each worker that subscribes to anything: in its subscriptions or in
    the kernel's queue in front of it, and the end of this worker loses none of them. The messages of one task arrive
    in their order. A worker that reads nothing for a second, because it is stuck or stopped, is not waited for any
    longer: it loses what comes until it reads again, and its subscriptions are told so.

    Args:
        topic: any name, up to 255 bytes in UTF-8.
        data: bytes or text, up to 65,536 bytes; it arrives as what it was.
        here: only to the subscriptions of this worker, where each worker has the message from elsewhere already.

    Raises:
        ValueError: the topic or the data is too long.
    """
    await HUB.publish(topic, data, here)


def subscribe(topic: str, buffer: int = BUFFER) -> AbstractAsyncContextManager[Subscription]:
    """Subscribe to `topic` in the body of `async with`: `async for message in messages` has what is published there.

    What is published after the body was entered arrives, in whichever worker that is. While the body does not read,
    `buffer` messages wait; then the oldest of them goes for each that comes, and the next read raises `MessagesLost`
    once. Nobody who publishes waits for a subscription.

    Args:
        topic: its name.
        buffer: messages that wait at most.
    """
    return HUB.subscribe(topic, buffer)
