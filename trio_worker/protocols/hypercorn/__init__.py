"""Hypercorn's HTTP and WebSockets, in the place of the worker's own lanes: `trio-http1 = hypercorn`.

connection.py   hands a connection to Hypercorn's protocols, and ends it
config.py       Hypercorn's configuration
http1.py, http2.py, websockets.py   those protocols, mended
tasks.py        the tasks of the app
bodies.py       deadlines of request bodies
"""
