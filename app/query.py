"""Numbers in a query string: read, bounded, and refused in words that tell the client what is allowed."""

from typing import TypeVar

from quart import request
from werkzeug.exceptions import BadRequest

Number = TypeVar("Number", int, float)

_KINDS = {int: "a whole number", float: "a number"}


def query_number(name: str, *, default: Number, most: Number) -> Number:
    """Return the query parameter ``name`` as a number from 0 to ``most``, of the same type as ``default``.

    Raises:
        BadRequest: the value is no such number; the client gets 400 and the reason.
    """
    text = request.args.get(name)
    if text is None:
        return default
    kind = type(default)
    try:
        number = kind(text)
    except ValueError:
        raise _refusal(name, text, kind, most) from None
    # NaN compares false with everything, so it is refused here as well.
    if not 0 <= number <= most:
        raise _refusal(name, text, kind, most)
    return number


def _refusal(name: str, text: str, kind: type[int] | type[float], most: float) -> BadRequest:
    return BadRequest(f"{name} must be {_KINDS[kind]} from 0 to {most}, not {text[:40]!r}")
