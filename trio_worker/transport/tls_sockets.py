"""The sockets that speak TLS: with which certificates, and whether they speak clear text as well."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from trio_worker.options import Options
from trio_worker.options.protocols import EVERYTHING
from trio_worker.options.values import OptionError
from trio_worker.transport.by_address import ByAddress
from trio_worker.transport.certificates import Certificates, Named, Source
from trio_worker.transport.spoken import Sockets, alpn
from trio_worker.transport.wire import Address


class Tls:
    """The certificates of each socket.

    Args:
        main: for every socket, from `trio-certfile`.
        by_socket: for the sockets of `https-socket`, by their addresses as the ini has them.
        clear_text: whether a socket that has none but `main` speaks clear text as well.
        narrowed: `main` for sockets that do not speak every protocol, by those that they speak.
    """

    def __init__(
        self,
        main: Certificates | None,
        by_socket: Mapping[str, Certificates],
        clear_text: bool = False,
        narrowed: Mapping[frozenset[str], Certificates] = MappingProxyType({}),
    ) -> None:
        self._main = main
        self._by_socket = ByAddress(by_socket)
        self._clear_text = clear_text
        self._narrowed = narrowed

    def __bool__(self) -> bool:
        return self._main is not None or bool(self._by_socket)

    def find(self, server: Address | None, protocols: frozenset[str] = EVERYTHING) -> Certificates | None:
        """Return the certificates for a connection to this address of ours, None where only clear text is spoken."""
        return self._by_socket.find(server) or self._narrowed.get(protocols) or self._main

    def is_required(self, server: Address | None) -> bool:
        """Return True if nothing but TLS is spoken there: a client could else go round what TLS asks it for."""
        return self._by_socket.find(server) is not None or (self._main is not None and not self._clear_text)


def load(options: Options) -> Tls:
    """Read every certificate of the ini.

    Raises:
        OptionError: one cannot be used, or a key comes without its certificate.
    """
    named = [_read_named(value) for value in options.certificates]
    sockets = Sockets(options.protocols)
    by_socket = dict(_load_https_socket(value, named, sockets) for value in options.https_sockets)
    main = _load_main(options, named, bool(by_socket), EVERYTHING)
    narrowed = {}
    for protocols in {each.protocols for each in options.protocols} if main is not None else ():
        narrowed[protocols] = cast(Certificates, _load_main(options, named, True, protocols))
    return Tls(main, by_socket, options.clear_text, narrowed)


def _load_main(options: Options, named: list[Named], elsewhere: bool, protocols: frozenset[str]) -> Certificates | None:
    certificate, key = options.certfile, options.keyfile
    if certificate is None:
        for name, value in (("trio-keyfile", key), ("trio-ca-certs", options.ca_certs)):
            if value is not None:
                raise OptionError(name, value, "a file beside a trio-certfile")
        if named and not elsewhere:
            raise OptionError("trio-certificate", named[0].name, "a name beside a trio-certfile or an https-socket")
        return None
    required = options.client_certificates == "required"
    if options.ca_certs and required and options.clear_text:
        raise OptionError("trio-clear-text", "true", "false where clients must have a certificate")
    files = certificate, key or certificate, "", options.ca_certs or ""
    return Certificates(Source("trio-certfile", *files, required, alpn(protocols)), named)


def _read_named(value: str) -> Named:
    name, equals, files = value.partition("=")
    parts = [part.strip() for part in files.split(",")]
    if not (name.strip() and equals and len(parts) == 2 and all(parts)):
        raise OptionError("trio-certificate", value, "NAME=CERT,KEY")
    return Named(name.strip().lower(), *parts)


def _load_https_socket(value: str, named: list[Named], sockets: Sockets) -> tuple[str, Certificates]:
    """`address,certificate,key[,ciphers[,authorities]]`; uWSGI takes a `!` before the authorities for "required"."""
    address, _, rest = value.partition(",")
    parts = [part.strip() for part in rest.split(",")]
    if len(parts) < 2:
        raise OptionError("https-socket", value, "address,certificate,key[,ciphers[,authorities]]")
    ciphers, authorities = [*parts[2:4], "", ""][:2]
    required, spoken = authorities.startswith("!"), alpn(sockets.of_ini(address.strip()))
    source = Source("https-socket", parts[0], parts[1], ciphers, authorities.removeprefix("!"), required, spoken)
    return address.strip(), Certificates(source, named)
