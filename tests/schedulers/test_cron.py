"""Which moments a cron line names: tables worked out by hand, with a calendar and the zones' rules."""

from __future__ import annotations

import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from skunkqueue.errors import ScheduleError
from skunkqueue.scheduler.cron import CronLine, normal


def named(line: str, zone: str, since: str, count: int) -> list[str]:
    """List the times after ``since`` (a local time, with or without an offset) as the zone's clock shows them."""
    place = ZoneInfo(zone)
    begin = datetime.fromisoformat(since)
    moment = (begin if begin.tzinfo else begin.replace(tzinfo=place)).timestamp()
    cron = CronLine(line, place)
    found = []
    for _ in range(count):
        following = cron.after(moment)
        assert following is not None
        moment = following
        found.append(datetime.fromtimestamp(moment, place).isoformat(" "))
    return found


def in_utc(line: str, since: str, *expected: str) -> None:
    found = named(line, "UTC", since, len(expected))
    assert found == [f"{each}{':00' if each.count(':') == 1 else ''}+00:00" for each in expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("* * * * *", ("2024-05-15 10:31", "2024-05-15 10:32")),
        ("*/20 * * * *", ("2024-05-15 10:40", "2024-05-15 11:00", "2024-05-15 11:20")),
        ("5-50/20 * * * *", ("2024-05-15 10:45", "2024-05-15 11:05", "2024-05-15 11:25")),
        ("7/25 * * * *", ("2024-05-15 10:32", "2024-05-15 10:57", "2024-05-15 11:07")),
        ("0 8-10,22 * * *", ("2024-05-15 22:00", "2024-05-16 08:00", "2024-05-16 09:00")),
        ("0 3-3/1,12-12/5 * * *", ("2024-05-15 12:00", "2024-05-16 03:00", "2024-05-16 12:00")),
        ("30 10 * * *", ("2024-05-16 10:30", "2024-05-17 10:30")),
        ("0 0 * * MON-fri", ("2024-05-16 00:00", "2024-05-17 00:00", "2024-05-20 00:00")),
        ("0 0 * * 7", ("2024-05-19 00:00", "2024-05-26 00:00")),
        ("0 0 * * 0", ("2024-05-19 00:00", "2024-05-26 00:00")),
        ("0 0 * * 5#2", ("2024-06-14 00:00", "2024-07-12 00:00")),
        ("0 0 * * 5L", ("2024-05-31 00:00", "2024-06-28 00:00")),
        ("0 0 1 feb,Dec *", ("2024-12-01 00:00", "2025-02-01 00:00")),
        ("0 0 1 */4 *", ("2024-09-01 00:00", "2025-01-01 00:00", "2025-05-01 00:00")),
        ("30 30 10 * * *", ("2024-05-15 10:30:30", "2024-05-16 10:30:30")),
        ("*/30 * * * * *", ("2024-05-15 10:30:30", "2024-05-15 10:31", "2024-05-15 10:31:30")),
        ("@yearly", ("2025-01-01 00:00", "2026-01-01 00:00")),
        ("@annually", ("2025-01-01 00:00",)),
        ("@monthly", ("2024-06-01 00:00", "2024-07-01 00:00")),
        ("@weekly", ("2024-05-19 00:00", "2024-05-26 00:00")),
        ("@daily", ("2024-05-16 00:00", "2024-05-17 00:00")),
        ("@Midnight", ("2024-05-16 00:00",)),
        ("@hourly", ("2024-05-15 11:00", "2024-05-15 12:00")),
        ("  0   0 * *\t* ", ("2024-05-16 00:00",)),
    ],
)
def test_a_line_names_its_times(line: str, expected: tuple[str, ...]) -> None:
    in_utc(line, "2024-05-15 10:30", *expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # 13 September 2024 is a Friday. One of the two is enough:
        (
            "0 0 13 * FRI",
            ("2024-09-13", "2024-09-20", "2024-09-27", "2024-10-04", "2024-10-11", "2024-10-13"),
        ),
        # Both must hold where one begins with a star, as in Debian's cron: odd days that are a Friday.
        ("0 0 */2 * FRI", ("2024-09-13", "2024-09-27", "2024-10-11", "2024-10-25")),
        ("0 0 13 * */5", ("2024-09-13", "2024-10-13", "2024-12-13")),
    ],
)
def test_how_day_of_month_and_day_of_week_go_together(line: str, expected: tuple[str, ...]) -> None:
    in_utc(line, "2024-09-06", *(f"{day} 00:00" for day in expected))


