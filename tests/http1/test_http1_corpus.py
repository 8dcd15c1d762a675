"""The corpus over real sockets: what a client gets for each request, however its bytes arrive."""

from collections import Counter

import pytest
from corpus import CASES, Case
from corpus.running import run, splits
from support.uwsgi import Server, Servers


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="http1_report:app", disable_logging=True)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_whole(server: Server, case: Case) -> None:
    run(server.unix_path, case, [(case.data,)])


SPLIT = [case for case in CASES if case.splits]


@pytest.mark.parametrize("case", SPLIT, ids=[case.name for case in SPLIT])
def test_split_at_every_byte(server: Server, case: Case) -> None:
    run(server.unix_path, case, splits(case.data))


BYTE_BY_BYTE = [case for case in SPLIT if len(case.data) < 200]


@pytest.mark.parametrize("case", BYTE_BY_BYTE[::3], ids=[case.name for case in BYTE_BY_BYTE[::3]])
def test_byte_by_byte(server: Server, case: Case) -> None:
    run(server.unix_path, case, [tuple(case.data[at : at + 1] for at in range(len(case.data)))])


def test_every_case_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []
