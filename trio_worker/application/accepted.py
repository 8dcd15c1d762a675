"""Accept-Encoding: the codings that a client takes (RFC 9110 section 12.5.3)."""

import re
from collections.abc import Mapping, Sequence

# Codings of a header that are looked at. There are a dozen; thirty thousand commas would take ten milliseconds.
MOST = 64

# RFC 9110 section 12.4.2; Python's float would take `nan` as well.
_QUALITY = re.compile(rb"0(?:\.\d{0,3})?|1(?:\.0{0,3})?", re.ASCII)


def weigh(accepted: bytes) -> dict[bytes, float]:
    """Return the weight of each coding that the header names; what cannot be read weighs nothing."""
    weights = {}
    for each in accepted.lower().split(b",", MOST)[:MOST]:
        coding, _, parameter = each.partition(b";")
        name, _, value = parameter.strip().partition(b"=")
        weights[coding.strip()] = _quality(value.strip()) if name.strip() == b"q" else 1.0
    return weights


def _quality(value: bytes) -> float:
    return float(value) if _QUALITY.fullmatch(value) else 0.0


def weight(weights: Mapping[bytes, float], coding: bytes) -> float:
    """Return the weight of a coding; it is 0 where the client does not take it."""
    return weights.get(coding, weights.get(b"*", 0.0))


def choose(accepted: bytes, offered: Sequence[bytes]) -> bytes | None:
    """Return the coding with the greatest weight, of several the first that is offered; None where none is taken."""
    weights = weigh(accepted)
    best = max(offered, key=lambda coding: weight(weights, coding))
    return best if weight(weights, best) > 0 else None
