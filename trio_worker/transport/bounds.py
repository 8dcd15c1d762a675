"""Bounds in every protocol of clients that do not read, do not close or do not stop sending."""

# Seconds between telling an app of a disconnect that it waits for and cancelling it.
DISCONNECT_GRACE = 1.0

# The part of a body left unread by its app that is read to keep the connection: bytes, and seconds to wait for them.
DISCARD_LIMIT = 262144
DISCARD_TIMEOUT = 2.0

# Seconds between two looks at first bytes that are left in the kernel, where it does not say when more have come.
PEEK_PAUSE = 0.05

# Seconds after its accept that a connection has for its handshake and first bytes though the worker drains.
FIRST_BYTES_GRACE = 5.0

# Bytes that one sendfile(2) takes from a file: it works for as long as the client reads as fast.
SENDFILE_PIECE = 1 << 20
