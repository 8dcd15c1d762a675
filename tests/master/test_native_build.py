"""Building the native plugin, and what becomes of one that was built for another uWSGI."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.native_uwsgi import ONE_REQUEST, SOCKET, UWSGI, Instance, Start, eventually, uwsgis
from support.other_uwsgi import Other, told

from trio_worker.master.native import load
from trio_worker.master.native.build import BuildError, build


@pytest.fixture
def start() -> Iterator[Start]:
    with uwsgis(None) as start:
        yield start


def test_the_plugin_compiles_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFLAGS", "-Wall -Wextra -Werror")
    destination = tmp_path / "a directory with spaces"
    assert build(UWSGI, destination) == destination / "trio_plugin.so"
    assert os.listdir(destination) == ["trio_plugin.so"]


def test_a_build_that_fails_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BuildError, match="cannot run"):
        build(tmp_path / "no-uwsgi", tmp_path)
    monkeypatch.setenv("CFLAGS", "-include no_such_header.h")
    with pytest.raises(BuildError, match=r"needs the header no_such_header\.h$"):
        build(UWSGI, tmp_path)
    monkeypatch.setenv("CFLAGS", "-DUWSGI_VERSION=nonsense")
    with pytest.raises(BuildError, match=r"error: .nonsense. undeclared"):
        build(UWSGI, tmp_path)
    assert not os.listdir(tmp_path)


def test_a_build_leaves_the_plugin_of_a_running_uwsgi_alone(start: Start, tmp_path: Path) -> None:
    instance = start(plugin=build(UWSGI, tmp_path))
    instance.run("None")
    mapped = (tmp_path / "trio_plugin.so").stat().st_ino
    assert build(UWSGI, tmp_path).stat().st_ino != mapped
    instance.run(ONE_REQUEST)
    assert instance.worker()["requests"] == 1


def test_there_is_no_native_side_without_the_plugin(start: Start) -> None:
    assert load() is None
    assert start().run("native") is None


def assert_refused(instance: Instance, reason: str) -> None:
    """In the log, in Python, and in deed: nothing of it is called."""
    assert instance.run("isinstance(native, PluginRefused)")
    pattern = f"plugin refused: {reason}; build it again with: trio-worker build-plugin"
    assert re.search(pattern, instance.run("str(native)"))
    assert re.search(rf"^\[trio\] {pattern}$", instance.log(), re.MULTILINE)
    assert not [name for name in eventually(instance.stats)["metrics"] if name.startswith("trio.")]


METRICS = SOCKET + "enable-metrics = true\n"


def test_a_plugin_of_another_release_is_refused(start: Start, tmp_path: Path) -> None:
    version = told("--version")
    other = Other(told("--dot-h"), told("--cflags").replace(version, "1.9"))
    instance = start(METRICS, plugin=other.build(tmp_path))
    assert_refused(instance, f"built for uWSGI 1.9, but this is uWSGI {version}")


def test_a_plugin_of_another_header_is_refused(start: Start, tmp_path: Path) -> None:
    longer = told("--dot-h").replace("struct uwsgi_worker {", "struct uwsgi_worker { int more;", 1)
    instance = start(METRICS, plugin=Other(longer, told("--cflags")).build(tmp_path))
    assert_refused(instance, f"built with another uwsgi.h than this uWSGI {told('--version')}")


def test_a_plugin_of_other_compiler_flags_is_refused(start: Start, tmp_path: Path) -> None:
    other = Other(told("--dot-h"), told("--cflags") + " -DMORE")
    instance = start(METRICS, plugin=other.build(tmp_path))
    assert_refused(instance, f"built with other compiler flags than this uWSGI {told('--version')}")


def test_a_plugin_of_another_system_is_refused(start: Start, tmp_path: Path) -> None:
    # uwsgi.h declares some fields only where the system's header knows this macro.
    without_ksm = tmp_path / "without_ksm.h"
    without_ksm.write_text("#define _GNU_SOURCE\n#include <sys/mman.h>\n#undef MADV_MERGEABLE\n")
    other = Other(told("--dot-h"), told("--cflags"), f"-include {without_ksm}")
    instance = start(METRICS, plugin=other.build(tmp_path))
    assert_refused(instance, r"struct uwsgi_server has \d+ bytes in this uWSGI \S+, \d+ in the plugin")


def test_a_plugin_of_another_trio_worker_is_refused(start: Start, tmp_path: Path) -> None:
    other = Other(told("--dot-h"), told("--cflags"), "-DUWSGI_TRIO_INTERFACE=99")
    instance = start(plugin=other.build(tmp_path))
    assert instance.run("isinstance(native, PluginRefused)")
    assert "it belongs to another trio-worker; build it again" in instance.run("str(native)")
