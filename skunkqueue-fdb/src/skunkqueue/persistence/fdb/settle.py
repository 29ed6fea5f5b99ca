"""Handing in outcomes: what is stale, what is finished, what runs again, and what follows; all in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from skunkqueue.persistence import listing, rules
from skunkqueue.persistence.fdb import (
    ended,
    enqueue,
    firings,
    keys,
    leases,
    lines,
    schedules,
    tallies,
    wakeups,
)
from skunkqueue.persistence.fdb.firings import Head
from skunkqueue.persistence.fdb.records import Attempt, Item, Lease
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import FINAL_STATES, Firing, Outcome, Refire, State, Verdict

MAX_OUTCOMES = 1_000
MAX_BYTES = 3_000_000
"""Outcomes and bytes of one transaction, more or less: each outcome is settled in one step, a call of many need not be."""
_FINAL = frozenset(verdict for verdict in Verdict if verdict.state in FINAL_STATES)


class _Held:
    """A lease that some outcomes are for, and what they say."""

    __slots__ = ("again", "finished", "lease", "left")

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.left = dict.fromkeys(lease.ids)
        self.finished: dict[tuple[Verdict, float | None], list[Outcome]] = {}
        self.again: list[Outcome] = []


class _Known(NamedTuple):
    """What is stored of firings that need more than their outcomes say."""

    heads: dict[str, Head]
    attempts: dict[str, Attempt]


def batches(outcomes: Sequence[Outcome]) -> Iterator[Sequence[Outcome]]:
    """Split outcomes into what one transaction takes."""
    start = size = 0
    for number, outcome in enumerate(outcomes):
        weight = len(outcome.result or b"") + len(outcome.attempt_state or b"")
        weight += sum(2 * len(firing.body) + 500 for firing in outcome.follow)
        if number - start >= MAX_OUTCOMES or (size + weight > MAX_BYTES and number > start):
            yield outcomes[start:number]
            start, size = number, 0
        size += weight
    yield outcomes[start:]


def settle(tr: Transaction, outcomes: Sequence[Outcome]) -> list[str]:
    """Settle what is not stale, with all that follows from it; return the ids of the stale ones."""
    held = {
        token: _Held(lease)
        for token, lease in leases.by_tokens(tr, {outcome.token for outcome in outcomes}).items()
    }
    stale: list[str] = []
    valid: list[Outcome] = []
    for outcome in outcomes:
        of = held.get(outcome.token)
        if of is None or outcome.id not in of.left:
            stale.append(outcome.id)
            continue
        if outcome.verdict is not Verdict.ADVANCE:
            del of.left[outcome.id]
        valid.append(outcome)
    if not valid:
        tr.unchanged = True
        return stale
    valid, known = _completed(tr, valid, held)
    for outcome in valid:
        of = held[outcome.token]
        if outcome.verdict is Verdict.ADVANCE:
            _advance(tr, outcome, of, known)
        elif outcome.verdict in _FINAL:
            of.finished.setdefault((outcome.verdict, outcome.ttl), []).append(outcome)
        else:
            of.again.append(outcome)
    for token, of in held.items():
        _write(tr, token, of, known)
    _go_on(tr, valid)
    return stale


def _go_on(tr: Transaction, outcomes: Sequence[Outcome]) -> None:
    """Put in what follows, now that keys of what has finished are free."""
    follow: list[Firing] = []
    refires: list[tuple[str, Refire]] = []
    for outcome in outcomes:
        follow += outcome.follow
        if outcome.refire is not None:
            refires.append((outcome.id, outcome.refire))
    if follow:
        enqueue.put(tr, follow)
    if refires:
        schedules.refire_each(tr, refires)


def _completed(
    tr: Transaction, outcomes: list[Outcome], held: dict[int, _Held]
) -> tuple[list[Outcome], _Known]:
    """Read what outcomes do not say, and what those need that do not simply finish."""
    bare = [outcome.id for outcome in outcomes if not outcome.queue]
    again = [outcome.id for outcome in outcomes if outcome.verdict not in _FINAL]
    noted = {id_ for of in held.values() for id_ in of.lease.noted}
    large = [one.id for one in outcomes if len(one.attempt_state or b"") > ended.LARGE]
    wanted = dict.fromkeys([*bare, *again, *large, *(one.id for one in outcomes if one.id in noted)])
    if not wanted:
        return outcomes, _Known({}, {})
    known = _Known(firings.heads(tr, dict.fromkeys([*bare, *again])), firings.attempts(tr, wanted))
    if not bare:
        return outcomes, known
    whole = []
    for outcome in outcomes:
        head = known.heads.get(outcome.id)
        if outcome.queue or head is None:
            whole.append(outcome)
            continue
        entry = head.entry
        attempt = known.attempts.get(outcome.id)
        whole.append(
            msgspec.structs.replace(
                outcome,
                queue=entry.queue,
                route=entry.route,
                was_due=entry.due if attempt is None or attempt.due is None else attempt.due,
                job=entry.job,
                tags=entry.tags,
                key=entry.key,
                parent=entry.parent,
            )
        )
    return whole, known


def _advance(tr: Transaction, outcome: Outcome, of: _Held, known: _Known) -> None:
    """Save what a step of a chain leaves for the next."""
    if outcome.attempt_state is None and outcome.error is None:
        return
    attempt = _after(known.attempts.get(outcome.id), outcome)
    known.attempts[outcome.id] = attempt
    firings.note(tr, outcome.id, attempt)
    if outcome.id not in of.lease.noted:
        of.lease = msgspec.structs.replace(of.lease, noted=(*of.lease.noted, outcome.id))


def _after(attempt: Attempt | None, outcome: Outcome) -> Attempt:
    known = firings.noted(attempt)
    return firings.noted(
        known,
        attempt_state=known.attempt_state if outcome.attempt_state is None else outcome.attempt_state,
        error=known.error if outcome.error is None else outcome.error,
    )


def _write(tr: Transaction, token: int, of: _Held, known: _Known) -> None:
    lease = of.lease
    place = (lease.queue, lease.route)
    leases.save(tr, token, lease, of.left)
    values: dict[str, dict[str, float]] = {}
    changes: dict[str, dict[State, int]] = {}
    for (verdict, ttl), outcomes in of.finished.items():
        state = verdict.state
        items = [_item(tr, outcome, known.attempts.get(outcome.id)) for outcome in outcomes]
        ended.file(tr, place, state, items, token=token, worker=lease.worker, ttl=ttl)
        for outcome in outcomes:
            if outcome.key is not None:
                tr.clear(tr.keys.key + keys.name(lease.queue) + keys.name(outcome.key))
        _tally(values, verdict, outcomes)
        _move(changes, outcomes, state)
    for outcome in of.again:
        _put_back(tr, token, lease, outcome, known)
        _tally(values, outcome.verdict, [outcome])
    _move(changes, of.again, State.PENDING)
    for job, change in changes.items():
        tallies.shift(tr, *place, job, change)
    for job, counted in values.items():
        if counted:
            tallies.count(tr, *place, job, counted)
    if of.finished:
        wakeups.wake_settled(tr, *place)
    if of.again:
        wakeups.wake(tr, *place)


def _item(tr: Transaction, outcome: Outcome, attempt: Attempt | None) -> Item:
    error = outcome.error
    if error is None and attempt is not None:
        error = attempt.error
    result, attempt_state = outcome.result, outcome.attempt_state
    if attempt_state is not None and len(attempt_state) > ended.LARGE:
        firings.note(tr, outcome.id, firings.noted(attempt, attempt_state=attempt_state))
        attempt_state = None
    return Item(
        outcome.id,
        outcome.began,
        None if outcome.began is None else outcome.took,
        result,
        0 if result is None else len(result),
        outcome.job,
        error,
        outcome.tags,
        outcome.key,
        attempt_state,
        parent=outcome.parent,
    )


def _put_back(tr: Transaction, token: int, lease: Lease, outcome: Outcome, known: _Known) -> None:
    """Make a firing pending again."""
    head = known.heads.get(outcome.id)
    if head is None:
        return
    before = _after(known.attempts.get(outcome.id), outcome)
    due = rules.due_again(outcome, tr.now)
    attempt = firings.noted(
        before,
        token=token,
        worker=lease.worker,
        due=before.due if due is None else due,
        attempts=before.attempts + (outcome.began is not None),
        again=listing.again_after(outcome.verdict),
    )
    firings.note(tr, outcome.id, attempt)
    lines.put(tr, head.entry, attempt, is_large=head.is_large)


def _move(changes: dict[str, dict[State, int]], outcomes: Sequence[Outcome], state: State) -> None:
    for outcome in outcomes:
        change = changes.setdefault(outcome.job, {State.RUNNING: 0})
        change[State.RUNNING] -= 1
        change[state] = change.get(state, 0) + 1


def _tally(values: dict[str, dict[str, float]], verdict: Verdict, outcomes: Sequence[Outcome]) -> None:
    by_job: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_job.setdefault(outcome.job, []).append(outcome)
    for job, own in by_job.items():
        rules.tally_outcomes(values.setdefault(job, {}), verdict, own)
