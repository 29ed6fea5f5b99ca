"""Batches in which firings of many jobs ended, until they are sorted by job.

To count a hundred firings of a hundred jobs, and to list each by its job, changes a hundred rows, and as many
pages: several times the cost of settling them. So such a batch is noted in one row, and its firings are listed
together (``ended.jobs``). An operation that needs them by job first sorts all that is noted; settling does so after a number of them. Counts and
counters are read together with what is noted, so that nobody who asks for them has to sort.

Every function here runs inside a transaction that its caller began.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from skunkqueue.persistence import rules
from skunkqueue.persistence.sqlite import tallies
from skunkqueue.persistence.sqlite.schema import FINAL
from skunkqueue.persistence.sqlite.statements import insert
from skunkqueue.records import Outcome, Verdict

FEW = 3
"""A batch of up to so many jobs is not noted, but counted by job at once."""
_MANY = 10_000
"""How many firings are noted before the next batch sorts them all: so many are sorted within some 10 ms."""
_LEAST = 200
"""As how many firings a batch counts at least, so that fifty small ones are sorted."""
# Its number tells how many firings are noted up to it.
_INSERT = """
INSERT INTO unsorted (no, route, at, batch) VALUES ((SELECT coalesce(max(no), 0) + ? FROM unsorted), ?, ?, ?)
"""
# Older versions requeued firings that were not sorted yet, so such a row may be there already.
_PLACE = "INSERT OR IGNORE INTO mixed (job, route, state, finished, chunk)"


_Times = tuple[float | None, float]
_Place = tuple[int, int, int, float, int]


class Batch(msgspec.Struct, array_like=True):
    """A noted batch, as columns: they are read several times as fast as rows."""

    jobs: list[int] = []
    verdicts: list[str] = []
    waits: list[float | None] = []
    """How long each had waited; ``None``: it had not begun."""
    tooks: list[float] = []
    chunks: Sequence[tuple[int, float, int, Sequence[int]]] = ()
    """Where finished firings are listed: state, time, chunk, and the jobs."""

    def add(self, job: int, verdict: Verdict, outcomes: Sequence[Outcome]) -> None:
        """Add outcomes of one job and verdict."""
        n = len(outcomes)
        self.jobs += [job] * n
        self.verdicts += [verdict.value] * n
        for outcome in outcomes:
            began, due = outcome.began, outcome.was_due
            if began is None:
                self.waits.append(None)
            else:
                self.waits.append(0.0 if due is None or began < due else began - due)
            self.tooks.append(outcome.took)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Batch).decode


def note(db: sqlite3.Connection, route: int, batch: Batch, now: float) -> None:
    """Note a batch that ended now, and sort all that is noted from time to time."""
    number = db.execute(_INSERT, (max(len(batch.jobs), _LEAST), route, now, _encode(batch))).lastrowid
    # Numbers begin anew each time the table was emptied.
    if number is not None and number >= _MANY:
        sort_all(db)


def is_empty(db: sqlite3.Connection) -> bool:
    """Return whether nothing is left to sort; cheap."""
    return db.execute("SELECT 1 FROM unsorted LIMIT 1").fetchone() is None


def routes(db: sqlite3.Connection) -> set[int]:
    """Return the routes, by number, of which something is left to sort."""
    return {row[0] for row in db.execute("SELECT DISTINCT route FROM unsorted").fetchall()}


Late = Sequence[tuple[int, ...]]
"""What to add to the counts of routes: a route, its change of live firings, and of those in each final state."""
_Ended = dict[tuple[int, str], list[_Times]]
"""What ended, by job and verdict."""


def not_counted(db: sqlite3.Connection) -> Late:
    """Return what the counts of routes lack."""
    ended: dict[int, Counter[str]] = {}
    for route, packed in db.execute("SELECT route, batch FROM unsorted").fetchall():
        ended.setdefault(route, Counter()).update(_decode(packed).verdicts)
    return [(route, *_changes(verdicts)) for route, verdicts in ended.items()]


def jobs_not_counted(db: sqlite3.Connection) -> dict[tuple[int, int], tuple[int, ...]]:
    """Return what the counts of jobs lack, by route and job: their changes as in ``Late``."""
    ended: dict[int, Counter[tuple[int, str]]] = {}
    for route, packed in db.execute("SELECT route, batch FROM unsorted").fetchall():
        batch = _decode(packed)
        ended.setdefault(route, Counter()).update(zip(batch.jobs, batch.verdicts, strict=True))
    found: dict[tuple[int, int], Counter[str]] = {}
    for route, counted in ended.items():
        for (job, verdict), number in counted.items():
            found.setdefault((route, job), Counter())[verdict] += number
    return {place: _changes(verdicts) for place, verdicts in found.items()}


def _changes(verdicts: Mapping[str, int]) -> tuple[int, ...]:
    changes = [verdicts.get(verdict.value, 0) for verdict in FINAL]
    return (-sum(changes), *changes)


def minutes_not_counted(db: sqlite3.Connection) -> dict[int, dict[int, dict[str, float]]]:
    """Return what the counters of minutes lack, all jobs together: values by route and minute."""
    ended: dict[tuple[int, int], dict[str, list[_Times]]] = {}
    for route, at, packed in db.execute("SELECT route, at, batch FROM unsorted").fetchall():
        batch = _decode(packed)
        by_verdict = ended.setdefault((route, int(at // 60)), defaultdict(list))
        for verdict, wait, took in zip(batch.verdicts, batch.waits, batch.tooks, strict=True):
            by_verdict[verdict].append((wait, took))
    found: dict[int, dict[int, dict[str, float]]] = {}
    for (route, minute), by_verdict in ended.items():
        values = found.setdefault(route, {}).setdefault(minute, {})
        for name, attempts in by_verdict.items():
            _tally(values, Verdict(name), attempts)
    return found


def minutes_of_jobs_not_counted(db: sqlite3.Connection) -> dict[int, dict[tuple[int, int], dict[str, float]]]:
    """Return what the counters of jobs lack: values by route, and then by job and minute."""
    rows = db.execute("SELECT route, at, batch FROM unsorted").fetchall()
    noted = [(route, at, _decode(packed)) for route, at, packed in rows]
    found: dict[int, dict[tuple[int, int], dict[str, float]]] = {}
    for (route, minute), ended in _by_job(noted).items():
        values = found.setdefault(route, {})
        for (job, name), attempts in ended.items():
            _tally(values.setdefault((job, minute), {}), Verdict(name), attempts)
    return found


def _by_job(noted: Sequence[tuple[int, float, Batch]]) -> dict[tuple[int, int], _Ended]:
    """Sort what ended by route and minute, and then by job and verdict."""
    minutes: dict[tuple[int, int], _Ended] = {}
    for route, at, batch in noted:
        ended = minutes.setdefault((route, int(at // 60)), defaultdict(list))
        for job, verdict, wait, took in zip(
            batch.jobs, batch.verdicts, batch.waits, batch.tooks, strict=True
        ):
            ended[job, verdict].append((wait, took))
    return minutes


def sort_all(db: sqlite3.Connection) -> None:
    """Count what is noted, and list its firings by job."""
    rows = db.execute("SELECT route, at, batch FROM unsorted ORDER BY no").fetchall()
    if not rows:
        return
    noted = [(route, at, _decode(packed)) for route, at, packed in rows]
    places: dict[int, list[_Place]] = {}
    for route, _, batch in noted:
        for state, finished, chunk, jobs in batch.chunks:
            for job in jobs:
                places.setdefault(job, []).append((job, route, state, finished, chunk))
    for (route, minute), ended in _by_job(noted).items():
        _count(db, route, minute * 60.0, ended)
    # In the order of jobs: rows of one job lie side by side.
    insert(db, _PLACE, [place for job in sorted(places) for place in places[job]])
    db.execute("DELETE FROM unsorted")


def _count(
    db: sqlite3.Connection, route: int, when: float, ended: Mapping[tuple[int, str], Sequence[_Times]]
) -> None:
    jobs: dict[int, tuple[dict[str, float], dict[int, int]]] = {}
    for (job, name), attempts in ended.items():
        values, changes = jobs.setdefault(job, ({}, {}))
        verdict = Verdict(name)
        _tally(values, verdict, attempts)
        if verdict in FINAL:
            changes[FINAL[verdict]] = len(attempts)
    for job, (values, changes) in sorted(jobs.items()):
        tallies.settled(db, route, job, values, when, live=-sum(changes.values()), changes=changes)


def _tally(values: dict[str, float], verdict: Verdict, attempts: Sequence[_Times]) -> None:
    waits = [wait for wait, _ in attempts if wait is not None]
    tooks = [took for wait, took in attempts if wait is not None]
    rules.tally_times(values, verdict, len(attempts), waits, tooks)
