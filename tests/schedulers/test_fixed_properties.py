"""Cron lines in all time zones, against a clock that is watched minute by minute; and any run of luck for a rule."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from skunkqueue.schedule import Before, Observation, Plan
from skunkqueue.scheduler.cron import CronLine
from skunkqueue.scheduler.fixed import TimeStrategy
from skunkqueue.scheduler.ticks import GRACE, CatchUp, Params, State

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
UTC = timezone.utc
DAY = 86_400
FIRST = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(2037, 1, 1, tzinfo=UTC).timestamp())
LIMITS = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


@st.composite
def fields(draw: st.DrawFn, low: int, high: int) -> str:
    def one() -> str:
        first = draw(st.integers(low, high))
        last = draw(st.integers(first, high))
        step = draw(st.integers(1, max(1, (high - low) // 2)))
        shapes = [
            "*",
            f"*/{step}",
            f"{first}",
            f"{first}-{last}",
            f"{first}-{last}/{step}",
            f"{first}/{step}",
        ]
        return draw(st.sampled_from(shapes))

    parts = [one() for _ in range(draw(st.integers(1, 3)))]
    return parts[0] if parts[0] == "*" else ",".join(parts)


@st.composite
def lines(draw: st.DrawFn, *, starred: bool = False) -> str:
    """Build lines that come within days: with all of a month's days, or a weekday."""
    second = [draw(st.sampled_from(["0", "30", "5,10", "*/20"]))] if draw(st.booleans()) else []
    minute, hour = draw(fields(*LIMITS[1])), draw(fields(*LIMITS[2]))
    if starred and minute[0] != "*" and hour[0] != "*":
        hour = draw(st.sampled_from(["*", "*/2", "*/3,5"]))
    days = draw(st.sampled_from(["*", "*/2", "1-31", "1,15,31", "13"]))
    weekdays = draw(st.sampled_from(["*", "MON-FRI", "7", "0,3", "*/2"]))
    return " ".join([*second, minute, hour, days, "*", weekdays])


@st.composite
def near_changes(draw: st.DrawFn) -> tuple[ZoneInfo, int]:
    """Draw a zone and a moment, often shortly before its clock is changed."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    moment = draw(st.integers(FIRST, LAST))
    if draw(st.booleans()):
        offset = datetime.fromtimestamp(moment, zone).utcoffset()
        for later in range(moment, moment + 370 * DAY, DAY // 2):
            if datetime.fromtimestamp(later, zone).utcoffset() != offset:
                return zone, later - draw(st.integers(0, DAY))
    return zone, moment


def values(field: str, low: int, high: int) -> set[int]:
    """Read a field; the one thing these tests share with no other reader of cron lines."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = (
            ("0" if span == "SUN" else span).replace("MON", "1").replace("FRI", "5").partition("-")
        )
        begin, end = (low, high) if first == "*" else (int(first), int(last or (high if step else first)))
        found.update(range(begin, end + 1, int(step or 1)))
    return found


class Watched:
    """What a line asks of a local time, looked up value by value."""

    def __init__(self, line: str) -> None:
        parts = line.split()
        parts = parts if len(parts) == 6 else ["0", *parts]
        self.either = not (parts[3].startswith("*") or parts[5].startswith("*"))
        self.sets = [values(part, *limits) for part, limits in zip(parts, LIMITS, strict=True)]
        self.fixed = not (parts[1].startswith("*") or parts[2].startswith("*"))

    def asks_for(self, local: datetime) -> bool:
        _, minutes, hours, days, months, weekdays = self.sets
        day, weekday = local.day in days, bool({local.isoweekday(), local.isoweekday() % 7} & weekdays)
        return (
            local.minute in minutes
            and local.hour in hours
            and local.month in months
            and ((day or weekday) if self.either else (day and weekday))
        )

    def runs(self, zone: ZoneInfo, begin: int, minutes: int) -> list[int]:
        """Walk through UTC minute by minute, and look at the zone's clock.

        For a line with a fixed time, a hand moves on through the local times, never back, and what it jumps
        over runs at the moment of the jump. All offsets since 1990 are whole minutes.
        """
        begin -= begin % 60
        seconds = sorted(self.sets[0])
        found: list[int] = []
        hand = _local(begin, zone) - timedelta(minutes=1)
        for moment in range(begin, begin + minutes * 60, 60):
            local = _local(moment, zone)
            if not self.fixed:
                found += [moment + second for second in seconds if self.asks_for(local)]
                continue
            jumped = False
            while hand < local - timedelta(minutes=1):
                hand += timedelta(minutes=1)
                jumped = jumped or self.asks_for(hand)
            shown = hand < local and self.asks_for(local)
            hand = max(hand, local)
            found += sorted(
                {moment} & ({moment} if jumped else set()) | {moment + s for s in seconds if shown}
            )
        return found


