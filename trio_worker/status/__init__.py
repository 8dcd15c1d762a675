"""The status socket: what all workers do, told by whichever of them is asked.

sockets.py      which socket of the ini it is
server.py       the connections of that socket, which are no business of the app's
app.py          whom it answers, and whom it does not
pages.py        what can be read, and what acts; answers.py has the forms of answers, page/ the page
watch.py        the stream of states for the pages that are open
instance.py     all workers: figures from shared memory, live state from each
agent.py        the socket by which workers ask each other for it
live.py         the live state of this worker
metrics.py      the page for Prometheus
exposition.py   the figures as Prometheus reads them
workers.py      the workers that uWSGI's master knows
processes.py    the figures of a process that the kernel keeps

The command of an operator asks that socket:

command.py      the subcommands that ask once
client.py       the socket, found by an ini or an address
top.py          the one that goes on, on a screen.py that rich draws or as plain text
view.py         what that shows at one moment
tables.py       what they show
history.py      rates and percentiles
"""
