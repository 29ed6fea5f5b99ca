"""Handing in outcomes: what is stale, what is finished, what runs again, and what follows.

Every function here runs inside a transaction somebody else began, and takes the time as an argument.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from skunkqueue.counters import tally
from skunkqueue.persistence import rules
from skunkqueue.persistence.sqlite import ending, firings, leases, routes, schedules
from skunkqueue.persistence.sqlite.schema import COMPLETE, ERROR, EXPIRED, KILLED, PENDING, RUNNING
from skunkqueue.records import Outcome, Verdict

_FINAL = {
    Verdict.COMPLETE: COMPLETE,
    Verdict.ERROR: ERROR,
    Verdict.KILLED: KILLED,
    Verdict.EXPIRED: EXPIRED,
}
_DONE = (
    "INSERT INTO done (id, began, carry, result, token, holder, state, finished, chunk)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_AGAIN = (
    "UPDATE firing SET token = ?, holder = ?, due = coalesce(?, due), carry = coalesce(?, carry) WHERE id = ?"
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


class _Held:
    """A lease some outcomes are for, with what they say."""

    __slots__ = ("due_again", "finished", "keyed", "lease", "values")

    def __init__(self, lease: leases.Lease) -> None:
        self.lease = lease
        self.values: dict[str, float] = {}
        self.finished: dict[tuple[int, float | None], list[tuple[Any, ...]]] = {}
        self.due_again: list[tuple[Any, ...]] = []
        self.keyed: list[tuple[str]] = []

    def end(self, outcome: Outcome, due: float) -> None:
        """Note one that is finished."""
        lease = self.lease
        verdict = outcome.verdict
        # Most are complete, and looking an enum up in a dict takes a call of its own.
        state = COMPLETE if verdict is Verdict.COMPLETE else _FINAL[verdict]
        row = (outcome.id, outcome.began, outcome.carry, outcome.result, lease.token, lease.holder, state)
        kind = (state, outcome.ttl)
        if kind in self.finished:
            self.finished[kind].append(row)
        else:
            self.finished[kind] = [row]
        if lease.special & leases.KEYED:
            self.keyed.append((outcome.id,))
        tally(self.values, verdict, due, outcome.began, outcome.took)

    def again(self, outcome: Outcome, due: float, now: float) -> None:
        """Note one that is pending again."""
        when = rules.due_again(outcome, now)
        self.due_again.append((self.lease.token, self.lease.holder, when, outcome.carry, outcome.id))
        tally(self.values, outcome.verdict, due, outcome.began, outcome.took)

    def write(self, db: sqlite3.Connection, now: float) -> None:
        """Store all that was noted."""
        lease = self.lease
        counts = {RUNNING: 0, PENDING: len(self.due_again)}
        leases.save(db, lease)
        if self.keyed:
            db.executemany("DELETE FROM keyed WHERE id = ?", self.keyed)
        for (state, ttl), rows in self.finished.items():
            counts[state] = counts.get(state, 0) + len(rows)
            chunk = ending.file_away(db, lease.route, state, [row[0] for row in rows], now=now, ttl=ttl)
            rest = (now, chunk)
            db.executemany(_DONE, [row + rest for row in rows])
        if self.due_again:
            db.executemany(_AGAIN, self.due_again)
            leases.to_pending(db, [row[-1] for row in self.due_again])
        counts[RUNNING] = -sum(counts.values())
        if counts[RUNNING]:
            routes.settled(db, lease.route, counts, self.values, now)


def settle(db: sqlite3.Connection, outcomes: Sequence[Outcome], now: float) -> Settled:
    """Settle what is not stale, with all that follows from it."""
    stale: list[str] = []
    known: dict[int, _Held | None] = {}
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
        due = None if held is None else held.lease.held.pop(outcome.id, None)
        if held is None or due is None:
            stale.append(outcome.id)
            continue
        verdict = outcome.verdict
        if verdict is Verdict.COMPLETE or verdict in _FINAL:
            held.end(outcome, due)
        elif verdict is Verdict.ADVANCE:
            held.lease.held[outcome.id] = due
            if outcome.carry is not None:
                db.execute("UPDATE firing SET carry = ? WHERE id = ?", (outcome.carry, outcome.id))
        else:
            held.again(outcome, due, now)
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


def _follow(db: sqlite3.Connection, outcomes: Sequence[Outcome], now: float) -> set[tuple[str, str]]:
    """Enqueue what outcomes bring with them; return the routes it is on."""
    refires = [(outcome.id, outcome.refire) for outcome in outcomes if outcome.refire is not None]
    following = [firing for outcome in outcomes for firing in outcome.follow]
    if refires:
        following += schedules.refire_each(db, refires, now)
    firings.put_checked(db, following, now)
    return {(firing.queue, firing.route) for firing in following}
