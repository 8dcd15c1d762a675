"""Accept-Encoding, and the packages that codings need."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_worker.application.accepted import choose, weigh
from trio_worker.application.compress.encoders import PACKAGES, encoder
from trio_worker.options.values import OptionError

OFFERED = [b"zstd", b"br", b"gzip"]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"", None),
        (b"gzip", b"gzip"),
        (b"GZIP ; Q=0.5", b"gzip"),
        (b"gzip;q=0.8, br;q=0.9", b"br"),
        (b"gzip, br", b"br"),
        (b"*;q=0.1, gzip;q=0", b"zstd"),
        (b"*;q=0", None),
        (b"gzip;q=nan, br;q=2", None),
        (b"gzip;q=-1", None),
        (b"identity, x-own", None),
        (b"gzip;level=9", b"gzip"),
    ],
)
def test_the_coding_of_a_client(accepted: bytes, coding: bytes | None) -> None:
    assert choose(accepted, OFFERED) == coding


@given(st.binary())
def test_whatever_a_client_sends_weighs_something_between_0_and_1(accepted: bytes) -> None:
    assert all(0 <= weight <= 1 for weight in weigh(accepted).values())
    assert choose(accepted, OFFERED) in (None, *OFFERED)


@pytest.mark.parametrize("coding", PACKAGES)
def test_a_missing_package_is_named(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES[coding], None)
    with pytest.raises(OptionError, match=rf"the package {PACKAGES[coding]} is installed: pip install 'trio-worker"):
        encoder(coding)
