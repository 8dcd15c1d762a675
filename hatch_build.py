"""Compile the C files of trio_worker where there is a C compiler; without one Python does their work."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext

MODULES = ("trio_worker.protocols._speedups", "trio_worker.protocols._packets", "trio_worker.master.figures._cells")


class SpeedupsHook(BuildHookInterface):
    """Hatchling's hook of a wheel; the library of an editable one lies beside its source."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and put the result into the wheel."""
        self._folder = tempfile.mkdtemp()
        for name in MODULES:
            self._add(name, version, build_data)

    def _add(self, name: str, version: str, build_data: dict[str, Any]) -> None:
        library, place = self._compile(name)
        if not library.exists():
            self.app.display_warning(f"{name} could not be compiled: the Python code beside it works as well")
        elif version == "editable":
            # Not over the old one: processes that run have it in their memory, and would die of it.
            fresh = Path(self.root, f"{place}.new")
            shutil.copy(library, fresh)
            fresh.replace(Path(self.root, place))
        else:
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            build_data["force_include"][str(library)] = place

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was only for the wheel."""
        shutil.rmtree(self._folder)

    def _compile(self, name: str) -> tuple[Path, str]:
        """Return where the library lies, if there could be one, and its place in the package."""
        source, flags = name.replace(".", "/") + ".c", ["-O3", "-Wall", "-Wextra"]
        extension = Extension(name, [source], extra_compile_args=flags, optional=True)
        command = build_ext(Distribution({"name": "trio-worker", "ext_modules": [extension]}))
        command.build_lib = command.build_temp = self._folder
        command.ensure_finalized()
        command.run()
        return Path(command.get_ext_fullpath(name)), command.get_ext_filename(name)
