"""Print the oldest version of everything that trio-worker may be installed with, as constraints for pip: `make oldest`.

A range is a promise about both of its ends, and everybody tries the new one. What only tests or tools need is as new as
it can be, and so is what the packages named here need themselves.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

FILE = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
PROJECT = FILE["project"]

# The extras of users; pyuwsgi is another build of uwsgi.
EXTRAS = ("uwsgi", "quart", "top", "metrics", "telemetry", "reload", "compress")


def bounds(requirement: Requirement) -> dict[str, str]:
    """The versions of a range by their operators."""
    return {each.operator: each.version for each in requirement.specifier}


def oldest() -> Iterator[str]:
    """The lower end of each range."""
    extras = PROJECT["optional-dependencies"]
    for line in [*PROJECT["dependencies"], *(line for extra in EXTRAS for line in extras[extra])]:
        requirement = Requirement(line)
        yield f"{requirement.name}=={bounds(requirement)['>=']}"


if __name__ == "__main__":
    print("\n".join(oldest()))
