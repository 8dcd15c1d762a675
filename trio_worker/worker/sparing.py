"""Log lines that clients bring about at will: a few of each kind a second, and how many more there were.

A refusal is cheap for who sends what is refused; a line of the log takes as long as a short request, and fills disks.
"""

import logging

# Lines of one kind in a second; what is an error, or has an exception with it, is written however many there are.
LINES, WINDOW = 20, 1.0


class Sparing(logging.Filter):
    """Lets a line through, or counts it for the next one of its kind: of the same text before what differs is put in.

    There are as many kinds as texts in the source.
    """

    def __init__(self) -> None:
        super().__init__()
        # When the second of a kind began, and how many lines of it came since then.
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for a line that is only counted."""
        if record.levelno >= logging.ERROR or record.exc_info or not record.name.startswith("trio_worker."):
            return True
        began, count = self._seen.get(record.msg, (record.created, 0))
        if 0 <= record.created - began < WINDOW:
            self._seen[record.msg] = began, count + 1
            return count < LINES
        self._seen[record.msg] = record.created, 1
        if count > LINES:
            record.msg, record.args = "%s (and %d more like it before)", (record.getMessage(), count - LINES)
        return True
