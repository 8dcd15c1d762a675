"""HTTP/2 (RFC 9113) on libnghttp2.

session.py      the protocol's state, by ngh2; nothing else here knows that library
rules.py        the head of a request from its fields
exchange.py     one stream: a request and its task
response.py     its response
tunnel.py       a stream that carries a WebSocket (RFC 8441)
events.py       the events of the session, and what each does to the streams
parting.py      the streams that end when what they have said has left
connection.py   the connection: bytes in and out, and its streams in tasks of their own
"""
