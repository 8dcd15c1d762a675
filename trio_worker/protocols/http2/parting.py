"""The streams whose apps have ended, and of which something still waits for the client.

A reset overtakes what waits in its stream, and a stream is reset that its app has left incomplete, or whose client is
still sending behind the answer. So it is reset when all has left; its deadline ends one whose window stays closed.
"""

from trio_worker.protocols.http2.session import INTERNAL_ERROR, NO_ERROR, Session


class Parting:
    """Those of one connection.

    Args:
        session: of the connection.
    """

    __slots__ = ("_codes", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        # The code that each is reset with.
        self._codes: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._codes)

    def add(self, number: int, is_fault: bool) -> None:
        """Have a stream end when what it has said has left; what it is told first stands."""
        self._codes.setdefault(number, INTERNAL_ERROR if is_fault else NO_ERROR)

    def end(self) -> bool:
        """End the streams of which nothing waits any more; return False where there are none."""
        ended = [each for each in self._codes if not self._session.queued(each)]
        for number in ended:
            self._session.reset(number, self._codes.pop(number))
        return bool(ended)

    def clear(self) -> None:
        """Forget them: the connection has ended."""
        self._codes.clear()
