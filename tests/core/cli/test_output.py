"""What is printed: on a terminal, in a pipe, and as JSON."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pexpect
import pytest
from rich.console import Console

from skunkqueue.cli import drawing, output, text, values
from skunkqueue.cli.columns import Shape
from skunkqueue.persistence.backend import Backend
from tests.core.cli.program import body, fire


def program(*words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run skunq as a process."""
    return subprocess.run(
        [sys.executable, "-m", "skunkqueue.cli", *words],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_a_terminal_gets_a_table_with_ids_in_one_piece(store: Backend) -> None:
    made = fire(store, body("a_rather_long_module_name.of_a_shop:sell_everything_there_is"))

    skunq = pexpect.spawn(
        sys.executable,
        ["-m", "skunkqueue.cli", "jobs"],
        env={**os.environ, "TERM": "xterm"},
        encoding="utf-8",
        timeout=20,
        dimensions=(40, 100),
    )
    told = skunq.read()

    assert made in told
    assert "─" in told
    assert "\x1b[36mpending" in told


def test_words_from_the_store_are_no_markup_and_no_control_on_a_terminal(store: Backend) -> None:
    fire(store, body("x:[red]y[/red]\x1b]0;owned\x07"))

    skunq = pexpect.spawn(
        sys.executable,
        ["-m", "skunkqueue.cli", "jobs"],
        env={**os.environ, "TERM": "xterm"},
        encoding="utf-8",
        timeout=20,
        dimensions=(40, 200),
    )
    told = skunq.read()

    assert "x:[red]y[/red]\\x1b]0;owned\\x07" in told
    assert "\x1b]" not in told


def test_a_reader_that_goes_away_is_no_error(store: Backend) -> None:
    for _ in range(5):
        fire(store, body("m" * 20_000 + ":f"))
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "skunkqueue.cli", "jobs"], stdout=writing, stderr=subprocess.PIPE
    ) as skunq:
        os.close(writing)
        os.close(reading)
        _, told = skunq.communicate(timeout=60)

    assert (skunq.returncode, told) == (141, b"")


def test_what_an_encoding_lacks_becomes_an_escape(store: Backend) -> None:
    fire(store, body("küche:日"))

    told = program("jobs", PYTHONIOENCODING="latin-1")

    assert told.returncode == 0
    assert b"k\xfcche:\\u65e5" in told.stdout


def test_surrogates_from_the_store_can_be_printed(store: Backend) -> None:
    made = fire(store, body("shop:sell", "\udcff"))

    told = program("job", made)

    assert told.returncode == 0
    assert b"udcff" in told.stdout


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines", "two\\x0alines"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b", "\\x9b"),
        ("a\u202eb", "a\\u202eb"),
        ("\U000e0001", "\\U000e0001"),
        ("ünïcode 日本", "ünïcode 日本"),
        (7, "7"),
    ],
)
def test_control_characters_become_escapes(given: object, shown: str) -> None:
    assert text.clean(given) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0 ms"),
        (0.25, "250 ms"),
        (12.34, "12.3 s"),
        (200.0, "3 m 20 s"),
        (7_500.0, "2 h 5 m"),
        (273_600.0, "3 d 4 h"),
        (-90.0, "-1 m 30 s"),
    ],
)
def test_spans_are_told_in_two_units(seconds: float, shown: str) -> None:
    assert text.span(seconds) == shown


def test_moments_are_utc_and_far_off_ones_do_no_harm() -> None:
    assert text.iso(1_750_000_000.5) == "2025-06-15T15:06:40.500Z"
    assert text.iso(None) is None
    assert text.iso(1e30) == "@1e+30"
    assert text.iso(float("nan")) == "@nan"


def test_any_value_has_a_place_in_json() -> None:
    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    value = {"nan": float("nan"), "bytes": b"\x00", "keys": {1: 2}, "tuple": (1, None, True), "deep": deep}

    told = json.loads(json.dumps(values.jsonable(value), allow_nan=False))

    assert (told["nan"], told["bytes"], told["keys"], told["tuple"]) == (
        "nan",
        "b'\\x00'",
        "{1: 2}",
        [1, None, True],
    )


def test_wide_characters_keep_the_columns_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(Shape(("NAME", ">COUNT")), [("日本", 1), ("four", 22)])

    assert capsys.readouterr().out.splitlines() == ["NAME  COUNT", "日本      1", "four     22"]


def test_a_rich_table_shows_cells_as_they_are() -> None:
    out = io.StringIO()

    Console(file=out, markup=False, width=80).print(
        drawing.laid_out(Shape(("NAME",)), [["[bold]x[/bold]"]], 80)
    )

    assert "[bold]x[/bold]" in out.getvalue()


@pytest.mark.parametrize("words", [["jobs"], ["jobs", "--json"], ["--help"], ["jobs", "--help"]])
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")  # noqa: PTH110 - evaluated as the file is read
def test_output_that_cannot_be_written_is_one_line_and_exit_code_1(store: Backend, words: list[str]) -> None:
    fire(store)

    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        told = subprocess.run(
            [sys.executable, "-m", "skunkqueue.cli", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )

    assert (told.returncode, told.stderr) == (
        1,
        b"skunq: error: the output cannot be written: No space left on device\n",
    )


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(store: Backend, closed: str) -> None:
    made = fire(store)
    command = f'"$@" jobs {closed}'

    told = subprocess.run(
        ["/bin/sh", "-c", command, "sh", sys.executable, "-m", "skunkqueue.cli"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (told.returncode, told.stderr) == (0, "")
    assert (made in told.stdout) is (">&-" not in closed or closed == "2>&-")
    assert store.get([made])[0] is not None


def test_a_terminal_without_unicode_gets_rows_of_one_line(store: Backend) -> None:
    fire(store, body("küche.of.a_rather_long_module_name:sell_everything_there_is"))

    skunq = pexpect.spawn(
        sys.executable,
        ["-m", "skunkqueue.cli", "jobs"],
        env={**os.environ, "TERM": "dumb", "PYTHONIOENCODING": "ascii"},
        encoding="utf-8",
        timeout=20,
        dimensions=(40, 60),
    )
    lines = skunq.read().splitlines()

    assert len(lines) == 3
    assert all(line.isascii() and len(line) <= 60 for line in lines)
    assert "~" in lines[2]
