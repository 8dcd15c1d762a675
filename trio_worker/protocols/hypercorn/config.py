"""Hypercorn's configuration: its own TOML file where the ini names one, our defaults elsewhere."""

import logging
import time
from wsgiref.handlers import format_date_time

from hypercorn.config import Config

from trio_worker.options import Options
from trio_worker.options.values import OptionError

# More requests than a connection will see: Hypercorn closes an HTTP/2 connection at this count with streams in flight.
UNLIMITED = 2**62


class EngineConfig(Config):
    """Hypercorn's Config with our name in the `server` header."""

    keep_alive_max_requests = UNLIMITED
    errorlog = logging.getLogger("trio_worker.hypercorn")

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        """The headers that every response gets; those of uWSGI operators who hide them are empty."""
        headers = []
        if self.include_date_header:
            headers.append((b"date", format_date_time(time.time()).encode()))
        if self.include_server_header:
            headers.append((b"server", b"trio-worker"))
        return headers + [(b"alt-svc", each.encode()) for each in self.alt_svc_headers]


def make_config(options: Options) -> Config:
    """The configuration for these options.

    Raises:
        OptionError: the file of `trio-hypercorn-config` cannot be used.
    """
    config: Config = EngineConfig()
    if options.hypercorn_config is not None:
        try:
            config = EngineConfig.from_toml(options.hypercorn_config)
        except (OSError, ValueError, TypeError) as error:
            key, allowed = "trio-hypercorn-config", f"a Hypercorn TOML file ({error})"
            raise OptionError(key, options.hypercorn_config, allowed) from None
    _set_websockets(config, options)
    config.include_date_header = options.date_header
    config.include_server_header = options.server_header
    return config


def _set_websockets(config: Config, options: Options) -> None:
    """uWSGI's limits of WebSocket sessions, where the ini gives them."""
    if options.websockets_max_size is not None:
        config.websocket_max_message_size = options.websockets_max_size * 1024
    if options.websockets_ping_freq is not None:
        config.websocket_ping_interval = options.websockets_ping_freq
