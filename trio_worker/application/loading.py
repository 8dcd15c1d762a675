"""From what uWSGI users write (`module`, `wsgi-file`, `callable`, `mount`) to one ASGI app.

Without `lazy-apps` uWSGI itself has imported the module in the master before the fork; importing it again here only
finds it in `sys.modules`, and the workers share its memory. `gc.freeze` keeps the collector from touching, and so
copying, it.
"""

import gc
import importlib
import importlib.util
import logging
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from trio_worker.application.kinds import AppError, as_asgi
from trio_worker.application.mistakes import keep_own_frames, likely_module, likely_name
from trio_worker.application.root_path import restore
from trio_worker.asgi import App, Receive, Scope, Send
from trio_worker.options import Options
from trio_worker.options.raw import RawOptions, repeated
from trio_worker.options.values import OptionError
from trio_worker.refusal import Refusal, answer

log = logging.getLogger(__name__)

# Objects more than at the last collection that make the collector look at the new ones; how many times it does so
# before it looks at those that were left as well, which takes some milliseconds; and how often that before it looks at
# all, if nothing else has made it do so before (see worker/collector.py): here, and in Python.
THRESHOLDS, USUAL_THRESHOLDS = (1000, 4, 1000), gc.get_threshold()

NOT_MOUNTED = Refusal(404, "Nothing is mounted here.")


def load(options: Options, mounts: dict[str, str]) -> App:
    """The app that the ini names; then move to where `chdir2` says.

    Args:
        options: the parsed ini.
        mounts: prefix to target, as `mount = /prefix=target` says.

    Raises:
        AppError: none is named, or one cannot be imported or called. Its cause is the app's own exception.
    """
    if options.lazy_apps or options.lazy:
        for each in options.imports:
            _import_beside(each)
    main = _main_app(options)
    mounted = {prefix: _from_target(where, options) for prefix, where in mounts.items()}
    if options.chdir2:
        _move(options.chdir2)
    gc.freeze()
    if mounted:
        return Mounts(mounted, main)
    if main is None:
        raise AppError("no app is named: give module, wsgi-file or mount in the ini")
    return main


def settle() -> None:
    """Keep the garbage collector from what is there at the end of the start, once it has taken away what is not.

    Nothing of that ends before the worker does, and a collection that looks at it takes ten milliseconds or more, in
    which nobody is served. One of thousands of requests that run takes as long; so it comes when `worker/collector.py`
    says so and not when Python does, unless the app has an opinion of its own.
    """
    gc.collect()
    gc.freeze()
    if gc.get_threshold() == USUAL_THRESHOLDS:
        gc.set_threshold(*THRESHOLDS)


def read_mounts(raw: RawOptions) -> dict[str, str]:
    """Prefix to target of every `mount`.

    Raises:
        OptionError: one is not written as `/prefix=target`.
    """
    mounts = {}
    for value in repeated(raw, "mount"):
        prefix, equals, target = value.partition("=")
        if not (equals and target and prefix.startswith("/")):
            raise OptionError("mount", value, "/prefix=package.module:app")
        mounts[prefix] = target
    return mounts


def _main_app(options: Options) -> App | None:
    if target := options.module or options.wsgi:
        return _from_target(target, options)
    if path := options.wsgi_file or options.file:
        return _from_module(_import_file(path), options.callable or "application", path, options.limit_post)
    return None


def _import_beside(name: str) -> None:
    """Import a module, or a file; as in uWSGI, one that fails does not keep the app from loading."""
    try:
        if "/" in name or name.endswith(".py"):
            _import_file(name)
        else:
            importlib.import_module(name)
    except (Exception, SystemExit) as error:
        log.error("import = %s: %s", name, _describe(error), exc_info=error)


def _move(directory: str) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise AppError(f"chdir2 = {directory}: {error.strerror}") from error


