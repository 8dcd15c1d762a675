"""The certificates that a worker serves with, and what the `tls` extension tells the app.

https://asgi.readthedocs.io/en/latest/specs/tls.html
"""

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from trio_worker.options import Options
from trio_worker.options.values import OptionError
from trio_worker.transport.wire import Address

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)

# RFC 8446 appendix B.3.1.1: how TLS's versions are numbered.
_VERSIONS = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}

# RFC 4514 section 3, and what follows its table in OpenSSL's own output.
_SHORT_NAMES = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "emailAddress": "emailAddress",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "userId": "UID",
}
_SPECIAL = re.compile(r'([,+"\\<>;=]|^[ #]| $)')


class Source(NamedTuple):
    """The files that the ini names; `client_required` is whether clients must show certificates of theirs.

    Attributes:
        key: the option that names them, for error messages.
    """

    key: str
    certificate: str
    private_key: str
    ciphers: str = ""
    authorities: str = ""
    client_required: bool = False


class Certificates:
    """One certificate with all that TLS needs besides.

    Args:
        source: where it is.

    Raises:
        OptionError: it cannot be used.
    """

    def __init__(self, source: Source) -> None:
        try:
            self.context = _make_context(source)
            chain = _PEM.findall(Path(source.certificate).read_text("ascii", "replace"))
        except (OSError, ValueError) as error:  # An SSLError is an OSError.
            value = f"{source.certificate},{source.private_key},{source.authorities}".rstrip(",")
            raise OptionError(source.key, value, f"a certificate, its key and authorities in PEM ({error})") from error
        self._server_certificate = chain[0] if chain else None
        self._suites = {each["name"]: each["id"] & 0xFFFF for each in self.context.get_ciphers()}

    def describe(self, tls: ssl.SSLObject) -> dict[str, Any]:
        """The server's part of the `tls` extension."""
        cipher = tls.cipher()
        return {
            "server_cert": self._server_certificate,
            "tls_version": _VERSIONS.get(tls.version() or ""),
            "cipher_suite": self._suites.get(cipher[0]) if cipher else None,
        }


def _make_context(source: Source) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["h2", "http/1.1"])
    if source.ciphers:
        context.set_ciphers(source.ciphers)
    context.load_cert_chain(source.certificate, source.private_key)
    if source.authorities:
        context.load_verify_locations(source.authorities)
        context.verify_mode = ssl.CERT_REQUIRED if source.client_required else ssl.CERT_OPTIONAL
    return context


def describe_client(tls: ssl.SSLObject) -> dict[str, Any]:
    """The client's part of the `tls` extension; a certificate that does not verify ends the handshake."""
    chain = _client_chain(tls)
    subject = (tls.getpeercert() or {}).get("subject", ())
    return {
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(each) for each in chain],
        "client_cert_name": distinguished_name(subject) if chain else None,
        "client_cert_error": None,
    }


def _client_chain(tls: ssl.SSLObject) -> list[bytes]:
    """Return the certificates of the client, its own first; Python before 3.13 shows no more than that one."""
    own = tls.getpeercert(binary_form=True)
    if own is None:
        return []  # Python 3.13.0 stumbles over the chain of a client that was asked and sent none.
    if hasattr(tls, "get_unverified_chain"):
        return list(tls.get_unverified_chain() or ())
    return [own]


def distinguished_name(subject: Any) -> str:
    """A subject as `getpeercert` has it, in the form of RFC 4514: the last part first."""
    return ",".join(
        "+".join(f"{_SHORT_NAMES.get(key, key)}={_SPECIAL.sub(_escape, value)}" for key, value in part)
        for part in reversed(subject)
    )


def _escape(found: re.Match[str]) -> str:
    return "\\" + found[0]


class Tls:
    """Which certificate is served where.

    Args:
        main: for every socket, from `trio-certfile`.
        by_socket: for the sockets of `https-socket`, by their addresses as the ini has them.
    """

    def __init__(self, main: Certificates | None, by_socket: Mapping[str, Certificates]) -> None:
        self._main = main
        self._by_socket = by_socket

    def __bool__(self) -> bool:
        return self._main is not None or bool(self._by_socket)

    def find(self, server: Address | None) -> Certificates | None:
        """The certificate for a connection to this address of ours."""
        return self._of_socket(server) or self._main

    def is_required(self, server: Address | None) -> bool:
        """Return True if nothing but TLS is spoken there: an `https-socket`."""
        return self._of_socket(server) is not None

    def _of_socket(self, server: Address | None) -> Certificates | None:
        if not self._by_socket or server is None:
            return None
        host, port = server
        if port is None:
            return self._by_socket.get(host)
        name = f"[{host}]" if ":" in host else host
        found = self._by_socket.get(f"{name}:{port}")
        if found is None:
            wildcards = (f"{any_host}:{port}" for any_host in ("", "0.0.0.0", "*", "[::]"))
            found = next((self._by_socket[each] for each in wildcards if each in self._by_socket), None)
        return found


def load(options: Options) -> Tls:
    """Read every certificate of the ini.

    Raises:
        OptionError: one cannot be used, or a key comes without its certificate.
    """
    return Tls(_load_main(options), dict(_load_https_socket(value) for value in options.https_sockets))


def _load_main(options: Options) -> Certificates | None:
    certificate, key = options.certfile, options.keyfile
    if certificate is None:
        for name, value in (("trio-keyfile", key), ("trio-ca-certs", options.ca_certs)):
            if value is not None:
                raise OptionError(name, value, "a file beside a trio-certfile")
        return None
    required = options.client_certificates == "required"
    return Certificates(Source("trio-certfile", certificate, key or certificate, "", options.ca_certs or "", required))


def _load_https_socket(value: str) -> tuple[str, Certificates]:
    """`address,certificate,key[,ciphers[,authorities]]`; uWSGI takes a `!` before the authorities for "required"."""
    address, _, rest = value.partition(",")
    parts = [part.strip() for part in rest.split(",")]
    if len(parts) < 2:
        raise OptionError("https-socket", value, "address,certificate,key[,ciphers[,authorities]]")
    ciphers, authorities = [*parts[2:4], "", ""][:2]
    source = Source(
        "https-socket", parts[0], parts[1], ciphers, authorities.removeprefix("!"), authorities.startswith("!")
    )
    return address.strip(), Certificates(source)
