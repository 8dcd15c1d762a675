"""The optional uWSGI plugin in C, and the way to it from Python.

Much of what uWSGI knows about a worker is reached only from C: the numbers of the stats server, the
whole configuration, the accepting hooks, the request logger. `trio.h` lists the functions of the
plugin, `bindings.py` calls them. `build.py` compiles them, and is left for its users to import, since a
worker is not one of them. Everything else works without the plugin.
"""

from .bindings import Counts, Native, PluginRefused, ProcessMemory, SignalDescriptors, load

__all__ = [
    "Counts",
    "Native",
    "PluginRefused",
    "ProcessMemory",
    "SignalDescriptors",
    "load",
]
