"""The uwsgi protocol.

connection.py   a connection with its one packet
packet.py       the packet, read
exchange.py     the request in it, and the response
"""
