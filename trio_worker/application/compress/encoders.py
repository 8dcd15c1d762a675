"""An encoder for each coding, with levels for answers that are made while somebody waits."""

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from trio_worker.options.values import OptionError

# Of 9, 11 and 22: above these, more time is spent than bytes are saved.
GZIP_LEVEL = 5
BROTLI_QUALITY = 4
ZSTD_LEVEL = 3

# The package that a coding needs.
PACKAGES = {"br": "brotli", "zstd": "zstandard"}


class Encoder(Protocol):
    """The compressor of one response."""

    def encode(self, data: bytes) -> bytes:
        """Take a piece; return what is ready of all so far."""

    def flush(self) -> bytes:
        """Return all that has been taken, so that the client can read it."""

    def end(self) -> bytes:
        """Return the rest."""


class Gzip:
    """RFC 1952, by zlib."""

    def __init__(self) -> None:
        # 16 more than the window's bits stand for gzip's head and sum.
        self._compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        self.encode = self._compressor.compress
        self.end = self._compressor.flush

    def flush(self) -> bytes:
        """Return all that has been taken."""
        return self._compressor.flush(zlib.Z_SYNC_FLUSH)


class Brotli:
    """RFC 7932, by the package brotli."""

    def __init__(self, package: Any) -> None:
        compressor = package.Compressor(quality=BROTLI_QUALITY)
        self.encode = compressor.process
        self.flush = compressor.flush
        self.end = compressor.finish


class Zstandard:
    """RFC 8878, by the package zstandard."""

    def __init__(self, package: Any) -> None:
        self._compressor = package.ZstdCompressor(level=ZSTD_LEVEL).compressobj()
        self._block = package.COMPRESSOBJ_FLUSH_BLOCK
        self.encode = self._compressor.compress
        self.end = self._compressor.flush

    def flush(self) -> bytes:
        """Return all that has been taken."""
        data: bytes = self._compressor.flush(self._block)
        return data


def encoder(coding: str) -> Callable[[], Encoder]:
    """Return the maker of encoders for a coding.

    Raises:
        OptionError: its package is not installed.
    """
    if coding == "gzip":
        return Gzip
    try:
        package = import_module(PACKAGES[coding])
    except ImportError:
        needed = f"gzip, unless the package {PACKAGES[coding]} is installed: pip install 'trio-worker[compress]'"
        raise OptionError("trio-compress", coding, needed) from None
    return lambda: Brotli(package) if coding == "br" else Zstandard(package)
