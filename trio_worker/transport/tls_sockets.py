"""The sockets that speak TLS: with which certificates, and whether they speak clear text as well."""

from collections.abc import Mapping

from trio_worker.options import Options
from trio_worker.options.values import OptionError
from trio_worker.transport.certificates import Certificates, Named, Source
from trio_worker.transport.wire import Address

# Addresses that stand for every address of the host.
_ANY_HOST = ("", "0.0.0.0", "*", "[::]")


class Tls:
    """The certificates of each socket.

    Args:
        main: for every socket, from `trio-certfile`.
        by_socket: for the sockets of `https-socket`, by their addresses as the ini has them.
        clear_text: whether a socket that has none but `main` speaks clear text as well.
    """

    def __init__(
        self, main: Certificates | None, by_socket: Mapping[str, Certificates], clear_text: bool = False
    ) -> None:
        self._main = main
        self._by_socket = by_socket
        self._clear_text = clear_text

    def __bool__(self) -> bool:
        return self._main is not None or bool(self._by_socket)

    def find(self, server: Address | None) -> Certificates | None:
        """Return the certificates for a connection to this address of ours, None where only clear text is spoken."""
        return self._of_socket(server) or self._main

    def is_required(self, server: Address | None) -> bool:
        """Return True if nothing but TLS is spoken there: a client could else go round what TLS asks it for."""
        return self._of_socket(server) is not None or (self._main is not None and not self._clear_text)

    def _of_socket(self, server: Address | None) -> Certificates | None:
        if not self._by_socket or server is None:
            return None
        host, port = server
        if port is None:
            return self._by_socket.get(host)
        name = f"[{host}]" if ":" in host else host
        found = self._by_socket.get(f"{name}:{port}")
        if found is None:
            wildcards = (f"{any_host}:{port}" for any_host in _ANY_HOST)
            found = next((self._by_socket[each] for each in wildcards if each in self._by_socket), None)
        return found


def load(options: Options) -> Tls:
    """Read every certificate of the ini.

    Raises:
        OptionError: one cannot be used, or a key comes without its certificate.
    """
    named = [_read_named(value) for value in options.certificates]
    by_socket = dict(_load_https_socket(value, named) for value in options.https_sockets)
    return Tls(_load_main(options, named, bool(by_socket)), by_socket, options.clear_text)


def _load_main(options: Options, named: list[Named], elsewhere: bool) -> Certificates | None:
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
    return Certificates(
        Source("trio-certfile", certificate, key or certificate, "", options.ca_certs or "", required), named
    )


def _read_named(value: str) -> Named:
    name, equals, files = value.partition("=")
    parts = [part.strip() for part in files.split(",")]
    if not (name.strip() and equals and len(parts) == 2 and all(parts)):
        raise OptionError("trio-certificate", value, "NAME=CERT,KEY")
    return Named(name.strip().lower(), *parts)


def _load_https_socket(value: str, named: list[Named]) -> tuple[str, Certificates]:
    """`address,certificate,key[,ciphers[,authorities]]`; uWSGI takes a `!` before the authorities for "required"."""
    address, _, rest = value.partition(",")
    parts = [part.strip() for part in rest.split(",")]
    if len(parts) < 2:
        raise OptionError("https-socket", value, "address,certificate,key[,ciphers[,authorities]]")
    ciphers, authorities = [*parts[2:4], "", ""][:2]
    source = Source(
        "https-socket", parts[0], parts[1], ciphers, authorities.removeprefix("!"), authorities.startswith("!")
    )
    return address.strip(), Certificates(source, named)
