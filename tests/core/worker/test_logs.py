"""What reaches the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.worker.logs import brief, set_up


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "pool.log"
    logger = logging.getLogger("skunkqueue")
    before = (logger.handlers[:], logger.level, logger.propagate)
    set_up(str(path), verbose=0)
    yield path
    for handler in logger.handlers:
        handler.close()
    logger.handlers, logger.level, logger.propagate = before


def test_a_jobs_words_cannot_steer_the_terminal(log: Path) -> None:
    logging.getLogger("skunkqueue.worker").error("it said %s", "\x1b]0;owned\x07 and \x9b2J\nnext line")

    text = log.read_text()
    assert "\\x1b]0;owned\\x07 and \\x9b2J\nnext line" in text
    assert "\x1b" not in text


def test_a_repr_that_raises_is_told_and_not_raised() -> None:
    class Mute:
        def __repr__(self) -> str:
            raise ValueError

    assert brief(Mute()) == "<Mute, whose repr raised ValueError>"


def test_a_long_result_is_cut() -> None:
    assert len(brief("x" * 10_000)) == 200
