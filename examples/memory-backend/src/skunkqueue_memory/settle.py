"""Handing in outcomes: each moves its firing on, with all that follows from it."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.persistence import listing, rules
from skunkqueue.records import Outcome, State, Verdict
from skunkqueue_memory import leases, schedules
from skunkqueue_memory.shelf import Entry
from skunkqueue_memory.store import Store


def settle(store: Store, outcomes: Sequence[Outcome]) -> list[str]:
    """Settle outcomes; return the ids of the stale ones."""
    now = store.now()
    stale = []
    for outcome in outcomes:
        entry = leases.held(store, outcome.id, outcome.token)
        if entry is None:
            stale.append(outcome.id)
        else:
            _settle(store, entry, outcome, now)
    store.wake_all()
    return stale


def _settle(store: Store, entry: Entry, outcome: Outcome, now: float) -> None:
    # Counted first: how long it waited is reckoned from the old due time.
    store.shelf.tally(entry, outcome, now)
    if outcome.attempt_state is not None:
        entry.attempt_state = outcome.attempt_state
    if outcome.error is not None:
        entry.error = outcome.error
    if outcome.began is not None and outcome.verdict is not Verdict.ADVANCE:
        entry.attempts += 1
    if outcome.verdict.state.final:
        entry.began, entry.result = outcome.began, outcome.result
        entry.took = None if outcome.began is None else outcome.took
        store.shelf.finish(entry, outcome.verdict.state, now, outcome.ttl)
    elif outcome.verdict is not Verdict.ADVANCE:
        due = rules.due_again(outcome, now)
        if due is not None:
            entry.due = due
        entry.again = listing.again_after(outcome.verdict)
        store.shelf.move(entry, State.PENDING)
    for firing in outcome.follow:
        store.shelf.put(Entry.of(firing, now))
    if outcome.refire is not None:
        schedules.refire(store, entry.id, outcome.refire)
