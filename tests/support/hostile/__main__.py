"""`python -m support.hostile NAME HOST PORT` attacks until its standard input ends."""

import sys

from support.hostile.catalogue import ATTACKS
from support.hostile.running import main

main(ATTACKS[sys.argv[1]], *sys.argv[2:])
