"""`python -m support.hostile HOST PORT NAME` attacks until its standard input ends.

`python -m support.hostile HOST PORT RATE CONNECTIONS SECURE` sends so many bytes a second in ordinary requests instead.
"""

import sys

from support.hostile.attack import honest_load
from support.hostile.catalogue import ATTACKS
from support.hostile.running import main

host, port, name, *rest = sys.argv[1:]
main(honest_load(float(name), int(rest[0]), rest[1] == "True") if rest else ATTACKS[name], host, port)
