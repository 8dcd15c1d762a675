"""The certificates that a worker serves with, and what the `tls` extension tells the app.

https://asgi.readthedocs.io/en/latest/specs/tls.html
"""

import re
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from trio_worker.options.values import OptionError

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
    """The files that the ini names; `client_required` is whether clients must show certificates of theirs,
    `alpn` what they may choose from.

    Attributes:
        key: the option that names them, for error messages.
    """

    key: str
    certificate: str
    private_key: str
    ciphers: str = ""
    authorities: str = ""
    client_required: bool = False
    alpn: tuple[str, ...] = ("h2", "http/1.1")


class Named(NamedTuple):
    """A certificate for one host's name, or for all hosts below one (`*.example.org`)."""

    name: str
    certificate: str
    private_key: str


class Certificates:
    """One certificate with all that TLS needs besides, and those that are served by name in its place.

    Attributes:
        context: of the ssl library.

    Args:
        source: where it is.
        named: the others; a name that none of them has gets the one of `source`.

    Raises:
        OptionError: one cannot be used.
    """

    def __init__(self, source: Source, named: Iterable[Named] = ()) -> None:
        self._context, chain = _load(source)
        self._chains = {self._context: chain}
        self._by_name: dict[str, ssl.SSLContext] = {}
        for each in named:
            own = source._replace(key="trio-certificate", certificate=each.certificate, private_key=each.private_key)
            context, chain = _load(own)
            self._chains[context] = chain
            self._by_name[each.name] = context
        if self._by_name:
            self._context.sni_callback = self._choose
        self.context = self._context
        self._suites = {each["name"]: each["id"] & 0xFFFF for each in self._context.get_ciphers()}

    def _choose(self, tls: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        """Take the certificate of the host that the client asks for (RFC 6066 section 3)."""
        name = (name or "").lower()
        found = self._by_name.get(name) or self._by_name.get("*." + name.partition(".")[2])
        if found is not None:
            tls.context = found

    def wrap(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        """Return the TLS of a connection, before the handshake."""
        return self._context.wrap_bio(incoming, outgoing, server_side=True)

    def describe(self, tls: ssl.SSLObject) -> dict[str, Any]:
        """Return the server's part of the `tls` extension."""
        cipher = tls.cipher()
        return {
            "server_cert": self._chains[tls.context],
            "tls_version": _VERSIONS.get(tls.version() or ""),
            "cipher_suite": self._suites.get(cipher[0]) if cipher else None,
        }


def _load(source: Source) -> tuple[ssl.SSLContext, str | None]:
    """Return a context with a certificate, and that in PEM."""
    try:
        context = _make_context(source)
        chain = _PEM.findall(Path(source.certificate).read_text("ascii", "replace"))
    except (OSError, ValueError) as error:  # An SSLError is an OSError.
        value = f"{source.certificate},{source.private_key},{source.authorities}".rstrip(",")
        raise OptionError(source.key, value, f"a certificate, its key and authorities in PEM ({error})") from error
    return context, chain[0] if chain else None


def _make_context(source: Source) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if source.alpn:
        context.set_alpn_protocols(list(source.alpn))
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
