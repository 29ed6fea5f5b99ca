"""Handing in outcomes: what is stale, what is finished, what runs again, and what follows.

Outcomes are gathered by lease, written lease by lease, and what they bring with them is enqueued last. Functions that take
``db`` run inside a transaction that their caller began.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from skunkqueue.persistence import listing, rules
from skunkqueue.persistence.sqlite import ending, firings, jobs, leases, schedules, tallies, unsorted
from skunkqueue.persistence.sqlite.schema import FINAL
from skunkqueue.persistence.sqlite.statements import insert, insert_alike
from skunkqueue.records import Outcome, Verdict

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store

_DONE = "INSERT INTO done (token, holder, state, finished, chunk, id, began, took, result)"
_DONE_WHOLE = (
    "INSERT INTO done (id, began, took, result, token, holder, state, finished, chunk, error, carry)"
)
_ADVANCE = "UPDATE firing SET carry = coalesce(?, carry), error = coalesce(?, error) WHERE id = ?"
_AGAIN = (
    "UPDATE firing SET token = ?, holder = ?, due = coalesce(?, due), carry = coalesce(?, carry),"
    " error = coalesce(?, error), attempts = attempts + ?, again = ? WHERE id = ?"
)


def settle(store: Store, outcomes: Sequence[Outcome]) -> list[str]:
    """Hand in outcomes, and wake everybody concerned; see ``Backend.settle``."""
    if not outcomes:
        return []
    numbers = store.jobs({outcome.job for outcome in outcomes})
    settled = store.writer.run(lambda db: _settle(db, outcomes, numbers, store.clock.now()))
    if settled.final:
        store.fifos.wake_settled()
    if settled.touched:
        store.wake_numbers(settled.touched)
    for name in settled.followed:
        store.wake_route(*name)
    return settled.stale


class _Settled(NamedTuple):
    """What one call of ``settle`` did, as far as others must be woken for it."""

    stale: list[str]
    final: bool
    """Some firings are finished."""
    touched: set[int]
    """Routes on which firings are pending again."""
    followed: set[tuple[str, str]]
    """Routes of what was enqueued, by name."""


class _Held:
    """A lease, with the outcomes for its firings."""

    __slots__ = ("again", "finished", "lease")

    def __init__(self, lease: leases.Lease) -> None:
        self.lease = lease
        self.finished: dict[tuple[str, Verdict, float | None], list[Outcome]] = {}
        """By job, verdict and time to live: outcomes that share these are written and counted together."""
        self.again: dict[tuple[str, Verdict], list[Outcome]] = {}

    def advance(self, db: sqlite3.Connection, outcome: Outcome) -> None:
        """Save what a step of a chain leaves for the next step."""
        if outcome.error is not None:
            self.lease.special |= leases.FAILED
        if outcome.error is not None or outcome.attempt_state is not None:
            db.execute(_ADVANCE, (outcome.attempt_state, outcome.error, outcome.id))

    def note(self, outcome: Outcome) -> None:
        """Note an outcome that ends the lease of its firing."""
        del self.lease.held[outcome.id]
        verdict = outcome.verdict
        # Most are complete, and the lookup of an enum in a dict costs a call.
        if verdict is Verdict.COMPLETE or verdict in FINAL:
            kind = (outcome.job, verdict, outcome.ttl)
            if kind in self.finished:
                self.finished[kind].append(outcome)
            else:
                self.finished[kind] = [outcome]
        else:
            self.again.setdefault((outcome.job, verdict), []).append(outcome)

    def write(self, db: sqlite3.Connection, numbers: Mapping[str, int], now: float) -> None:
        """Write everything that was noted."""
        lease = self.lease
        leases.save(db, lease)
        kinds = (*self.finished, *self.again)
        mixed = len(kinds) > unsorted.FEW and len({kind[0] for kind in kinds}) > unsorted.FEW
        filing = ending.Filing(db, lease.route, now)
        if self.finished:
            self._write_finished(db, _mix(self.finished, numbers) if mixed else self._by_job(numbers), filing)
        for (_, verdict), outcomes in self.again.items():
            self._write_again(db, verdict, outcomes, now)
        if mixed:
            batch = unsorted.Batch(chunks=filing.mixed)
            for (job, verdict, _), outcomes in self.finished.items():
                batch.add(numbers[job], verdict, outcomes)
            for (job, verdict), outcomes in self.again.items():
                batch.add(numbers[job], verdict, outcomes)
            unsorted.note(db, lease.route, batch, now)
        else:
            self._count(db, numbers, now)

    def _by_job(self, numbers: Mapping[str, int]) -> list[_Ended]:
        return [
            _Ended(numbers[job], FINAL[verdict], ttl, outcomes)
            for (job, verdict, ttl), outcomes in self.finished.items()
        ]

    def _write_finished(
        self, db: sqlite3.Connection, groups: Sequence[_Ended], filing: ending.Filing
    ) -> None:
        lease = self.lease
        token, holder = lease.token, lease.holder
        plain: list[tuple[tuple[object, ...], list[object]]] = []
        whole: list[tuple[object, ...]] = []
        worded: list[str] = []
        ended: list[str] = []
        for job, state, ttl, outcomes in groups:
            ids = [outcome.id for outcome in outcomes]
            ended += ids
            is_plain = not any(
                outcome.error is not None or outcome.attempt_state is not None or outcome.tags
                for outcome in outcomes
            )
            words = bool(lease.special & (leases.KEYED | leases.FAILED)) or not is_plain
            chunk = filing.add(job, state, ids, ttl=ttl, words=words)
            rest = (token, holder, state, filing.now, chunk)
            if is_plain:
                own: list[object] = [
                    value
                    for one in outcomes
                    for value in (one.id, one.began, None if one.began is None else one.took, one.result)
                ]
                plain.append((rest, own))
            else:
                whole += [
                    (
                        one.id,
                        one.began,
                        None if one.began is None else one.took,
                        one.result,
                        *rest,
                        one.error,
                        one.attempt_state,
                    )
                    for one in outcomes
                ]
            if words:
                worded += ids
        filing.write()
        for shared, each in plain:
            insert_alike(db, _DONE, shared, each, 4)
        insert(db, _DONE_WHOLE, whole)
        if lease.special & leases.KEYED:
            db.executemany("DELETE FROM keyed WHERE id = ?", [(id_,) for id_ in ended])
        if worded:
            ending.index_words(db, worded)

    def _write_again(
        self, db: sqlite3.Connection, verdict: Verdict, outcomes: Sequence[Outcome], now: float
    ) -> None:
        lease = self.lease
        db.executemany(
            _AGAIN,
            [
                (
                    lease.token,
                    lease.holder,
                    rules.due_again(outcome, now),
                    outcome.attempt_state,
                    outcome.error,
                    outcome.began is not None,
                    listing.again_after(verdict),
                    outcome.id,
                )
                for outcome in outcomes
            ],
        )
        leases.to_pending(db, [outcome.id for outcome in outcomes])

    def _count(self, db: sqlite3.Connection, numbers: Mapping[str, int], now: float) -> None:
        counted: dict[str, _Counted] = {}
        for (job, verdict, _), outcomes in self.finished.items():
            of = counted.setdefault(job, _Counted({}, {}))
            state = FINAL[verdict]
            of.changes[state] = of.changes.get(state, 0) + len(outcomes)
            rules.tally_outcomes(of.values, verdict, outcomes)
        for (job, verdict), outcomes in self.again.items():
            rules.tally_outcomes(counted.setdefault(job, _Counted({}, {})).values, verdict, outcomes)
        for job, of in counted.items():
            tallies.settled(
                db,
                self.lease.route,
                numbers[job],
                of.values,
                now,
                live=-sum(of.changes.values()),
                changes=of.changes,
            )


class _Ended(NamedTuple):
    """Outcomes that are listed in one chunk."""

    job: int | Sequence[int]
    """The number of the one job, or of the job of each."""
    state: int
    ttl: float | None
    outcomes: Sequence[Outcome]


def _mix(
    finished: Mapping[tuple[str, Verdict, float | None], Sequence[Outcome]], numbers: Mapping[str, int]
) -> list[_Ended]:
    """Put outcomes of many jobs together."""
    found: dict[tuple[Verdict, float | None], tuple[list[int], list[Outcome]]] = {}
    for (job, verdict, ttl), outcomes in finished.items():
        jobs_of, together = found.setdefault((verdict, ttl), ([], []))
        jobs_of += [numbers[job]] * len(outcomes)
        together += outcomes
    return [
        _Ended(jobs_of, FINAL[verdict], ttl, together)
        for (verdict, ttl), (jobs_of, together) in found.items()
    ]


class _Counted(NamedTuple):
    """How outcomes of one job change counts and counters."""

    changes: dict[int, int]
    values: dict[str, float]


def _settle(
    db: sqlite3.Connection, outcomes: Sequence[Outcome], numbers: Mapping[str, int], now: float
) -> _Settled:
    """Settle what is not stale, with all that follows from it; ``numbers``: of the jobs that outcomes name."""
    if not all(outcome.queue for outcome in outcomes):
        outcomes, numbers = _completed(db, outcomes, numbers)
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
        if held is None or outcome.id not in held.lease.held:
            stale.append(outcome.id)
            continue
        if outcome.verdict is Verdict.ADVANCE:
            held.advance(db, outcome)
        else:
            held.note(outcome)
        if outcome.follow or outcome.refire is not None:
            more.append(outcome)
    changed = [held for held in known.values() if held is not None]
    for held in changed:
        held.write(db, numbers, now)
    return _Settled(
        stale=stale,
        final=any(held.finished for held in changed),
        touched={held.lease.route for held in changed if held.again},
        followed=_follow(db, more, now) if more else set(),
    )


def _completed(
    db: sqlite3.Connection, outcomes: Sequence[Outcome], numbers: Mapping[str, int]
) -> tuple[list[Outcome], Mapping[str, int]]:
    """Look up the fields that outcomes of a worker of an older version leave out."""
    rows = db.execute(
        "SELECT f.id, f.due, f.tags, f.key, n.no, n.name FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value"
        " JOIN job n ON n.no = f.job",
        (json.dumps([outcome.id for outcome in outcomes if not outcome.queue]),),
    ).fetchall()
    found = {row[0]: row[1:] for row in rows}
    known = dict(numbers)
    whole = []
    for outcome in outcomes:
        if not outcome.queue and outcome.id in found:
            due, tags, key, number, name = found[outcome.id]
            known[name] = number
            whole.append(replace(outcome, was_due=due, tags=jobs.tags_of(tags), key=key, job=name))
        else:
            whole.append(outcome)
    return whole, known


def _follow(db: sqlite3.Connection, outcomes: Sequence[Outcome], now: float) -> set[tuple[str, str]]:
    """Enqueue the firings that outcomes bring with them; return their routes."""
    refires = [(outcome.id, outcome.refire) for outcome in outcomes if outcome.refire is not None]
    following = [firing for outcome in outcomes for firing in outcome.follow]
    if refires:
        following += schedules.refire_each(db, refires, now)
    firings.put_checked(db, following, now)
    return {(firing.queue, firing.route) for firing in following}