def _local(moment: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment, zone).replace(tzinfo=None, fold=0)


def walk(cron: CronLine, since: float, until: float) -> Iterator[float]:
    found = cron.after(since)
    while found is not None and found < until:
        yield found
        found = cron.after(found)


@settings(max_examples=20)
@given(near_changes(), lines(), st.floats(0, 59.9))
def test_a_line_runs_when_the_watched_clock_shows_its_times(
    where: tuple[ZoneInfo, int], line: str, fraction: float
) -> None:
    zone, moment = where
    since = moment + fraction
    hours = 30
    # What was shown the first time counts, so the watch begins a day earlier.
    expected = [
        each
        for each in Watched(line).runs(zone, moment - DAY, (hours + 24) * 60 + 1)
        if since < each < moment + hours * 3600
    ]

    found = list(itertools.islice(walk(CronLine(line, zone), since, moment + hours * 3600), 12))

    assert found == expected[:12]


@settings(max_examples=30)
@given(near_changes(), lines(), st.floats(0, 1))
def test_the_next_time_is_always_later(where: tuple[ZoneInfo, int], line: str, fraction: float) -> None:
    zone, moment = where
    found = list(itertools.islice(walk(CronLine(line, zone), moment + fraction, math.inf), 5))

    assert len(found) == 5
    assert all(one < two for one, two in itertools.pairwise([moment + fraction, *found]))
    # Asked at any moment between two runs, the next is the same.
    assert CronLine(line, zone).after((found[0] + found[1]) / 2) == found[1]


@settings(max_examples=30)
@given(near_changes(), st.integers(0, 23), st.integers(0, 59), st.booleans())
def test_a_fixed_daily_line_runs_once_a_day(
    where: tuple[ZoneInfo, int],
    hour: int,
    minute: int,
    with_seconds: bool,  # noqa: FBT001 - drawn
) -> None:
    zone, moment = where
    line = f"{'0 ' if with_seconds else ''}{minute} {hour} * * *"
    begin, end = moment - 3 * DAY, moment + 3 * DAY
    runs = set(walk(CronLine(line, zone), begin, end))

    days = {_local(each, zone).date() for each in range(begin + DAY, end - DAY, 1800)}
    for day in sorted(days):
        named = datetime.combine(day, datetime.min.time()).replace(hour=hour, minute=minute)
        on_it = [
            each
            for each in runs
            if _local(int(each), zone) >= named and _local(int(each), zone).date() == day
        ]
        shown = _local(int(named.replace(tzinfo=zone).timestamp()), zone)
        # A clock that goes on past midnight at this time runs it as the next day begins.
        assert len(on_it) == 1 or (shown.date() > day and not on_it), (day, line)


@st.composite
def rules(draw: st.DrawFn, catch_up: CatchUp) -> Params:
    cron = draw(st.sampled_from([None, None, "*/7 * * * *", "*/10 * * * * *", "5,6,50 * * * *"]))
    every = None if cron else draw(st.sampled_from([0.1, 1.0, 7.3, 60.0, 3600.0, 86400 / 7]))
    room = 1_000.0 if every is None else every  # the former is cut to fit
    return Params(
        every=every,
        cron=cron,
        tz="Europe/Berlin",
        catch_up=catch_up,
        jitter=draw(st.sampled_from([0.0, 0.0, 0.3, 0.99])) * room,
        salt="demo/x",
        start=draw(st.sampled_from([None, None, FIRST + 17.25])),
    )


LUCK = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.001, 0.4, 1.2, 3.7, 11.3]),  # how late it begins, in intervals
        st.sampled_from([0.0, 0.1, 0.5, 0.999, 1.0, 2.5, 9.1]),  # how long it takes
        st.sampled_from([-0.0005, 0.0, 0.0005]),  # how a store rounds
    ),
    min_size=1,
    max_size=12,
)


class Seen(msgspec.Struct):
    """One run, as it went."""

    tick: float
    due: float
    began: float | None
    ended: float


def drive(rule: Params, luck: list[tuple[float, float, float]], begin: float) -> list[Seen]:
    """Let a rule plan run after run; one that begins after it expired does not run."""
    strategy, params = TimeStrategy(), msgspec.json.encode(rule)
    plan = strategy.first(params, begin)
    now, seen = begin, []
    for late, took, rounding in luck:
        assert plan.due is not None
        assert plan.interval is not None
        assert plan.interval > 0
        tick = msgspec.json.decode(plan.state, type=State).tick
        size = min(plan.interval, 100_000.0)
        # Nobody begins a run before it is due by the store's clock.
        due = plan.due + (rounding if size > 0.01 else 0.0)
        claimed = max(now, due) + late * size
        expired = plan.expires is not None and plan.expires + rounding < claimed
        now = claimed if expired else claimed + took * size
        seen.append(Seen(tick, plan.due, None if expired else claimed, now))
        plan = follow(strategy, params, plan, seen[-1], due)
    return seen


