"""A Quart-Trio app in an environment in which one name of Quart's or Werkzeug's is not there for the worker.

HIDE is `module:name`. Quart itself still has it, as it would in a version that has moved the name.
"""

import os
import sys
from types import ModuleType
from typing import Any

from quart_app import app

__all__ = ["app"]

_module, _, _name = os.environ["HIDE"].partition(":")
_real = sys.modules[_module]
_without = ModuleType(_module)
vars(_without).update({name: value for name, value in vars(_real).items() if name != _name})


def _for_others(name: str) -> Any:
    """Give the hidden name to everybody but the worker."""
    if name != _name or sys._getframe(1).f_globals["__name__"].startswith("trio_worker"):
        raise AttributeError(name)
    return getattr(_real, name)


_without.__getattr__ = _for_others  # type: ignore[method-assign]
sys.modules[_module] = _without
_parent, _, _last = _module.rpartition(".")
if _parent:
    setattr(sys.modules[_parent], _last, _without)
