"""WebSockets (RFC 6455), whatever carries them: their handshake, their frames, and the session that an app sees.

handshake.py    a request that asks for a WebSocket, and what is agreed on
messages.py     messages from bytes, and bytes from messages
session.py      ASGI's side: its receive and send, and the states of a session
connection.py   a session on a connection of its own, behind HTTP/1.1 or a uwsgi packet
"""
