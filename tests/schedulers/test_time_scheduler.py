"""What a TimeScheduler takes, and what it refuses."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from skunkqueue import SkunkQueue
from skunkqueue.errors import NaiveDatetimeError, ScheduleError
from skunkqueue.scheduler import TimeScheduler
from skunkqueue.scheduler.ticks import Params
from tests.schedulers.ticking import NOON, dues

UTC = timezone.utc
LATER, EARLIER = datetime(2024, 5, 2, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC)
NO_INTERVALS = [
    0, 0.0, -1, timedelta(0), timedelta(seconds=-3), math.nan, math.inf, True, None, [], b"* * * * *", 1e12,
    2**20_000
]  # fmt: skip


@pytest.fixture
def queue(tmp_path: Path) -> SkunkQueue:
    return SkunkQueue("demo", conn_url=f"sqlite:///{tmp_path}/x.db")


@pytest.mark.parametrize("interval", NO_INTERVALS, ids=range(len(NO_INTERVALS)))
def test_an_interval_that_is_none_is_refused(queue: SkunkQueue, interval: object) -> None:
    with pytest.raises(ScheduleError, match="interval"):
        TimeScheduler(queue, interval)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ({"jitter": 60}, "jitter.*less than its interval"),
        ({"jitter": timedelta(minutes=2)}, "jitter.*less than its interval"),
        ({"jitter": -1}, "jitter"),
        ({"jitter": math.nan}, "jitter"),
        ({"tz": "Mars/Olympus"}, "tz.*Mars/Olympus"),
        ({"tz": ""}, "tz"),
        ({"tz": "Europe"}, "tz"),
        ({"tz": "../../etc/passwd"}, "tz"),
        ({"tz": None}, "tz"),
        ({"tz": timezone(timedelta(hours=2))}, "tz.*7200"),
        ({"times": 0}, "times"),
        ({"times": -1}, "times"),
        ({"times": True}, "times"),
        ({"times": 2.0}, "times"),
        ({"times": -(2**20_000)}, "times.*bits"),
        ({"catch_up": "some"}, "catch_up.*'some'"),
        ({"catch_up": None}, "catch_up"),
        ({"start": "tomorrow"}, "start"),
        ({"start": timedelta(seconds=-1)}, "start"),
        ({"until": timedelta(hours=1)}, "until"),
        ({"start": LATER, "until": EARLIER}, "until.*before its start"),
        ({"until": datetime.max.replace(tzinfo=UTC)}, "until.*before the year 5138.*9999.*leave it out"),
        ({"start": datetime.max.replace(tzinfo=UTC)}, "start.*before the year 5138"),
        ({"start": timedelta.max}, "start.*at most a hundred years"),
    ],
)
def test_what_makes_no_sense_is_refused(queue: SkunkQueue, others: dict[str, object], told: str) -> None:
    with pytest.raises(ScheduleError, match=told):
        TimeScheduler(queue, "@daily" if "tz" in others else 60, **others)  # type: ignore[arg-type]


def test_a_zone_has_no_part_in_an_interval(queue: SkunkQueue) -> None:
    with pytest.raises(ScheduleError, match=r"tz.*for cron lines"):
        TimeScheduler(queue, 60, tz="Europe/Berlin")


def test_a_start_that_is_no_time_says_what_would_be(queue: SkunkQueue) -> None:
    with pytest.raises(ScheduleError, match=r"start.*timedelta from now on, not 30"):
        TimeScheduler(queue, 60, start=30)  # type: ignore[arg-type]


def test_an_interval_written_as_text_says_how_to_write_it(queue: SkunkQueue) -> None:
    with pytest.raises(ScheduleError, match=r"'10s'.*give a timedelta"):
        TimeScheduler(queue, "10s")


@pytest.mark.parametrize("name", ["start", "until"])
def test_a_moment_without_a_zone_is_refused(queue: SkunkQueue, name: str) -> None:
    naive = datetime(2024, 5, 1, 12)  # noqa: DTZ001 - what the test is about
    with pytest.raises(NaiveDatetimeError, match=f"{name}.*2024-05-01"):
        TimeScheduler(queue, 60, **{name: naive})  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["0 25 * * *", "0 0 25 * * *"])
def test_a_wrong_cron_line_is_refused_where_it_is_written(queue: SkunkQueue, line: str) -> None:
    with pytest.raises(ScheduleError, match=r"the hour field.*'25'"):
        TimeScheduler(queue, line)


@pytest.mark.parametrize("tz", ["Europe/Berlin", ZoneInfo("Europe/Berlin")])
def test_a_zone_is_named_or_given(queue: SkunkQueue, tz: str | ZoneInfo) -> None:
    rule = msgspec.json.decode(TimeScheduler(queue, "@daily", tz=tz).params, type=Params)

    assert (rule.cron, rule.tz) == ("0 0 * * *", "Europe/Berlin")


def test_utc_of_the_standard_library_is_a_zone(queue: SkunkQueue) -> None:
    assert msgspec.json.decode(TimeScheduler(queue, "@daily", tz=UTC).params, type=Params).tz == "UTC"


def test_all_that_is_given_is_told_in_seconds(queue: SkunkQueue) -> None:
    scheduler = TimeScheduler(
        queue,
        timedelta(hours=3),
        catch_up="all",
        jitter=timedelta(minutes=1),
        start=EARLIER,
        until=LATER.astimezone(ZoneInfo("Asia/Tokyo")),
        times=7,
    )

    assert msgspec.json.decode(scheduler.params, type=Params) == Params(
        every=10_800.0,
        catch_up="all",
        jitter=60.0,
        start=EARLIER.timestamp(),
        until=LATER.timestamp(),
        times=7,
    )


def test_schedules_of_other_names_have_other_jitter(queue: SkunkQueue) -> None:
    scheduler = TimeScheduler(queue, 3600, jitter=600)

    one, two = (dues(scheduler.params_for(name), NOON, 5) for name in ("one", "two"))
    assert one != two
    plain = TimeScheduler(queue, 60)
    assert plain.params_for("one") == plain.params_for("two")
