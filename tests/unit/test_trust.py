"""Lists of peers."""

import pytest

from trio_worker.options.trust import LOOPBACK, NOBODY, parse_peers


@pytest.mark.parametrize(
    ("text", "peer", "expected"),
    [
        ("10.0.0.0/8", ("10.1.2.3", 1), True),
        ("10.0.0.0/8", ("11.1.2.3", 1), False),
        ("192.0.2.1, 2001:db8::/32", ["2001:db8::7", 1], True),
        ("192.0.2.1\n2001:db8::/32", ("192.0.2.1", None), True),
        ("10.0.0.0/8", ("::ffff:10.0.0.1", 1), True),
        ("fe80::/10", ("fe80::1%eth0", 1), True),
        ("10.0.0.0/8", None, False),
        ("10.0.0.0/8 unix", None, True),
        ("unix", ("127.0.0.1", 1), False),
        ("0.0.0.0/0", ("no address", 1), False),
    ],
)
def test_who_belongs_to_a_list(text: str, peer: object, expected: bool) -> None:
    assert (peer in parse_peers(text)) is expected


def test_the_usual_lists() -> None:
    assert ("127.0.0.1", 1) in LOOPBACK
    assert ("::1", 1) in LOOPBACK
    assert None in LOOPBACK
    assert ("192.0.2.1", 1) not in LOOPBACK
    assert None not in NOBODY
    assert not NOBODY


@pytest.mark.parametrize("text", ["everybody", "10.0.0.1/8", "10.0.0.0/33", "unix:"])
def test_what_is_no_list(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_peers(text)
