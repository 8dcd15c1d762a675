"""HTTP/1.1: connections of one request after another.

connection.py   a connection from its first request to its close
parser.py       bytes to exchanges
rules.py        what HTTP/1.1 asks beyond its grammar
"""
