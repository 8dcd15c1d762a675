"""Values of an ini that uWSGI could not use: addresses and certificates."""

from pathlib import Path

import pytest

from trio_worker.check.values import address_fault, certificate_fault


@pytest.mark.parametrize(
    "address",
    [
        ":8080",
        "127.0.0.1:8080",
        "[::1]:8080",
        "localhost:8080",
        "*:8080",
        "x.sock",
        "@abstract",
        "fd://3",
        "=0",
        ":0",
    ],
)
def test_an_address_that_uwsgi_binds(address: str) -> None:
    assert address_fault(address, shared_sockets=1) is None


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "no address"),
        (":http", "not a number"),
        (":80800", "greater than 65535"),
        ("300.1.1.1:80", "300"),
        ("::1:8080", "brackets"),
        ("[::g]:8080", "::g"),
        ("=1", "no shared-socket 1"),
        ("fd://stdin", "number of a descriptor"),
        ("nowhere/x.sock", "no directory nowhere"),
        ("x" * 103, "at most 102 bytes"),
    ],
)
def test_an_address_that_uwsgi_does_not_bind(address: str, why: str) -> None:
    assert why in (address_fault(address, shared_sockets=1) or "")


def test_a_unix_name_counts_from_chdir(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert address_fault("run/x.sock", 0, str(tmp_path)) is None
    assert address_fault("run/x.sock", 0, str(tmp_path / "run")) is not None


def test_a_certificate_has_to_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cert.pem").touch()
    assert certificate_fault(":8443,cert.pem,cert.pem") is None
    assert certificate_fault(":8443,cert.pem,key.pem") == "there is no file key.pem"
    assert "takes an address" in (certificate_fault(":8443") or "")
