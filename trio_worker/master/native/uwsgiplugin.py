"""The build of this directory by `uwsgi --build-plugin`, whose builder executes this file.

It runs where uWSGI has unpacked its own header, with its own compiler flags in the environment: the
very two texts that decide the layout of its structures. Their digests are compiled in, and layout.c
compares them with those of the uWSGI that loads the plugin.
"""

import os
from pathlib import Path


def _digest(text: bytes) -> str:
    """Return the FNV-1a of a text, as layout.c takes it, written as a C constant."""
    value = 0xCBF29CE484222325
    for byte in text:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"0x{value:016x}ULL"


_HEADER = Path(".uwsgi_plugins_builder/uwsgi.h").read_bytes()
_CFLAGS = os.environ["UWSGI_PLUGINS_BUILDER_CFLAGS"].encode()

NAME = "trio"
CFLAGS = [
    f"-DUWSGI_TRIO_HEADER_DIGEST={_digest(_HEADER)}",
    f"-DUWSGI_TRIO_CFLAGS_DIGEST={_digest(_CFLAGS)}",
]
LDFLAGS: list[str] = []
LIBS: list[str] = []
GCC_LIST = [
    "plugin",
    "layout",
    "options",
    "configuration",
    "accounting",
    "signals",
    "hooks",
    "metrics",
    "logging",
    "mules",
]
