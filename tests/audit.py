"""Ask whether a weakness is known of a version that trio-worker is installed with here: `make audit`.

pip-audit asks a service for it. Where none answers it finds "no known vulnerabilities" as well, so what it has passed
over is told from what it has looked at. Users get these packages; what tests and tools need is their own business.
"""

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from oldest import EXTRAS
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OURS = Requirement(f"trio-worker[{','.join(EXTRAS)}]")

# Seconds that all of it may take.
PATIENCE = 180

NOTHING = "nothing was audited: {}"


def installed(requirement: Requirement, versions: dict[str, str], seen: set[str]) -> dict[str, str]:
    """Add the versions of everything that this needs and that is here."""
    extras = ["", *requirement.extras]
    try:
        found = distribution(requirement.name)
    except PackageNotFoundError:
        return versions
    versions[canonicalize_name(requirement.name)] = found.version
    for line in found.requires or ():
        needed = Requirement(line)
        wanted = needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras)
        if wanted and str(needed) not in seen:
            seen.add(str(needed))
            installed(needed, versions, seen)
    return versions


def judge(report: str, errors: str = "") -> tuple[int, str]:
    """The exit code and the words for what pip-audit has printed."""
    try:
        dependencies: list[Any] = json.loads(report)["dependencies"]
    except ValueError:
        return 0, NOTHING.format((errors.strip().splitlines() or ["pip-audit has said nothing"])[-1])
    asked = [each for each in dependencies if "skip_reason" not in each]
    if not asked:
        return 0, NOTHING.format("the service of known weaknesses does not answer, or knows none of the packages")
    passed = [each["name"] for each in dependencies if "skip_reason" in each]
    summary = f"{len(asked)} packages audited" + (f", unknown to the service: {', '.join(passed)}" if passed else "")
    weak = [
        f"{each['name']} {each['version']}: {weakness['id']}, mended in {', '.join(weakness['fix_versions']) or 'none'}"
        for each in asked
        for weakness in each["vulns"]
    ]
    return (1 if weak else 0), "\n".join([*weak, summary])


def ask(versions: dict[str, str]) -> tuple[str, str]:
    """What pip-audit says of them, and what it complains of."""
    with TemporaryDirectory() as directory:
        pinned = Path(directory) / "pinned.txt"
        pinned.write_text("".join(f"{name}=={version}\n" for name, version in sorted(versions.items())))
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off"]
        command += ["--format=json", f"--requirement={pinned}"]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return "", f"the service of known weaknesses has not answered within {PATIENCE} s"
    return result.stdout, result.stderr


def main() -> int:
    """Audit what is installed."""
    versions = installed(OURS, {}, set())
    versions.pop("trio-worker", None)
    code, words = judge(*ask(versions))
    print(words)
    return code


if __name__ == "__main__":
    sys.exit(main())
