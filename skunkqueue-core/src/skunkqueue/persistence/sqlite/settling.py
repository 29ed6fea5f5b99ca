"""Handing in outcomes: what is stale, what is finished, what runs again, and what follows.

Every function here runs inside a transaction somebody else began, and takes the time as an argument.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from skunkqueue.counters import tally
from skunkqueue.persistence import rules
from skunkqueue.persistence.listing import again_after
from skunkqueue.persistence.sqlite import ending, firings, jobs, leases, schedules
from skunkqueue.persistence.sqlite.schema import AGAIN, COMPLETE, ERROR, EXPIRED, KILLED
from skunkqueue.records import Outcome, Verdict

_FINAL = {
    Verdict.COMPLETE: COMPLETE,
    Verdict.ERROR: ERROR,
    Verdict.KILLED: KILLED,
    Verdict.EXPIRED: EXPIRED,
}
_DONE = (
    "INSERT INTO done (id, began, carry, result, token, holder, state, took, error, finished, chunk)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_AGAIN = (
    "UPDATE firing SET token = ?, holder = ?, due = coalesce(?, due), carry = coalesce(?, carry), tries = tries + ?,"
    " again = ?, error = coalesce(?, error) WHERE id = ?"
)


class Settled(NamedTuple):
    """What one call of ``settle`` did, as far as others must hear of it."""

    stale: list[str]
    final: bool
    """Some firings are finished."""
    touched: set[int]
    """Routes on which firings are pending again."""
    followed: set[tuple[str, str]]
    """Routes of what was enqueued, by name."""


class _Told(NamedTuple):
    """What is known of a claim that an outcome is for."""

    job: int
    due: float
    key: str | None
    tags: tuple[str, ...]


class _Held:
    """A lease some outcomes are for, with what they say."""

    __slots__ = ("due_again", "failed", "finished", "keyed", "lease", "marks", "values")

    def __init__(self, lease: leases.Lease) -> None:
        self.lease = lease
        self.values: dict[int, dict[str, float]] = {}
        """Counters by job."""
        self.finished: dict[tuple[int, int, float | None], list[tuple[Any, ...]]] = {}
        """What is finished, by job, state and ttl."""
        self.due_again: list[tuple[Any, ...]] = []
        self.keyed: list[tuple[str]] = []
        self.marks: list[tuple[int, str, float, str]] = []
        self.failed: list[str] = []
        """What may have an error of an earlier attempt, and none of its own."""

    def end(self, outcome: Outcome, told: _Told, now: float) -> None:
        """Note one that is finished."""
        lease = self.lease
        verdict = outcome.verdict
        id_ = outcome.id
        error = outcome.error
        # Most are complete, and looking an enum up in a dict takes a call of its own.
        state = COMPLETE if verdict is Verdict.COMPLETE else _FINAL[verdict]
        row = (
            id_, outcome.began, outcome.carry, outcome.result, lease.token, lease.holder, state,
            None if outcome.began is None else outcome.took, error,
        )  # fmt: skip
        kind = (told.job, state, outcome.ttl)
        if kind in self.finished:
            self.finished[kind].append(row)
        else:
            self.finished[kind] = [row]
        if lease.special & leases.KEYED:
            self.keyed.append((id_,))
        if error is None and lease.special & leases.FAILED:
            self.failed.append(id_)
        if error is not None or told.tags or told.key is not None:
            self.marks += ending.marks_of(id_, now, told.key, told.tags, error)
        tally(self.counters(told.job), verdict, told.due, outcome.began, outcome.took)

    def again(self, outcome: Outcome, told: _Told, now: float) -> None:
        """Note one that is pending again."""
        when = rules.due_again(outcome, now)
        again = AGAIN.index(again_after(outcome.verdict))
        began = outcome.began is not None
        lease = self.lease
        self.due_again.append(
            (lease.token, lease.holder, when, outcome.carry, began, again, outcome.error, outcome.id)
        )
        tally(self.counters(told.job), outcome.verdict, told.due, outcome.began, outcome.took)

    def counters(self, job: int) -> dict[str, float]:
        """Open the counters of a job."""
        found = self.values.get(job)
        if found is None:
            found = self.values[job] = {}
        return found

    def write(self, db: sqlite3.Connection, now: float) -> None:
        """Store all that was noted."""
        lease = self.lease
        counts: dict[int, dict[int, int]] = {job: {} for job in self.values}
        leases.save(db, lease)
        if self.keyed:
            db.executemany("DELETE FROM keyed WHERE id = ?", self.keyed)
        for (job, state, ttl), rows in self.finished.items():
            mine = counts[job]
            mine[state] = mine.get(state, 0) + len(rows)
            mine[jobs.LIVE] = mine.get(jobs.LIVE, 0) - len(rows)
            chunk = ending.file_away(db, lease.route, job, state, [row[0] for row in rows], now=now, ttl=ttl)
            rest = (now, chunk)
            db.executemany(_DONE, [row + rest for row in rows])
        for id_ in self.failed:
            (error,) = db.execute("SELECT error FROM firing WHERE id = ?", (id_,)).fetchone()
            self.marks += ending.marks_of(id_, now, None, (), error)
        if self.marks:
            ending.mark(db, self.marks)
        if self.due_again:
            db.executemany(_AGAIN, self.due_again)
            leases.to_pending(db, [row[-1] for row in self.due_again])
        for job, changes in counts.items():
            jobs.counted(db, job, changes, self.values[job], now)


def settle(db: sqlite3.Connection, outcomes: Sequence[Outcome], now: float) -> Settled:
    """Settle what is not stale, with all that follows from it."""
    stale: list[str] = []
    known: dict[int, _Held | None] = {}
    numbers: dict[tuple[int, str], int | None] = {}
    more: list[Outcome] = []
    token = None
    held: _Held | None = None
    for outcome in outcomes:
        if outcome.token != token:
            token = outcome.token
            if token not in known:
                lease = leases.by_token(db, token)
                known[token] = None if lease is None else _Held(lease)
            held = known[token]
        if held is None or outcome.id not in held.lease.held:
            stale.append(outcome.id)
            continue
        verdict = outcome.verdict
        if verdict is Verdict.ADVANCE:
            if outcome.carry is not None:
                db.execute("UPDATE firing SET carry = ? WHERE id = ?", (outcome.carry, outcome.id))
        else:
            del held.lease.held[outcome.id]
            told = _told(db, held.lease.route, outcome, numbers)
            if verdict is Verdict.COMPLETE or verdict in _FINAL:
                held.end(outcome, told, now)
            else:
                held.again(outcome, told, now)
        if outcome.follow or outcome.refire is not None:
            more.append(outcome)
    changed = [held for held in known.values() if held is not None]
    for held in changed:
        held.write(db, now)
    return Settled(
        stale=stale,
        final=any(held.finished for held in changed),
        touched={held.lease.route for held in changed if held.due_again},
        followed=_follow(db, more, now) if more else set(),
    )


def _told(
    db: sqlite3.Connection, route: int, outcome: Outcome, numbers: dict[tuple[int, str], int | None]
) -> _Told:
    """Take what the outcome says of its claim, or look it up where it does not."""
    if outcome.queue and outcome.was_due is not None:
        name = (route, outcome.job)
        if name not in numbers:
            numbers[name] = jobs.number(db, route, outcome.job)
        job = numbers[name]
        if job is not None:
            return _Told(job, outcome.was_due, outcome.key, outcome.tags)
    job, due, key, label = db.execute(
        "SELECT coalesce(job, -route), due, key, label FROM firing WHERE id = ?", (outcome.id,)
    ).fetchone()
    return _Told(job, due, key, jobs.decoded(label)[0])


def _follow(db: sqlite3.Connection, outcomes: Sequence[Outcome], now: float) -> set[tuple[str, str]]:
    """Enqueue what outcomes bring with them; return the routes it is on."""
    refires = [(outcome.id, outcome.refire) for outcome in outcomes if outcome.refire is not None]
    following = [firing for outcome in outcomes for firing in outcome.follow]
    if refires:
        following += schedules.refire_each(db, refires, now)
    firings.put_checked(db, following, now)
    return {(firing.queue, firing.route) for firing in following}
