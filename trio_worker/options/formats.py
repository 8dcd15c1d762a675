"""
Readers of the formats in which uWSGI takes its configuration: INI, YAML, XML and JSON.

Each yields a key, its value and the line on which it stands, as uWSGI's own reader would: where that one reads less
than the format has (YAML's lists and quotes), so does ours.

Sources: core/ini.c, core/yaml.c, core/xmlconf.c and core/json.c of uWSGI 2.0.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Line = tuple[str, str, int]
Reader = Callable[[str, str], Iterator[Line]]

_SPACES = " \t\r"


# The key of a line at which uWSGI's own YAML reader ends; one of libyaml would go on.
YAML_END = "-"


class FormatError(ValueError):
    """uWSGI cannot read the text, and ends."""


def ini(text: str, asked: str) -> Iterator[Line]:
    """Read a section: a line is a section, a comment or a setting; there are no comments behind a value."""
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip(_SPACES)
        if line.startswith("["):
            section = line[1:-1]
        elif line and line[0] not in ";#" and section == asked:
            key, _, value = line.partition("=")
            yield key.strip(_SPACES), value.strip(_SPACES), number


def yaml(text: str, asked: str) -> Iterator[Line]:
    """Read the mapping below a key: uWSGI's own reader knows no quotes, and reads no further than to the first list."""
    is_inside, depth = False, 0
    for number, line in enumerate(text.split("\n"), 1):
        line = line.partition("#")[0]
        key = line.lstrip(_SPACES)
        if not key:
            continue
        own_depth = sum(8 if each in "\t\r" else 1 for each in line[: len(line) - len(key)])
        if is_inside and own_depth <= depth:
            return
        if is_inside and key[0] in "-[{":
            yield YAML_END, key, number
            return
        if not is_inside:
            depth = min(depth, own_depth)
            is_inside = own_depth <= depth and key.partition(":")[:2] == (asked, ":")
            continue
        match = re.search(":[ \t]", key)
        if match is None:
            yield YAML_END, key, number
            return
        yield key[: match.start()].rstrip(" \t"), key[match.end() :].strip(_SPACES), number


def libyaml(text: str, asked: str) -> Iterator[Line]:
    """Read the mapping below a key, with quotes and lists, as a uWSGI that was compiled with libyaml does."""
    is_inside, key = False, ""
    for number, line in enumerate(text.split("\n"), 1):
        line = re.sub(r"(^|\s)#.*", "", line).rstrip()
        rest = line.lstrip(" ")
        if not is_inside or not rest:
            is_inside = is_inside or line == f"{asked}:"
        elif rest == line:
            return
        elif rest.startswith("- "):
            yield key, _unquoted(rest[2:]), number
        else:
            key, _, value = (part.strip() for part in rest.partition(":"))
            key = _unquoted(key)
            for each in value.strip("[]").split(",") if value.startswith("[") else filter(None, [value]):
                yield key, _unquoted(each), number


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


@dataclass(slots=True)
class _Element:
    """An element of XML: its name, its `id`, its text, and the line on which it begins."""

    name: str
    id: str | None
    line: int
    text: str | None = None
    children: list["_Element"] = field(default_factory=list)


def xml(text: str, asked: str) -> Iterator[Line]:
    """Read the elements below `<uwsgi>`, but for those with another `id` than the one asked for; an empty one is on."""
    root = _parse_xml(text)
    if root.name != "uwsgi":
        sections = [each for each in root.children if each.name == "uwsgi" and _is_asked(each, asked)]
        if not sections:
            raise FormatError("there is no element <uwsgi>")
        root = sections[0]
    for element in root.children:
        if _is_asked(element, asked):
            yield element.name, "1" if element.text is None else element.text, element.line


def _parse_xml(text: str) -> _Element:
    from xml.parsers import expat  # not at the start of a worker, which needs it where its options are in XML only

    parser = expat.ParserCreate()
    document = _Element("", None, 0)
    within = [document]

    def start(name: str, attributes: dict[str, str]) -> None:
        element = _Element(name, attributes.get("id"), parser.CurrentLineNumber)
        within[-1].children.append(element)
        within.append(element)

    def data(piece: str) -> None:
        within[-1].text = (within[-1].text or "") + piece

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: within.pop()
    parser.CharacterDataHandler = data
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise FormatError(f"no XML ({error})") from error
    return document.children[0]


def _is_asked(element: _Element, asked: str) -> bool:
    return asked == "uwsgi" or element.id in (None, asked)


def json(text: str, asked: str) -> Iterator[Line]:
    """Read the object of that name; the items of a list are the same setting again."""
    from json import JSONDecodeError, loads

    try:
        section = loads(text).get(asked)
    except (JSONDecodeError, AttributeError) as error:
        raise FormatError(f"no JSON object ({error})") from error
    if not isinstance(section, dict):
        raise FormatError(f"there is no object {asked!r}")
    lines = text.split("\n")
    for key, value in section.items():
        number = next((at for at, line in enumerate(lines, 1) if f'"{key}"' in line), 1)
        for each in value if isinstance(value, list) else [value]:
            # Jansson, which uWSGI reads it by, leaves numbers with a point to nobody.
            if isinstance(each, str | int | None):
                yield key, each if isinstance(each, str) else str(int(each or 0)), number


BY_SUFFIX: dict[str, Reader] = {".ini": ini, ".xml": xml, ".yaml": yaml, ".yml": yaml, ".json": json, ".js": json}
"""The readers by the end of a file's name, as `include` chooses them."""

BY_KEY: dict[str, Reader] = {
    "ini": ini,
    "xml": xml,
    "xmlconfig": xml,
    "yaml": yaml,
    "yml": yaml,
    "json": json,
    "js": json,
}
"""The readers by the option that includes a file whatever its name is."""
