"""Certificates for tests: an authority, what it signs, and TLS connections that trust it.

conftest.py makes `authority` known to every file.
"""

import socket
import ssl
from pathlib import Path

import pytest
import trustme

from support.http1 import Target, connect


class Authority:
    """A certificate authority whose certificates stand as files in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._authority = trustme.CA()
        self.file = directory / "ca.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def serve(self, name: str, stem: str = "server") -> tuple[Path, Path]:
        """Write a certificate for a host's name and its key; may overwrite an earlier one."""
        made = self._authority.issue_cert(name, "127.0.0.1")
        certificate, key = self.directory / f"{stem}.pem", self.directory / f"{stem}.key"
        certificate.write_bytes(b"".join(each.bytes() for each in made.cert_chain_pems))
        made.private_key_pem.write_to_path(key)
        return certificate, key

    def client_context(self, *alpn: str, common_name: str | None = None) -> ssl.SSLContext:
        """A client's context that trusts the authority, with a certificate of its own where it has a name."""
        context = ssl.create_default_context(cafile=str(self.file))
        context.check_hostname = False
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if common_name is not None:
            own = self._authority.issue_cert("client@test.org", common_name=common_name)
            own.configure_cert(context)
        return context

    def threads_context(self) -> ssl.SSLContext:
        """A client's context for one that reads and writes in two threads.

        OpenSSL's connections are not made for that: while one thread takes in what TLS 1.3 still sends behind its
        handshake, what the other writes may never leave. TLS 1.2 has nothing of the kind.
        """
        context = self.client_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context


def connect_tls(target: Target, context: ssl.SSLContext, before: bytes = b"") -> ssl.SSLSocket:
    """A TLS connection; `before` is sent in front of it."""
    sock: socket.socket = connect(target)
    sock.sendall(before)
    return context.wrap_socket(sock, server_hostname="127.0.0.1")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of a file."""
    return Authority(tmp_path_factory.mktemp("ca"))
