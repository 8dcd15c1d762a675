"""uWSGI keeps the processes, Trio runs the requests.

`python-worker-override = trio_worker/override.py` in a `uwsgi.ini` makes every worker of that instance one Trio
nursery that serves an ASGI app on every socket the worker inherited.
"""

__version__ = "0.1.0"
