"""A whole connection, from its first byte to its close, in the protocol that its bytes say."""

import sys

import atheris

from .conversation import converse, watch_log

if __name__ == "__main__":
    watch_log()
    atheris.Setup(sys.argv, converse)
    atheris.Fuzz()
