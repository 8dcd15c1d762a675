"""The fixtures of all tests: real uWSGIs, on both engines.

`engine` is parametrized: a test that uses it, and every one that starts a uWSGI does, runs with the express
lane and once more with all HTTP/1.1 going through Hypercorn. `@pytest.mark.engines("express")` spares what has
nothing to do with it.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.uwsgi import UWSGI, Servers, servers

from trio_worker.native.build import build

ENGINES = ("express", "hypercorn")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "engines(*names): the HTTP/1.1 engines that this test runs with")
    config.addinivalue_line("markers", "slow: takes more than a few seconds")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("engines")
        metafunc.parametrize("engine", marker.args if marker else ENGINES, scope="module")


def _directories(factory: pytest.TempPathFactory) -> Iterator[Path]:
    # Short names: the path of a UNIX socket has room for 107 bytes, and uWSGI takes 102.
    return (factory.mktemp("u") for _ in itertools.count())


@pytest.fixture
def uwsgi(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Starts uWSGIs for one test: `uwsgi(module="app:app", processes=2)`."""
    with servers(_directories(tmp_path_factory), {"trio-http1": engine}) as started:
        yield started


@pytest.fixture(scope="module")
def module_uwsgi(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Starts uWSGIs for all tests of a file, whose tests must not change them."""
    with servers(_directories(tmp_path_factory), {"trio-http1": engine}) as started:
        yield started


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The native plugin, built for the uWSGI of these tests."""
    return build(Path(UWSGI), tmp_path_factory.mktemp("plugin"))
