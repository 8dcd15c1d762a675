"""The names of client certificates in the form of RFC 4514."""

import pytest

from trio_worker.transport.certificates import distinguished_name


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ((), ""),
        (((("countryName", "GB"),), (("commonName", "Steve Kille"),)), "CN=Steve Kille,C=GB"),
        (((("organizationName", "Sue, Grabbit and Runn"),),), "O=Sue\\, Grabbit and Runn"),
        (((("organizationalUnitName", "Sales"), ("commonName", "J. Smith")),), "OU=Sales+CN=J. Smith"),
        (((("commonName", '#1 \\ "x" '),),), 'CN=\\#1 \\\\ \\"x\\"\\ '),
    ],
)
def test_a_subject_last_part_first(subject: tuple[tuple[tuple[str, str], ...], ...], expected: str) -> None:
    assert distinguished_name(subject) == expected