@pytest.mark.parametrize(
    ("line", "since", "expected"),
    [
        ("0 0 29 2 *", "2024-02-29", ("2028-02-29", "2032-02-29")),
        ("0 0 29 2 *", "2093-01-01", ("2096-02-29", "2104-02-29")),  # 2100 is no leap year
        ("0 0 29 2 */7", "2024-01-01", ("2032-02-29", "2060-02-29")),  # and a Sunday
        ("0 0 31 * *", "2024-01-31", ("2024-03-31", "2024-05-31", "2024-07-31", "2024-08-31")),
        ("0 0 30 * *", "2025-01-29", ("2025-01-30", "2025-03-30")),
        ("0 0 L * *", "2024-01-31", ("2024-02-29", "2024-03-31", "2024-04-30")),
        ("0 0 L 2 *", "2024-03-01", ("2025-02-28", "2026-02-28")),
        ("0 0 LW * *", "2024-08-01", ("2024-08-30", "2024-09-30")),
        ("59 23 31 12 *", "2024-12-31 23:58", ("2024-12-31 23:59", "2025-12-31 23:59")),
        ("* * * * *", "2024-12-31 23:58", ("2024-12-31 23:59", "2025-01-01", "2025-01-01 00:01")),
        pytest.param(
            "0 0 30 2 1",  # no such day, but Mondays
            "2024-01-31",
            ("2024-02-05", "2024-02-12"),
            marks=pytest.mark.skipif(
                sys.version_info < (3, 11), reason="the last cronsim for 3.10 refuses it"
            ),
        ),
    ],
)
def test_ends_of_months_and_years(line: str, since: str, expected: tuple[str, ...]) -> None:
    in_utc(line, since, *(each if " " in each else each + " 00:00" for each in expected))


# Each change of a clock: a line, the zone, since when, and what the clock there shows at its runs.
SPRING_FIXED = [
    ("30 2 * * *", "Europe/Berlin", "2024-03-29 12:00",
     ["2024-03-30 02:30:00+01:00", "2024-03-31 03:00:00+02:00", "2024-04-01 02:30:00+02:00"]),
    ("0 30 2 * * *", "Europe/Berlin", "2024-03-30 12:00",
     ["2024-03-31 03:00:00+02:00", "2024-04-01 02:30:00+02:00"]),
    ("10,40 2 * * *", "Europe/Berlin", "2024-03-30 12:00",
     ["2024-03-31 03:00:00+02:00", "2024-04-01 02:10:00+02:00"]),
    ("0 2,3 * * *", "Europe/Berlin", "2024-03-30 12:00",
     ["2024-03-31 03:00:00+02:00", "2024-04-01 02:00:00+02:00"]),
    ("30 2 * * *", "America/New_York", "2024-03-09 12:00",
     ["2024-03-10 03:00:00-04:00", "2024-03-11 02:30:00-04:00"]),
    ("15 2 * * *", "Australia/Lord_Howe", "2024-10-05 12:00",
     ["2024-10-06 02:30:00+11:00", "2024-10-07 02:15:00+11:00"]),
    ("0 0 * * *", "America/Sao_Paulo", "2018-11-03 12:00",
     ["2018-11-04 01:00:00-02:00", "2018-11-05 00:00:00-02:00"]),
    ("@daily", "Asia/Beirut", "2024-03-30 12:00",
     ["2024-03-31 01:00:00+03:00", "2024-04-01 00:00:00+03:00"]),
    ("30 2 * * *", "Africa/Casablanca", "2024-04-13 12:00",
     ["2024-04-14 03:00:00+01:00", "2024-04-15 02:30:00+01:00"]),
    ("45 23 * * *", "Asia/Pyongyang", "2018-05-04 12:00",
     ["2018-05-05 00:00:00+09:00", "2018-05-05 23:45:00+09:00"]),
    # 30 December was left out: what it named runs at the first moment after, and once.
    ("0 12 * * *", "Pacific/Apia", "2011-12-28 13:00",
     ["2011-12-29 12:00:00-10:00", "2011-12-31 00:00:00+14:00", "2011-12-31 12:00:00+14:00"]),
    ("0 0 * * *", "Pacific/Apia", "2011-12-28 13:00",
     ["2011-12-29 00:00:00-10:00", "2011-12-31 00:00:00+14:00", "2012-01-01 00:00:00+14:00"]),
]  # fmt: skip

