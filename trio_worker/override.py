"""The script that uWSGI runs in each worker: `python-worker-override = trio_worker/override.py`.

A worker begins with the handlers of its master, which would take a signal of the master and lose it. So the signals are
blocked here, before the imports take their time, and wait until the worker listens.
"""

import signal

signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())

from trio_worker.worker.main import main  # noqa: E402

main()
