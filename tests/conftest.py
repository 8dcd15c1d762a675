"""The fixtures of all tests: real uWSGIs, whose connections our own lanes serve."""

import functools
import itertools
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.behaviour import behaving as behaving
from support.behaviour import limited as limited
from support.certificates import authority as authority
from support.ini import UWSGI
from support.uwsgi import Servers, Shared, servers

from trio_worker.master.native.build import build

# Descriptors of the tests' clients, and of all that they start, where a user may have so many: a second in which nobody
# accepts makes hundreds of connections, and a front has two for each. 1,024 is what a user has without asking.
DESCRIPTORS = 16384


def pytest_configure() -> None:
    """Ask for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(DESCRIPTORS, hard)), hard))


def _directories(factory: pytest.TempPathFactory) -> Iterator[Path]:
    # Short names: the path of a UNIX socket has room for 107 bytes, and uWSGI takes 102.
    return (factory.mktemp("u") for _ in itertools.count())


@pytest.fixture
def uwsgi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Starts uWSGIs for one test: `uwsgi(module="app:app", processes=2)`."""
    with servers(_directories(tmp_path_factory), {}) as started:
        yield started


@pytest.fixture(scope="module")
def module_uwsgi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Starts uWSGIs for all tests of a file, whose tests must not change them."""
    with servers(_directories(tmp_path_factory), {}) as started:
        yield started


@pytest.fixture(scope="module")
def shared_uwsgi(module_uwsgi: Servers) -> Shared:
    """`shared_uwsgi(module="app:app")`: one uWSGI for all tests of a file with these options; none may change it."""
    return functools.cache(module_uwsgi)


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The native plugin, built for the uWSGI of these tests."""
    return build(Path(UWSGI), tmp_path_factory.mktemp("plugin"))


# What waits for minutes: for the master's clock, for load to come and go, for every byte of every request. They are
# deselected by default; `make test-long` runs them. Elsewhere single tests have the mark `long`: their like is in the
# default suite.
LONG = {
    "test_autobahn",
    "test_body_rate",
    "test_cheaper",
    "test_containers",
    "test_debian",
    "test_demonstration",
    "test_deploy",
    "test_destroy",
    "test_development",
    "test_dropped_rights",
    "test_failed_start",
    "test_fronts_nginx",
    "test_fronts_reloads",
    "test_fronts_uwsgi_router",
    "test_harakiri",
    "test_http1_corpus",
    "test_http1_properties",
    "test_leaving",
    "test_leaving_things",
    "test_leftovers",
    "test_limits",
    "test_litestar",
    "test_log_reader",
    "test_many_hosts",
    "test_mcp",
    "test_mistakes",
    "test_native_build",
    "test_options_at_start",
    "test_pyuwsgi",
    "test_quart_hidden_names",
    "test_reload_command",
    "test_request_log_options",
    "test_request_options",
    "test_signals",
    "test_smuggling",
    "test_starlette",
    "test_statistics",
    "test_status_browser",
    "test_status_sessions",
    "test_stop",
    "test_systemd",
    "test_telemetry",
    "test_title",
    "test_tls_floods",
    "test_top",
    "test_traps",
    "test_uwsgi_api",
    "test_uwsgi_signals",
    "test_zerg",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the long modules."""
    for item in items:
        if item.path.stem in LONG:
            item.add_marker("long")
