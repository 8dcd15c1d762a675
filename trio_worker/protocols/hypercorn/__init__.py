"""What Hypercorn speaks: HTTP/2, WebSocket, upgrades, and HTTP/1.1 where the express lane is off.

connection.py   hands a connection to Hypercorn's protocols, and ends it
config.py       Hypercorn's configuration
http1.py, http2.py, websockets.py   those protocols, mended
tasks.py        the tasks of the app
bodies.py       deadlines of request bodies
"""
