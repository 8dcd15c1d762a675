"""The status socket: what all workers do, told by whichever of them is asked.

sockets.py      which socket of the ini it is
server.py       the connections of that socket, which are no business of the app's
app.py          what it answers, and whom it does not
metrics.py      the page for Prometheus
exposition.py   the figures as Prometheus reads them
processes.py    the figures of a process that the kernel keeps
"""