def follow(strategy: TimeStrategy, params: bytes, plan: Plan, run: Seen, due: float) -> Plan:
    verdict = "expired" if run.began is None else "complete"
    took = 0.0 if run.began is None else run.ended - run.began
    return strategy.after(
        params,
        plan.state,
        Observation(
            now=run.ended,
            due=due,
            began=run.began,
            took=took,
            verdict=verdict,
            attempts=1,
            interval=plan.interval,
        ),
    )


def ticks_between(rule: Params, first: float, last: float) -> list[float]:
    """List the ticks of a rule after one of them, up to another."""
    if rule.every is None:
        found = list(walk(CronLine(rule.cron or "", ZoneInfo(rule.tz)), first, last + 0.5))
    else:
        found = [first + count * rule.every for count in range(1, round((last - first) / rule.every) + 1)]
    return found


@settings(max_examples=40)
@given(rules("all"), LUCK, st.integers(FIRST, LAST))
def test_under_all_each_tick_has_exactly_one_run(
    rule: Params, luck: list[tuple[float, float, float]], begin: int
) -> None:
    seen = drive(rule, luck, begin)
    due = [each.tick for each in seen[1:]]

    assert due == [
        float(each) if rule.every is None else _about(each, due)
        for each in ticks_between(rule, seen[0].tick, due[-1] if due else 0)
    ]
    check_always(seen)


def _about(tick: float, others: list[float]) -> float:
    return min(others, key=lambda other: abs(other - tick), default=tick)


@settings(max_examples=40)
@given(rules("one"), LUCK, st.integers(FIRST, LAST))
def test_under_one_a_run_stands_for_all_that_passed_before_it_began(
    rule: Params, luck: list[tuple[float, float, float]], begin: int
) -> None:
    seen = drive(rule, luck, begin)

    for one, two in itertools.pairwise(seen):
        assert one.began is not None
        assert two.due > one.began
        # And none is left out that had not been due by then.
        assert rule.jitter or rule.every or len(ticks_between(rule, max(one.began, one.tick), two.tick)) == 1
        assert rule.jitter or not rule.every or two.tick - max(one.began, one.tick) < rule.every + 0.001
    check_always(seen)


@settings(max_examples=40)
@given(rules("none"), LUCK, st.integers(FIRST, LAST))
def test_under_none_no_run_begins_later_than_its_grace(
    rule: Params, luck: list[tuple[float, float, float]], begin: int
) -> None:
    seen = drive(rule, luck, begin)

    assert all(each.began is None or each.began - each.due <= GRACE + 0.001 for each in seen)
    # What is planned could begin in time, if a worker were free.
    assert all(two.due > one.ended - GRACE for one, two in itertools.pairwise(seen))
    check_always(seen)


def check_always(seen: list[Seen]) -> None:
    for one, two in itertools.pairwise(seen):
        assert one.tick < two.tick
        assert one.due < two.due
        assert two.due >= one.tick
        # However much it is put off, a run is due before the next tick.
        assert one.due < two.tick


@settings(max_examples=50)
@given(
    st.one_of(rules("one"), rules("all"), rules("none")),
    st.one_of(rules("one"), rules("all"), rules("none")),
    LUCK,
    st.floats(0, 3),
    st.booleans(),
)
def test_a_rule_declared_anew_is_never_planned_beside_a_run(
    old: Params,
    new: Params,
    luck: list[tuple[float, float, float]],
    later: float,
    running: bool,  # noqa: FBT001 - drawn
) -> None:
    strategy = TimeStrategy()
    plan = strategy.first(msgspec.json.encode(old), float(FIRST))
    for each in luck:
        assert plan.due is not None
        run = Seen(0.0, plan.due, plan.due + each[0], plan.due + each[0] + each[1])
        plan = follow(strategy, msgspec.json.encode(old), plan, run, plan.due)
    assert plan.due is not None
    now = plan.due + (later if running else later - 1.5) * (plan.interval or 1.0)
    before = Before(params=msgspec.json.encode(old), state=plan.state, due=plan.due, running=running)

    again = strategy.again(msgspec.json.encode(new), before, now)

    assert again.due is not None
    assert again.interval is not None
    assert again.interval > 0
    if running:
        assert again.due > now
