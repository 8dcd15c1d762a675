"""The MUSTs of HTTP/2 for a server, as frames of a client and what has to come of them, by section of their RFC."""

from http2_cases import connection, fields, hpack, streams, websocket
from http2_cases.case import Answered, Case, Fatal, Ignored, Refused

CASES = (*connection.CASES, *streams.CASES, *fields.CASES, *hpack.CASES, *websocket.CASES)

__all__ = ["CASES", "Answered", "Case", "Fatal", "Ignored", "Refused"]
