"""`python -m trio_worker` is the `trio-worker` command."""

import sys

from trio_worker.cli import main

sys.exit(main())
