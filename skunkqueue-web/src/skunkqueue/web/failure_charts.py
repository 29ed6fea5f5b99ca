"""Failures over time, by job, from the counters that a store keeps. Bounded, however many routes and jobs there are."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec

from skunkqueue.counters import Counters
from skunkqueue.listings import Query
from skunkqueue.persistence.asking import HOURS_KEPT
from skunkqueue.web import source
from skunkqueue.web.charts import Chart, Series, Spark, Times, bars, spark
from skunkqueue.web.job_sums import job_sums
from skunkqueue.web.routes import places_of

HOUR, DAY = 3_600.0, 86_400.0
MOST = 20_000
"""Counters that are read for one chart."""
LOOKS = ("error", "retried", "killed", "running")
"""Colours of the jobs with the most failures; all others share one."""
OTHERS = "in"
FRESH = 15.0


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """Failures over time."""

    chart: Chart | None
    """``None``: there are no counters, or too many to be read."""
    sparks: dict[str, Spark]
    """Of each job that is known on its own."""
    total: int
    step: float
    """Seconds of one bar."""


NOTHING = Drawn(chart=None, sparks={}, total=0, step=HOUR)


def draw(query: Query, now: float) -> Drawn:
    """Draw the failures of a filter's queue, route and job in its times, of which the first is at most 30 days ago."""
    store = source.current().backend
    if "counters" not in store.capabilities:
        return NOTHING
    since, until = query.finished or (None, None)
    last = now if until is None else min(until, now)
    first = max(now - HOURS_KEPT if since is None else since, now - HOURS_KEPT)
    if last <= first:
        return NOTHING
    # Relative times move with each second; the bars are the same for some.
    key = (
        "failures over time",
        query.queue,
        query.route,
        query.job,
        round(first, -1),
        round(last, -1),
        last == now,
    )
    return source.current().cached(key, FRESH, lambda: _draw(query, first, last, is_open=last == now))


def _draw(query: Query, first: float, last: float, *, is_open: bool) -> Drawn:
    """Draw whole bars from the one in which the first moment is to the one with the last, which is ``is_open`` where it is not over."""
    store = source.current().backend
    length = last - first
    step = _step(length)
    begin = first // step * step
    count = max(math.ceil((last - begin) / step), 1)
    end = begin + count * step
    is_hourly = length > 2 * HOUR
    parts = int(length / (HOUR if is_hourly else 60.0)) + 1
    routes = places_of(store, query.queue, query.route, MOST // parts)
    if not routes:
        return NOTHING
    pairs = len(job_sums(query.queue, query.route))
    by_job = pairs * parts <= MOST
    if not by_job and query.job is not None:
        return NOTHING
    counters = store.counters(routes, begin, end, hours=is_hourly, jobs=by_job)
    series = _by_job(counters, query.job, begin, step, count)
    totals = {job: sum(values) for job, values in series.items()}
    most = [job for job, total in Counter(totals).most_common(len(LOOKS)) if total]
    shown = [
        Series(name=_name(job), values=tuple(series[job]), look=look)
        for job, look in zip(most, LOOKS, strict=False)
    ]
    rest = [values for job, values in series.items() if job not in most and totals[job]]
    if rest:
        shown.append(Series(name="other jobs", values=tuple(map(sum, zip(*rest, strict=True))), look=OTHERS))
    if not shown:
        shown = [Series(name="failures", values=(0.0,) * count, look=LOOKS[0])]
    return Drawn(
        chart=bars(shown, Times(begin=begin, step=step, is_open=is_open), height=110.0),
        sparks={job: spark(values) for job, values in series.items() if job is not None and totals[job]},
        total=int(sum(totals.values())),
        step=step,
    )


def _step(length: float) -> float:
    """Choose how long a bar is: some 24 to 90 of them."""
    for longest, step in ((2 * HOUR, 60.0), (3 * DAY, HOUR), (8 * DAY, 3 * HOUR)):
        if length <= longest:
            return step
    return DAY / 2


def _by_job(
    counters: Iterable[Counters], job: str | None, begin: float, step: float, count: int
) -> dict[str | None, list[float]]:
    found: dict[str | None, list[float]] = defaultdict(lambda: [0.0] * count)
    for each in counters:
        number = int((each.begin - begin) // step)
        if 0 <= number < count and job in (None, each.job):
            found[each.job][number] += each.values.get("error", 0.0)
    return found


def _name(job: str | None) -> str:
    return "all jobs" if job is None else job or "(unknown)"
