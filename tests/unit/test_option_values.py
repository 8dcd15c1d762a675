"""How the numbers of an ini are read: nothing is guessed, be it uWSGI's option or our own."""

import pytest

from trio_worker.options import parse
from trio_worker.options.values import OptionError, a_number, a_time


@pytest.mark.parametrize("value", ["30s", "4k", "1.5", "", "-1", " 3", "many", "\u0663"])
def test_what_is_no_number(value: str) -> None:
    with pytest.raises(OptionError, match="allowed is a whole number, 0 or more"):
        a_number("harakiri", value)


@pytest.mark.parametrize("value", ["30s", "", "-1", "nan", "inf", "1e9"])
def test_what_is_no_number_of_seconds(value: str) -> None:
    with pytest.raises(OptionError, match="allowed is a number of seconds, 0 or more"):
        a_time("trio-drain-linger", value)


@pytest.mark.parametrize("comment", ["   ; seconds", " # seconds", "\t;"])
def test_a_comment_behind_a_number_does_no_harm(comment: str) -> None:
    options = parse({"harakiri": f"60{comment}", "trio-drain-linger": f"2{comment}", "trio-half-close": f"on{comment}"})
    assert (options.harakiri, options.drain_linger, options.half_close) == (60, 2, True)


def test_a_comment_behind_a_word_for_no_makes_it_yes_as_in_uwsgi() -> None:
    assert parse({"lazy-apps": "false ; why"}).lazy_apps


def test_socket_timeout_bounds_bodies_and_writes() -> None:
    options = parse({"socket-timeout": b"4", "trio-write-timeout": b"0.5"})
    assert (options.body_timeout, options.write_timeout) == (4, 0.5)


def test_what_is_wrong_with_socket_timeout_names_it() -> None:
    with pytest.raises(OptionError, match=r"^socket-timeout = 4s: allowed is a whole number"):
        parse({"socket-timeout": b"4s"})