AUTUMN_FIXED = [
    ("30 2 * * *", "Europe/Berlin", "2024-10-26 12:00",
     ["2024-10-27 02:30:00+02:00", "2024-10-28 02:30:00+01:00"]),
    ("0 30 2 * * *", "Europe/Berlin", "2024-10-26 12:00",
     ["2024-10-27 02:30:00+02:00", "2024-10-28 02:30:00+01:00"]),
    ("0 2 * * *", "Europe/Berlin", "2024-10-26 12:00",
     ["2024-10-27 02:00:00+02:00", "2024-10-28 02:00:00+01:00"]),
    # Asked in the hour that comes again, it is over for that day.
    ("30 2 * * *", "Europe/Berlin", "2024-10-27 02:15+01:00", ["2024-10-28 02:30:00+01:00"]),
    ("30 1 * * *", "America/New_York", "2024-11-02 12:00",
     ["2024-11-03 01:30:00-04:00", "2024-11-04 01:30:00-05:00"]),
    ("45 1 * * *", "Australia/Lord_Howe", "2024-04-06 12:00",
     ["2024-04-07 01:45:00+11:00", "2024-04-08 01:45:00+10:30"]),
    ("30 23 * * *", "America/Sao_Paulo", "2018-02-17 12:00",
     ["2018-02-17 23:30:00-02:00", "2018-02-18 23:30:00-03:00"]),
    ("0 0 * * *", "America/Sao_Paulo", "2018-02-17 12:00",
     ["2018-02-18 00:00:00-03:00", "2018-02-19 00:00:00-03:00"]),
    ("30 2 * * *", "Africa/Casablanca", "2024-03-09 12:00",
     ["2024-03-10 02:30:00+01:00", "2024-03-11 02:30:00+00:00"]),
]  # fmt: skip

STARRED = [
    ("30 * * * *", "Europe/Berlin", "2024-03-31 01:00",
     ["2024-03-31 01:30:00+01:00", "2024-03-31 03:30:00+02:00"]),
    ("0 * * * *", "Europe/Berlin", "2024-03-31 01:00", ["2024-03-31 03:00:00+02:00"]),
    ("* 2 * * *", "Europe/Berlin", "2024-03-30 02:59", ["2024-04-01 02:00:00+02:00"]),
    ("30 * * * *", "Europe/Berlin", "2024-10-27 01:45",
     ["2024-10-27 02:30:00+02:00", "2024-10-27 02:30:00+01:00", "2024-10-27 03:30:00+01:00"]),
    ("0 30 * * * *", "Europe/Berlin", "2024-10-27 01:45",
     ["2024-10-27 02:30:00+02:00", "2024-10-27 02:30:00+01:00", "2024-10-27 03:30:00+01:00"]),
    ("*/30 2 * * *", "Europe/Berlin", "2024-10-26 12:00",
     ["2024-10-27 02:00:00+02:00", "2024-10-27 02:30:00+02:00",
      "2024-10-27 02:00:00+01:00", "2024-10-27 02:30:00+01:00", "2024-10-28 02:00:00+01:00"]),
    ("30 */2 * * *", "America/New_York", "2024-11-03 00:00",
     ["2024-11-03 00:30:00-04:00", "2024-11-03 02:30:00-05:00"]),
    ("45 * * * *", "Australia/Lord_Howe", "2024-04-07 01:00",
     ["2024-04-07 01:45:00+11:00", "2024-04-07 01:45:00+10:30", "2024-04-07 02:45:00+10:30"]),
    ("*/15 * * * *", "Australia/Lord_Howe", "2024-10-06 01:30",
     ["2024-10-06 01:45:00+10:30", "2024-10-06 02:30:00+11:00"]),
    ("*/30 * * * *", "America/Sao_Paulo", "2018-02-17 23:20",
     ["2018-02-17 23:30:00-02:00", "2018-02-17 23:00:00-03:00", "2018-02-17 23:30:00-03:00",
      "2018-02-18 00:00:00-03:00"]),
    ("0 */6 * * *", "Pacific/Apia", "2011-12-29 17:00",
     ["2011-12-29 18:00:00-10:00", "2011-12-31 00:00:00+14:00", "2011-12-31 06:00:00+14:00"]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "zone", "since", "expected"), SPRING_FIXED)
def test_a_fixed_time_that_is_left_out_runs_at_the_first_moment_after(
    line: str, zone: str, since: str, expected: list[str]
) -> None:
    assert named(line, zone, since, len(expected)) == expected


