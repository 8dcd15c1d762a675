"""The uwsgi protocol: connections of one packet, from a front such as nginx or uWSGI's own router.

connection.py   a connection with its one packet
whole.py        a packet that came whole with a plain request, as most do: run among others in one task
request.py      the packet, read, and what of it has been read before
asked.py        what of a packet says what is asked for
sender.py       what of a packet says who asks
packet.py       the packet's form
exchange.py     the request in it, and the response
"""
