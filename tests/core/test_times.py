"""Lengths of time and moments, as users give them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any

import pytest

from skunkqueue.errors import (
    MAX_DELAY,
    NaiveDatetimeError,
    PolicyError,
    PolicyTypeError,
    SkunkQueueError,
    WrongTypeError,
)
from skunkqueue.times import as_delay, as_timeout, moment

NO_LENGTHS: list[Any] = ["soon", b"5", True, [5], object(), Decimal(5), date(2030, 1, 1)]


def test_a_moment_is_absolute_and_a_delay_is_relative() -> None:
    at = datetime(2030, 1, 1, tzinfo=timezone.utc)

    assert moment(at, "x") == (at.timestamp(), 0.0)
    assert moment(timedelta(seconds=60), "x") == (None, 60.0)
    assert moment(1.5, "x") == (None, 1.5)


@pytest.mark.parametrize("past", [timedelta(seconds=-5), -5, -0.1, timedelta.min, float("-inf"), -(10**400)])
def test_a_delay_in_the_past_means_now(past: Any) -> None:
    assert moment(past, "x") == (None, 0.0)


def test_a_datetime_without_a_zone_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        NaiveDatetimeError, match=r"fire_at of a:b got the datetime 2030-01-01T00:00:00 .*timezone\.utc"
    ):
        moment(datetime(2030, 1, 1), "fire_at of a:b")  # noqa: DTZ001 - wrong on purpose


class Overflowing(tzinfo):
    """A zone that leads out of the calendar."""

    def utcoffset(self, _when: datetime | None) -> timedelta:
        raise OverflowError("date value out of range")

    def dst(self, _when: datetime | None) -> None:
        """Know of none."""

    def tzname(self, _when: datetime | None) -> str:
        return "over"


@pytest.mark.parametrize("zone", [timezone.utc, timezone(timedelta(hours=-12)), Overflowing()])
def test_the_end_of_the_calendar_is_refused_with_the_way_out(zone: tzinfo) -> None:
    with pytest.raises(PolicyError, match=r"expires got 9999-12-31.* before the year 5138"):
        moment(datetime.max.replace(tzinfo=zone), "expires")


def test_the_beginning_of_the_calendar_is_a_moment_that_has_passed() -> None:
    at, _ = moment(datetime.min.replace(tzinfo=timezone.utc), "fire_at")

    assert at is not None
    assert at < 0


@pytest.mark.parametrize(
    "endless", [float("inf"), float("nan"), 1e300, 10**400, timedelta.max, MAX_DELAY + 1]
)
def test_a_delay_of_over_a_year_is_refused(endless: Any) -> None:
    for check in (as_delay, moment):
        with pytest.raises(PolicyError, match="fire_at must be between 0 and 31536000 seconds"):
            check(endless, "fire_at")


@pytest.mark.parametrize("wrong", [*NO_LENGTHS, None])
def test_what_is_no_time_is_a_type_error_that_names_it(wrong: Any) -> None:
    with pytest.raises(PolicyTypeError, match="backoff must be seconds or a timedelta, not"):
        as_delay(wrong, "backoff")
    with pytest.raises(PolicyTypeError, match="fire_at must be a datetime with a time zone, a timedelta or"):
        moment(wrong, "fire_at")


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        (5, 5.0),
        (0, 0.0),
        (timedelta(minutes=1), 60.0),
        (-1, 0.0),
        (timedelta.min, 0.0),
        (float("-inf"), 0.0),
        (-(10**400), 0.0),
        (float("inf"), None),
        (timedelta.max, None),
        (10**400, None),
    ],
)
def test_patience_is_seconds_or_a_timedelta_and_may_have_no_end(given: Any, seconds: float | None) -> None:
    assert as_timeout(given, "x") == seconds


@pytest.mark.parametrize("wrong", [*NO_LENGTHS, float("nan")])
def test_patience_of_another_type_is_refused_with_the_way_out(wrong: Any) -> None:
    with pytest.raises(
        WrongTypeError, match="wait must be seconds or a timedelta, or None for no limit"
    ) as caught:
        as_timeout(wrong, "wait")
    assert isinstance(caught.value, (SkunkQueueError, TypeError))
