"""What uWSGI runs in each worker: `python-worker-override = trio_worker/override.py`."""

from trio_worker.worker import main

main()
