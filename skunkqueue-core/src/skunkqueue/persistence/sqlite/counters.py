"""Reading what was counted, by route, job and time, and taking the samples of each minute."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from skunkqueue.counters import Counters, add, sample_of
from skunkqueue.persistence.sqlite import jobs, routes, tallies, unsorted
from skunkqueue.persistence.sqlite.deferred import after_sorting
from skunkqueue.persistence.sqlite.schema import ALL_JOBS, EVER, HOUR, MINUTE, OTHER_JOBS, PACKED
from skunkqueue.persistence.sqlite.tallies import Tallies
from skunkqueue.records import Minute, State

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store


_FAR = 1e15
"""A moment beyond all others, in seconds; infinity has no minute."""


def counters(
    store: Store,
    routes_: Sequence[tuple[str, str]],
    since: float,
    until: float,
    *,
    hours: bool,
    by_job: bool,
) -> list[Counters]:
    """Read what was counted in each minute or hour; see ``Backend.counters``."""

    def found(db: sqlite3.Connection) -> list[Counters]:
        known = ((name, store.known_route(*name, db)) for name in routes_)
        numbers = [(name, number) for name, number in known if number is not None]
        listed: list[Counters] = []
        if by_job:
            late_jobs = unsorted.minutes_of_jobs_not_counted(db)
            for name, number in numbers:
                late_of = late_jobs.get(number, {})
                listed += _of_each_job(db, name, number, (since, until), late_of, hours=hours)
        else:
            late = unsorted.minutes_not_counted(db)
            for name, number in numbers:
                listed += _of_all_jobs(db, name, number, (since, until), late.get(number, {}), hours=hours)
        return listed

    return store.read(found)


def minutes(store: Store, queue: str, route: str, since: int, until: int) -> list[Minute]:
    """Read the counters of minutes; see ``Backend.minutes``."""
    number = store.known_route(queue, route)
    if number is None:
        return []

    def read(db: sqlite3.Connection) -> list[Counters]:
        late = unsorted.minutes_not_counted(db).get(number, {})
        return _of_all_jobs(db, (queue, route), number, (since * 60.0, until * 60.0), late, hours=False)

    found = store.read(read)
    return [Minute(queue=queue, route=route, minute=int(one.begin // 60), values=one.values) for one in found]


def sample(store: Store) -> int:
    """Take the samples of this minute; see ``Backend.sample``."""
    return store.writer.run(after_sorting(lambda db: _sample(db, store.clock.now())))


def _of_all_jobs(
    db: sqlite3.Connection,
    name: tuple[str, str],
    route: int,
    between: tuple[float, float],
    late: Mapping[int, Tallies],
    *,
    hours: bool,
) -> list[Counters]:
    """Read the sum of all jobs of a route, with the samples, in the order of time; ``late``: what is not sorted, by minute."""
    since, until = between
    found: dict[float, Tallies] = {}
    if not hours:
        for hour, packed in db.execute(
            "SELECT begin, tallies FROM counted WHERE route = ? AND span = ? AND job = ? AND begin > ? AND begin < ?",
            (route, PACKED, ALL_JOBS, since - 3600, until),
        ):
            minutes = tallies.decode_packed(packed)
            if hour < since or hour + 3600 > until:
                minutes = {begin: values for begin, values in minutes.items() if since <= begin < until}
            found.update(minutes)
    for begin, packed in db.execute(
        "SELECT begin, tallies FROM counted WHERE route = ? AND span = ? AND job = ? AND begin >= ? AND begin < ?",
        (route, HOUR if hours else MINUTE, ALL_JOBS, since, until),
    ):
        values = tallies.decode(packed)
        if begin in found:
            add(found[begin], values)
        else:
            found[begin] = values
    for _, begin, values in _of_running_minutes(db, route, since, until, hours=hours):
        add(found.setdefault(begin, {}), values)
    for minute, values in late.items():
        begin = _begin_of(minute, hours=hours)
        if since <= begin < until:
            add(found.setdefault(begin, {}), values)
    queue, on = name
    return [
        Counters(queue=queue, route=on, job=None, begin=begin, values=values)
        for begin, values in sorted(found.items())
    ]


def _of_each_job(
    db: sqlite3.Connection,
    name: tuple[str, str],
    route: int,
    between: tuple[float, float],
    late: Mapping[tuple[int, int], Tallies],
    *,
    hours: bool,
) -> list[Counters]:
    """Read the counters of each job, in the order of time and then of names; ``late``: what is not sorted, by job and minute."""
    since, until = between
    found: dict[tuple[float, int], Tallies] = {}
    own = {row[0] for row in db.execute("SELECT job FROM tally WHERE route = ?", (route,)).fetchall()}
    for job in own:
        for begin, packed in db.execute(
            "SELECT begin, tallies FROM counted WHERE route = ? AND span = ? AND job = ? AND begin >= ? AND begin < ?",
            (route, HOUR if hours else MINUTE, job, since, until),
        ):
            found[begin, job] = tallies.decode(packed)
    for job, begin, values in _of_running_minutes(db, route, since, until, hours=hours):
        add(found.setdefault((begin, job), {}), values)
    for (job, minute), values in late.items():
        begin = _begin_of(minute, hours=hours)
        if since <= begin < until:
            add(found.setdefault((begin, job if job in own else OTHER_JOBS), {}), values)
    names = jobs.shown_names(db, {job for _, job in found})
    listed = [
        Counters(queue=name[0], route=name[1], job=names[job], begin=begin, values=values)
        for (begin, job), values in found.items()
    ]
    return sorted(listed, key=lambda one: (one.begin, one.job or ""))


def totals(db: sqlite3.Connection, queue: str | None) -> list[Counters]:
    """Read the counters of each job since the store was made."""
    rows = db.execute(
        "SELECT r.no, r.queue, r.name, t.job, t.enqueued, t.tallies, c.tallies FROM route r JOIN tally t ON t.route = r.no"
        " LEFT JOIN counted c ON c.route = t.route AND c.span = :ever AND c.job = t.job AND c.begin = 0.0"
        " WHERE :queue IS NULL OR r.queue = :queue",
        {"ever": EVER, "queue": queue},
    ).fetchall()
    names = jobs.shown_names(db, {row[3] for row in rows})
    late = _late_totals(db, {(row[0], row[3]) for row in rows})
    found = []
    for no, owner, route, job, enqueued, running, ever in rows:
        values = tallies.summed(ever, tallies.whole(enqueued, running))
        for more in late.get((no, job), ()):
            add(values, more)
        if values:
            found.append(Counters(queue=owner, route=route, job=names[job], begin=0.0, values=values))
    return sorted(found, key=lambda one: (one.queue, one.route, one.job or ""))


def _late_totals(
    db: sqlite3.Connection, own: Collection[tuple[int, int]]
) -> dict[tuple[int, int], list[Tallies]]:
    """Return what the totals lack, by route and job; ``own``: those that are counted under their own names."""
    found: dict[tuple[int, int], list[Tallies]] = {}
    for route, late in unsorted.minutes_of_jobs_not_counted(db).items():
        for (job, _), values in late.items():
            found.setdefault((route, job if (route, job) in own else OTHER_JOBS), []).append(values)
    return found


def _of_running_minutes(
    db: sqlite3.Connection, route: int, since: float, until: float, *, hours: bool
) -> list[tuple[int, float, Tallies]]:
    """Read what is still in the row of the counts, with its job and the begin of its span."""
    span = 3600 if hours else 60
    # In minutes, with one more on each side; the exact bounds are checked below.
    rows = db.execute(
        "SELECT job, minute, enqueued, tallies FROM tally WHERE route = ? AND minute >= ? AND minute <= ?",
        (route, max(since, -_FAR) // 60 - 1, min(until, _FAR) // 60 + span // 60),
    ).fetchall()
    found = []
    for job, minute, enqueued, running in rows:
        begin = _begin_of(minute, hours=hours)
        if since <= begin < until and (enqueued or running is not None):
            found.append((job, begin, tallies.whole(enqueued, running)))
    return found


def _begin_of(minute: int, *, hours: bool) -> float:
    span = 3600 if hours else 60
    return minute * 60 // span * float(span)


def _sample(db: sqlite3.Connection, now: float) -> int:
    """Take the sample of each route that has none of this minute; return on how many."""
    missing = tallies.unsampled(db, now)
    if not missing:
        return 0
    counts = routes.counts(db)
    for route in missing:
        of = counts.get(route, {})
        oldest = routes.oldest_due(db, route) if of.get(State.PENDING) else None
        values = sample_of(of.get(State.PENDING, 0), of.get(State.RUNNING, 0), oldest, now)
        tallies.keep_sample(db, route, values, now)
    tallies.turn_idle(db, now)
    return len(missing)
