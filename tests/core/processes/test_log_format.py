"""How a record becomes a line."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from skunkqueue.context import FiringFilter
from skunkqueue.processes.log_format import JsonFormatter, TextFormatter


def record(message: object, *args: object, name: str = "shop", **more: Any) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, "shop.py", 1, message, args, None)
    vars(made).update(more)
    FiringFilter().filter(made)
    return made


def text(made: logging.LogRecord) -> str:
    return TextFormatter().format(made)


def parsed(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter({"pool": "here:1"}).format(made)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line.encode("utf-8"))
    return found


class Evil:
    def __str__(self) -> str:
        raise ValueError

    __repr__ = __str__


def test_a_jobs_words_cannot_steer_the_terminal() -> None:
    line = text(record("it said %s", "\x1b]0;owned\x07 and \x9b2J\nnext line"))

    assert "\\x1b]0;owned\\x07 and \\x9b2J\nnext line" in line
    assert "\x1b" not in line


def test_a_jobs_line_names_its_logger_its_job_and_its_firing() -> None:
    line = text(record("sold", firing="f1", job="shop:sell"))

    assert line.endswith("shop: sold job=shop:sell firing=f1")


def test_our_own_line_is_told_as_it_stands() -> None:
    line = text(record("retry it", name="skunkqueue.worker", firing="f1", job="shop:sell"))

    assert line.endswith(" retry it")


def test_making_a_line_leaves_the_record_to_other_handlers_as_it_was() -> None:
    made = record("sold %d", 3, firing="f1", job="shop:sell")
    before = dict(vars(made))
    text(made)
    parsed(made)

    assert vars(made) == before


@pytest.mark.parametrize(("message", "args"), [("%d", ("x",)), ("%s", (Evil(),)), (Evil(), ())])
def test_a_message_that_cannot_be_made_is_told_so(message: object, args: tuple[object, ...]) -> None:
    made = record(message, *args)

    assert "cannot be shown" in text(made)
    assert "cannot be shown" in parsed(made)["message"]


def test_json_has_a_field_for_each_thing() -> None:
    made = record("sold %d", 3, firing="f1", job="shop:sell", created=1_750_000_000.5)

    assert parsed(made) == {
        "time": "2025-06-15T15:06:40.500Z",
        "level": "WARNING",
        "logger": "shop",
        "message": "sold 3",
        "pid": made.process,
        "pool": "here:1",
        "firing": "f1",
        "job": "shop:sell",
    }


def test_json_leaves_out_what_does_not_apply() -> None:
    assert {"firing", "job", "exception"}.isdisjoint(parsed(record("idle")))


def test_json_holds_the_traceback_in_one_line() -> None:
    error = ValueError("no such file: \udcff")
    made = record("failed\nhere", exc_info=(ValueError, error, None))

    found = parsed(made)

    assert found["message"] == "failed\nhere"
    assert found["exception"].splitlines()[-1] == "ValueError: no such file: \\udcff"


def test_json_is_valid_whatever_the_message_holds() -> None:
    assert (
        parsed(record("\ud800 \x00 \x1b \u2028 ü \N{SKUNK}"))["message"]
        == "\\ud800 \x00 \x1b \u2028 ü \N{SKUNK}"
    )
