"""The worker's modules in the master: `shared-import = trio_worker.preload` has it import them once for all workers.

A worker then begins to serve sooner, after a reload as after an accident, and the workers share this memory. What a
chain reload takes up is the app: new versions of Trio and of this package come with a SIGHUP.
"""

import sys

if "uwsgi" in sys.modules:
    import trio_worker.worker.main  # noqa: F401
