"""Children of the worker: a process that the app has forked holds a copy of every connection open.

A connection ends for its client only when the last copy is closed, or when it is shut down. That is one system call
more, so it is made only where it may be needed. What executes another program closes its copies by that.
"""

import os

# True once this process has forked.
have_been = False


def _forked() -> None:
    global have_been
    have_been = True


os.register_at_fork(after_in_parent=_forked)