def _from_target(target: str, options: Options) -> App:
    default, limit_post = options.callable, options.limit_post
    if target.endswith((".py", ".wsgi")):
        return _from_module(_import_file(target), default or "application", target, limit_post)
    module, _, attribute = target.partition(":")
    try:
        imported = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        reason = f"cannot import {module!r} of {target!r}: {_describe(error)}{likely_module(error, target)}"
        raise AppError(reason) from _if_own(error)
    return _from_module(imported, attribute or default or "application", target, limit_post)


def _import_file(path: str) -> ModuleType:
    # The name under which uWSGI keeps a file that it loaded itself in the master.
    name = "uwsgi_file_" + path.replace("/", "_").replace(".", "_").removesuffix("_py")
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, Path(path).resolve())
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise AppError(f"there is no Python file {path!r}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise AppError(f"cannot load {path!r}: {_describe(error)}{likely_module(error, path)}") from error
    return module


def _from_module(module: ModuleType, attribute: str, target: str, limit_post: int) -> App:
    name, is_factory = attribute.removesuffix("()"), attribute.endswith("()")
    app: Any = module
    for part in name.split("."):
        app = getattr(app, part, None)
    if app is None:
        raise AppError(
            f"{module.__file__ or module.__name__} has no {name!r}, which {target!r} asks for"
            f"{likely_name(name, module, target)}"
        )
    if not callable(app):
        raise AppError(f"{name!r} in {module.__file__ or module.__name__} is not callable but {app!r}")
    if is_factory:
        try:
            app = app()
        except (Exception, SystemExit) as error:
            raise AppError(f"the factory of {target!r} failed: {_describe(error)}") from error
    return as_asgi(app, name, target, limit_post)


def _describe(error: BaseException) -> str:
    """Return the exception with the file and line where it was raised; its traceback begins in the app from now on."""
    keep_own_frames(error)
    where = ""
    if isinstance(error, SyntaxError):  # Its own text names the file as well, without the folder.
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    if (traceback := error.__traceback__) is not None:
        while traceback.tb_next is not None:
            traceback = traceback.tb_next
        where = f" ({traceback.tb_frame.f_code.co_filename}, line {traceback.tb_lineno})"
    return f"{type(error).__name__}: {error}{where}"


def _if_own(error: BaseException) -> BaseException | None:
    """Return the exception if it has more to show than its own text: what is raised by no code of the app has not."""
    return error if error.__traceback__ is not None or isinstance(error, SyntaxError) else None


class Mounts:
    """Apps by path prefix; the longest that fits takes the request, with the prefix as its `root_path`.

    The path stays whole, as ASGI has it. Lifespan goes to every app of them, each in the same task group and with a
    state of its own: apps know nothing of each other, and would overwrite what another has left there.
    """

    def __init__(self, mounted: dict[str, App], main: App | None) -> None:
        self.apps = [(prefix.rstrip("/"), app) for prefix, app in mounted.items()]
        self.apps.sort(key=lambda pair: len(pair[0]), reverse=True)
        if main is not None:
            self.apps.append(("", main))
        self._states: dict[int, dict[str, Any]] = {}

    def begin_states(self, state: dict[str, Any]) -> list[tuple[App, dict[str, Any]]]:
        """Return each app once, with the state for its lifespan to fill; `state` is what every one begins with.

        A single app fills `state` itself, which every request gets a copy of.
        """
        apps = {id(app): app for _, app in self.apps}
        if len(apps) > 1:
            self._states = {key: state.copy() for key in apps}
        return [(app, self._states.get(key, state)) for key, app in apps.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch one request or session; without a fitting app it is answered with 404."""
        path = scope["path"]
        for prefix, app in self.apps:
            if path == prefix or path.startswith(prefix + "/"):
                if prefix:
                    # The path is whole, so this is all of it, whatever SCRIPT_NAME a front sent (manage-script-name).
                    scope["root_path"] = prefix
                if self._states:
                    scope["state"] = self._states[id(app)].copy()
                restore(scope)
                await app(scope, receive, send)
                return
        await answer(scope, send, NOT_MOUNTED)
