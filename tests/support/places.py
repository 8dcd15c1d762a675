"""Names that have to stand in several places, and a sentence for each place where one was forgotten."""

from collections.abc import Iterable, Mapping


def expect_everywhere(kind: str, places: Mapping[str, Iterable[str]]) -> None:
    """Raise AssertionError with a sentence for each name and each place that lacks it.

    Args:
        kind: the thing that has these names, in the singular.
        places: the names by the place in which they stand.
    """
    held = {place: set(names) for place, names in places.items()}
    sentences = [
        f"the {kind} {name!r} is missing in {place}; it stands in {_joined(held, name)}"
        for name in sorted(set().union(*held.values()))
        for place in held
        if name not in held[place]
    ]
    if sentences:
        raise AssertionError("\n".join(sentences))


def _joined(held: Mapping[str, set[str]], name: str) -> str:
    return " and ".join(place for place, names in held.items() if name in names)
