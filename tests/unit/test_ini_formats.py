"""Configuration files in YAML, XML and JSON, against what uWSGI itself makes of them."""

from pathlib import Path

import pytest
from support.settings import pairs, uwsgi_pairs, write

from trio_worker.options.formats import YAML_END, FormatError
from trio_worker.options.ini import read


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "a.yaml",
            ("# a", "other:", "  a: 0", "uwsgi:", "  a: 1 # one", "", "  b: 'x'", '  "c": y: z', "  d:", "  e: 2"),
        ),
        ("b.yaml", ("uwsgi:", "  a: 1", "  b:", "   - 2", "  c: 3")),
        ("c.yaml", ("uwsgi:", "    a: 1", "    b: 2", "next: 3", "    c: 3")),
        ("a.xml", ("<uwsgi>", " <a>1</a>", " <b/>", " <c> x &amp; y </c>", ' <d id="no">1</d>', "</uwsgi>")),
        ("b.xml", ("<all><uwsgi><a>1</a></uwsgi>", "<uwsgi><a>2</a></uwsgi></all>")),
    ],
)
def test_uwsgi_reads_the_same_of_other_formats(tmp_path: Path, name: str, lines: tuple[str, ...]) -> None:
    write(tmp_path / name, *lines)
    found = [pair for pair in pairs(read(str(tmp_path / name))) if pair[0] != YAML_END]
    assert found == uwsgi_pairs(str(tmp_path / name), tmp_path)


def test_a_uwsgi_with_libyaml_reads_quotes_and_lists(tmp_path: Path) -> None:
    """As Debian's uWSGI shows it."""
    lines = (
        "uwsgi:",
        '  a: "q:x"',
        "  b: 2 # c",
        "  l:",
        "    - 1",
        "    - '2'",
        "  d: [x, y]",
        "  e: end",
        "other:",
        "  z: 1",
    )
    settings = read(write(tmp_path / "a.yaml", *lines), has_libyaml=True)
    assert pairs(settings) == [
        ("a", "q:x"),
        ("b", "2"),
        ("l", "1"),
        ("l", "2"),
        ("d", "x"),
        ("d", "y"),
        ("e", "end"),
    ]


def test_json_repeats_a_setting_for_each_item_of_a_list(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '{"uwsgi": {"a": [1, "x"],', '"b": true, "c": false, "d": null, "e": 2}}')
    assert pairs(read(path)) == [("a", "1"), ("a", "x"), ("b", "1"), ("c", "0"), ("d", "0"), ("e", "2")]
    assert [each.line for each in read(path)] == [1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", "{"), ("a.json", '{"x": {}}'), ("a.xml", "<uwsgi>"), ("a.xml", "<other/>")]
)
def test_what_is_not_of_its_format_is_an_error(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(FormatError):
        read(write(tmp_path / name, text))
