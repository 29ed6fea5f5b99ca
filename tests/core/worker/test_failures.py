"""Exceptions as they are stored, also such as cannot be shown."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from skunkqueue.payload import MAX_TRACEBACK
from skunkqueue.worker.judge.failures import MAX_MESSAGE, failure_of, message_of, parts_of

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup  # type: ignore[import-not-found, unused-ignore]  # pytest brings it to Python 3.10


def raised(error: BaseException) -> BaseException:
    """Raise it, so that it has a traceback."""
    try:
        raise error  # noqa: TRY301 - only to catch it
    except BaseException as caught:  # noqa: BLE001 - whatever it is
        return caught


def chain_of(length: int) -> BaseException:
    """Make an exception with so many causes."""
    error: BaseException = ValueError("the first cause")
    for number in range(length):
        later = ValueError(f"after {number}")
        later.__cause__ = error
        error = later
    return error


def test_a_chain_is_told_from_its_cause_on() -> None:
    text = failure_of(raised(chain_of(2))).traceback

    assert text.index("the first cause") < text.index("direct cause") < text.index("after 1")


def test_of_an_endless_chain_the_newest_errors_are_kept() -> None:
    text = failure_of(raised(chain_of(100_000))).traceback

    assert "after 99999" in text
    assert "the first cause" not in text


def test_a_cyclic_chain_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    text = failure_of(raised(first)).traceback

    assert (text.count("ValueError: first"), text.count("ValueError: second")) == (1, 1)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, RecursionError, GeneratorExit])
def test_a_message_that_cannot_be_read_says_why(kind: type[BaseException]) -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise kind

    failure = failure_of(raised(OddError()))

    assert failure.message == f"(its message cannot be read: {kind.__name__})"
    assert "in raised" in failure.traceback


def test_frames_are_kept_of_what_python_cannot_show() -> None:
    class OddError(Exception):
        @property
        def __notes__(self) -> Any:
            raise SystemExit

    failure = failure_of(raised(OddError("why")))

    assert failure.message == "why"
    assert "in raised" in failure.traceback
    assert failure.traceback.endswith("OddError: why\n")


def test_a_name_with_surrogates_can_be_stored() -> None:
    class OddError(Exception):
        pass

    OddError.__qualname__ = "Bad\udcffError"
    failure = failure_of(raised(OddError("\udcff")))

    assert (failure.kind.split(".")[-1], failure.message) == ("Bad\\udcffError", "\\udcff")
    failure.traceback.encode()


def test_everything_is_bounded() -> None:
    failure = failure_of(raised(type("x" * 10_000, (Exception,), {})("y" * 1_000_000)))

    assert len(failure.kind) < 300
    assert len(failure.message) < MAX_MESSAGE + 10
    assert len(failure.traceback) < MAX_TRACEBACK + 100


def test_a_groups_message_names_its_parts() -> None:
    error = ExceptionGroup("unhandled errors in a TaskGroup", [ValueError("one"), OSError("two")])

    assert message_of(error).endswith("ValueError: one; OSError: two")


def test_a_huge_group_is_looked_at_in_part() -> None:
    error = ExceptionGroup("many", [ValueError(number) for number in range(100_000)])

    assert len(parts_of(error)) < 2_000
    assert message_of(error).endswith("; and others")
    assert "ExceptionGroup" in failure_of(raised(error)).traceback
