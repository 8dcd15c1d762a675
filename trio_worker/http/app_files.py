"""The files that an app sends, by their names or open; a part of the rules of app_rules.py."""

import os
import stat
from typing import Any

from trio_worker.asgi import Message
from trio_worker.http.app_rules import ResponseError, told


def path_of(path: Any) -> str:
    """Return the name of a file. Raises ResponseError for what names none."""
    try:
        name = os.fsdecode(path)
    except TypeError:
        name = "\0"
    if "\0" in name:
        raise ResponseError(f"http.response.pathsend: path: it is the name of a file, not {told(path)}")
    return name


def piece_of(message: Message) -> tuple[int, int, int]:
    """Return descriptor, offset and size of a piece of a file; without an offset it moves the file's position.

    Raises:
        ResponseError: there is no such file, or no such piece in it.
    """
    kind = "http.response.zerocopysend"
    file, offset, count = message.get("file"), message.get("offset"), message.get("count")
    for key, value in (("offset", offset), ("count", count)):
        if value is not None and (type(value) is not int or value < 0):
            raise ResponseError(f"{kind}: {key}: it is a number from 0 on, not {told(value)}")
    try:
        descriptor = file if type(file) is int else file.fileno()  # type: ignore[union-attr]
        about = os.fstat(descriptor)
        start = os.lseek(descriptor, 0, os.SEEK_CUR) if offset is None else offset
    except (AttributeError, TypeError, ValueError, OSError) as error:
        raise ResponseError(f"{kind}: file: it is an open file or its descriptor, not {told(file)}") from error
    size = max(0, about.st_size - start) if count is None else count
    if stat.S_ISREG(about.st_mode) and start + size > max(start, about.st_size):
        raise ResponseError(f"{kind}: count: the file has {about.st_size} bytes, not {size} from {start} on")
    if offset is None:
        os.lseek(descriptor, start + size, os.SEEK_SET)  # As a read would, for the piece that may follow.
    return descriptor, start, size


def open_regular(path: str) -> tuple[int, int]:
    """Open a file that has an end; return its descriptor and its size in bytes.

    A FIFO would keep its thread waiting until somebody writes into it, which no cancellation ends.

    Raises:
        ResponseError: it is something else: a FIFO, a device, a directory.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise ResponseError(f"{path} is no regular file")
    return descriptor, about.st_size