@pytest.mark.parametrize(("line", "zone", "since", "expected"), AUTUMN_FIXED)
def test_a_fixed_time_that_comes_twice_runs_the_first_time(
    line: str, zone: str, since: str, expected: list[str]
) -> None:
    assert named(line, zone, since, len(expected)) == expected


@pytest.mark.parametrize(("line", "zone", "since", "expected"), STARRED)
def test_a_line_with_a_star_runs_whenever_the_clock_shows_it(
    line: str, zone: str, since: str, expected: list[str]
) -> None:
    assert named(line, zone, since, len(expected)) == expected


def test_a_fraction_of_a_second_makes_no_difference() -> None:
    line = CronLine("* * * * * *", ZoneInfo("UTC"))

    assert [line.after(10.0), line.after(10.4), line.after(10.999)] == [11.0, 11.0, 11.0]


def test_a_line_has_an_end_where_the_calendar_has() -> None:
    last = datetime.fromisoformat("9999-12-31T23:59:30+00:00").timestamp()

    assert CronLine("* * * * *", ZoneInfo("UTC")).after(last) is None
    assert CronLine("0 0 * * *", ZoneInfo("Pacific/Apia")).after(last) is None
    assert CronLine("* * * * *", ZoneInfo("UTC")).after(last * 10) is None


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("60 * * * *", "minute", "60"),
        ("x * * * *", "minute", "x"),
        ("*/0 * * * *", "minute", "*/0"),
        ("1,,2 * * * *", "minute", "1,,2"),
        ("-5 * * * *", "minute", "-5"),
        ("* 24 * * *", "hour", "24"),
        ("* 5-3 * * *", "hour", "5-3"),
        ("* * 0 * *", "day-of-month", "0"),
        ("* * 32 * *", "day-of-month", "32"),
        ("* * ? * *", "day-of-month", "?"),
        ("* * * 13 *", "month", "13"),
        ("* * * Juni *", "month", "Juni"),
        ("* * * * 8", "day-of-week", "8"),
        ("* * * * MON#6", "day-of-week", "MON#6"),
        ("* * * * L", "day-of-week", "L"),
        ("60 * * * * *", "second", "60"),
        ("0 61 * * * *", "minute", "61"),
        ("0 0 0 0 * *", "day-of-month", "0"),
        ("1.5 * * * *", "minute", "1.5"),
        ("² * * * *", "minute", "²"),
        ("9" * 500 + " * * * *", "minute", "9" * 500),
    ],
)
def test_a_wrong_field_is_named_with_its_value(line: str, name: str, value: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        normal(line)

    assert f"the {name} field" in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("line", ["", "   ", "5", "* * * *", "* * * * * * *", "0 0 * * * 2024 x"])
def test_a_wrong_number_of_fields_is_told(line: str) -> None:
    with pytest.raises(ScheduleError, match=f"has {len(line.split())} field.*5.*6"):
        normal(line)


@pytest.mark.parametrize("line", ["@reboot", "@every 5m", "@", "@fortnightly"])
def test_an_unknown_nickname_is_refused_with_those_there_are(line: str) -> None:
    with pytest.raises(ScheduleError, match=f"{line}.*@daily"):
        normal(line)


@pytest.mark.parametrize(
    "line", ["0 0 30 2 *", "0 0 31 4,6 *", "0 0 31 2-2 *", "0 0 30,31 2 */2", "0 0 0 31 11 *"]
)
def test_a_line_that_never_comes_is_refused(line: str) -> None:
    with pytest.raises(ScheduleError, match="never comes"):
        normal(line)


@pytest.mark.parametrize(
    "line", ["0" * 10_000, "1," * 5_000 + "1 * * * *", "* " * 5_000, " " * 10_000, "@" + "a" * 10_000]
)
def test_a_line_of_ten_thousand_characters_is_refused_in_few_words(line: str) -> None:
    with pytest.raises(ScheduleError, match="characters") as caught:
        normal(line)

    assert len(str(caught.value)) < 200


def test_a_line_that_names_every_value_is_not_too_long() -> None:
    sixty = ",".join(map(str, range(60)))
    line = f"{sixty} {sixty} {','.join(map(str, range(24)))} {','.join(map(str, range(1, 32)))} * *"

    assert normal(line) == line


@pytest.mark.parametrize("line", [None, 5, b"* * * * *", ["* * * * *"]])
def test_what_is_no_text_is_refused(line: object) -> None:
    with pytest.raises(ScheduleError, match="must be"):
        normal(line)  # type: ignore[arg-type]
