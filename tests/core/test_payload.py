"""Bodies and attempt states, and what is not one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skunkqueue.errors import DamagedPayloadError
from skunkqueue.payload import (
    MAX_HISTORY,
    NO_ATTEMPT_STATE,
    Attempt,
    AttemptState,
    Body,
    Failure,
    Progress,
    Step,
    decode_attempt_state,
    decode_body,
    decode_failure,
    decode_progress,
    encode,
    job_label,
)

BODY = Body((Step("demo:add", b"\x93", 3, 1.5), Step("demo:sub", b"")), ttl=60.0, schedule="nightly")
READERS: list[Callable[[bytes], Any]] = [decode_body, decode_attempt_state, decode_failure, decode_progress]


@pytest.mark.parametrize(
    ("struct", "read"),
    [
        (BODY, decode_body),
        (
            AttemptState(failures=2, done=(b"a",), history=(Attempt(1, 1.0, 2.0, "error", "no", "w"),)),
            decode_attempt_state,
        ),
        (Failure("ValueError", "no", "Traceback"), decode_failure),
        (Progress(1, None, "half", 5.0), decode_progress),
    ],
)
def test_every_struct_comes_back_as_it_went(struct: Any, read: Callable[[bytes], Any]) -> None:
    assert read(encode(struct)) == struct


def test_no_attempt_state_is_an_empty_one() -> None:
    assert decode_attempt_state(None) == NO_ATTEMPT_STATE


@pytest.mark.parametrize("read", READERS)
@given(data=st.binary(max_size=80))
def test_hand_made_bytes_are_damage_and_nothing_else(read: Callable[[bytes], Any], data: bytes) -> None:
    with contextlib.suppress(DamagedPayloadError):
        read(data)


@given(st.integers(0, len(encode(BODY)) - 1))
def test_a_body_cut_short_is_damage_and_the_error_shows_it(size: int) -> None:
    with pytest.raises(DamagedPayloadError, match=f"body of {size} bytes"):
        decode_body(encode(BODY)[:size])


def test_a_body_without_a_job_is_damage() -> None:
    with pytest.raises(DamagedPayloadError, match="no job"):
        decode_body(msgspec.msgpack.encode([[]]))


def test_a_later_versions_additions_are_passed_over() -> None:
    longer = [*msgspec.msgpack.decode(encode(BODY)), "of a later version"]

    assert decode_body(msgspec.msgpack.encode(longer)) == BODY


def test_a_attempt_state_forgets_its_oldest_attempts() -> None:
    attempt_state = NO_ATTEMPT_STATE
    for number in range(MAX_HISTORY + 5):
        attempt_state = attempt_state.with_attempt(Attempt(number, 0.0, 0.0, "error", "", "w"))

    assert [one.number for one in attempt_state.history] == list(range(5, MAX_HISTORY + 5))


def test_a_body_names_its_jobs() -> None:
    assert BODY.name == "demo:add & demo:sub"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0, 0.0, 1e300])
def test_a_body_with_an_impossible_duration_is_damaged(number: float) -> None:
    step = Step("demo:add", b"")
    impossible = [Body((Step("demo:add", b"", 0, number),)), Body((step,), expires_in=number)]
    # No time to live is one: the result is not kept.
    for body in [*impossible, Body((step,), ttl=number or -1.0)]:
        with pytest.raises(DamagedPayloadError):
            decode_body(encode(body))


def test_a_body_with_fewer_than_no_retries_is_damaged() -> None:
    with pytest.raises(DamagedPayloadError):
        decode_body(encode(Body((Step("demo:add", b"", -1),))))


@pytest.mark.parametrize(
    ("kind", "message", "line"),
    [
        ("ValueError", "no\n  such\tthing ", "ValueError: no such thing"),
        ("ValueError", "", "ValueError"),
        ("ValueError", "a: b", "ValueError: a: b"),
        ("m:Odd", "why", "m.Odd: why"),
        ("E", "\ud800", "E: \\ud800"),
        ("E", "x" * 5_000, "E: " + "x" * 197),
        ("K" * 203, "why", "K" * 200),
    ],
)
def test_an_error_line_is_one_short_line_that_begins_with_the_type(
    kind: str, message: str, line: str
) -> None:
    assert Failure(kind, message).line == line


def test_a_job_label_has_at_most_so_many_bytes() -> None:
    assert job_label("m:ä" * 50) == "m:ä" * 50
    assert job_label("€" * 100) == "€" * 66
    assert job_label("x" * 300) == "x" * 200
