"""The generated parts of the pages: `python docs/generated.py` writes each between its two markers.

Options come from table.toml and options/__init__.py, uWSGI's API from the docstrings of master/api.py.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from trio_worker.master import api
from trio_worker.options import own_defaults
from trio_worker.options import table as option_table

DOCS = Path(__file__).parent


def _functions() -> str:
    rows = [f"| `{signature}` | {sentence} |" for signature, sentence in _public(api)]
    return "\n".join(["| function | |", "|---|---|", *rows])


def _public(module: object) -> Iterator[tuple[str, str]]:
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if not name.startswith("_") and function.__module__ == "trio_worker.master.api":
            parameters = ", ".join(map(_plain, inspect.signature(function).parameters.values()))
            sentence = (inspect.getdoc(function) or "").partition("\n")[0]
            yield f"{name}({parameters})", sentence


def _plain(parameter: inspect.Parameter) -> str:
    """Return a parameter without its type."""
    return str(parameter.replace(annotation=inspect.Parameter.empty))


def _calls() -> str:
    """Return the table in the docstring of the API."""
    lines = (api.__doc__ or "").splitlines()
    return "\n".join(line.replace("*", r"\*") for line in lines if line.startswith("|"))


# By page, what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.
PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "options.md": {
        "own-options": lambda: option_table.load().own_markdown(own_defaults()),
        "options": lambda: option_table.load().markdown(),
    },
    "app.md": {"api": _functions, "calls": _calls},
}


def page(name: str) -> str:
    """Return a page with its generated parts as they are to be now.

    Raises:
        ValueError: a marker is not in the page, or stands there twice.
    """
    text = (DOCS / name).read_text()
    for marker, generate in PARTS[name].items():
        text, count = re.subn(
            rf"(?<=<!-- {marker}:begin -->\n).*?(?=<!-- {marker}:end -->)",
            (generate().strip() + "\n").replace("\\", r"\\"),
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"docs/{name} has {count} places for {marker}")
    return text


if __name__ == "__main__":
    for each in PARTS:
        (DOCS / each).write_text(page(each))
