"""TLS's records counted by their headers, which are in clear text (RFC 8446 section 5.1).

    type (1)   version (2)   length (2)   `length` bytes, encrypted

OpenSSL takes all that it is given and returns with the first bytes for the app. A record that brings none, a KeyUpdate
or an empty one, costs up to 40 us of that call, and a client may send as many as it likes. So little is given at a
time, and who sends many of them is told apart from who sends requests.
"""

HEADER_SIZE = 5

# Records without a byte for the app that a connection may send at once. New keys are due after 2^24 records (RFC 8446
# section 5.5), so honest clients send one or none.
MOST_BARREN = 32

# Records with bytes that make up for one without.
FRUITFUL_FOR_BARREN = 64

_MOST_CREDIT = MOST_BARREN * FRUITFUL_FOR_BARREN


class RecordCount:
    """The account of one connection's records.

    Attributes:
        left: bytes that the record under way still lacks.
        fruitful: records that brought bytes for the app and were not counted one by one.
        amid: whether the next byte is amid a record, or the credit is used up: what comes next has to be counted.
        credit: below 0 if too many records have brought nothing, once all that came has been read.
    """

    __slots__ = ("_header", "amid", "credit", "fruitful", "left")

    def __init__(self) -> None:
        self.left = self.fruitful = 0
        self.amid = False
        self._header = b""
        self.credit = _MOST_CREDIT

    def add(self, data: bytes) -> None:
        """Count the records that begin in these bytes, which are the next of the connection."""
        self.credit = min(_MOST_CREDIT, self.credit + self.fruitful)
        self.fruitful = 0
        at, size = self.left, len(data)
        if self._header:
            data, size = self._header + data, size + len(self._header)
        while size - at >= HEADER_SIZE:
            self.credit -= FRUITFUL_FOR_BARREN
            at += HEADER_SIZE + (data[at + 3] << 8 | data[at + 4])
        self.left = max(0, at - size)
        self._header = data[at:]
        self.amid = at != size or self.credit < 0

    def brought(self) -> None:
        """Note that one of the records has brought bytes for the app."""
        credit = self.credit + FRUITFUL_FOR_BARREN + 1
        self.credit = credit if credit < _MOST_CREDIT else _MOST_CREDIT

    def begin(self) -> None:
        """Forget the records of the handshake."""
        self.credit = _MOST_CREDIT
