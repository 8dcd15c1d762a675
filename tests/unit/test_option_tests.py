"""Every honoured option has a test on a real uWSGI, and each test that is named uses its option.

That the test would fail without the option is what prove_options.py finds out, by running it so.
"""

import pytest
from support.option_tests import Proof, load, names_of
from support.places import expect_everywhere

from trio_worker.options import table as option_table
from trio_worker.options.table import Meaning

HONOURED = (Meaning.HONOURED, Meaning.WITH_PLUGIN)

TABLE = option_table.load()
PROOFS = load()


def test_the_list_names_exactly_the_options_that_are_honoured_and_our_own() -> None:
    honoured = [option.names[0] for row in TABLE.rows for option in row.options if option.meaning in HONOURED]
    assert len(honoured) > 80
    honoured += TABLE.own
    places = {"options/table.toml": honoured, "tests/options/option_tests.toml": [each.option for each in PROOFS]}
    expect_everywhere("honoured option", places)
    assert len(PROOFS) == len(honoured)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.option)
def test_the_test_of_an_option_starts_a_uwsgi_with_it(proof: Proof) -> None:
    names = names_of(proof.option)
    assert names, f"tests/options/option_tests.toml names {proof.option}, which is missing in options/table.toml"
    assert proof.words() & set(names), f"{proof.node} does not use {proof.option}"
    assert proof.starts_uwsgi(), f"{proof.node} starts no uWSGI"
