"""Looking up the states of firings, with all that a verb needs to change them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from skunkqueue.persistence.fdb import ended, firings, leases, lines
from skunkqueue.persistence.fdb.ended import Found
from skunkqueue.persistence.fdb.records import Attempt, Entry, Lease
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import State


class Known(NamedTuple):
    """A firing, and where it is."""

    entry: Entry
    """As it was put in, without a large body."""
    attempt: Attempt | None
    state: State
    found: Found | None
    """Where it lies if it is finished."""
    lease: tuple[int, Lease] | None
    """Under which it runs."""
    is_large: bool
    """``entry`` lacks its body."""


def look_up(tr: Transaction, ids: Iterable[str]) -> dict[str, Known]:
    """Find out of firings what they are; those that there are. What changes their states meanwhile conflicts."""
    heads = firings.heads(tr, ids)
    entries = {id_: head.entry for id_, head in heads.items()}
    attempts = firings.attempts(tr, entries)
    finished = ended.find(tr, entries)
    live = {id_: (entry, attempts.get(id_)) for id_, entry in entries.items() if id_ not in finished}
    waiting = lines.pending(tr, live)
    held = leases.holders(tr, {id_: entry.place for id_, (entry, _) in live.items() if id_ not in waiting})
    known: dict[str, Known] = {}
    for id_, entry in entries.items():
        found = finished.get(id_)
        state = State.PENDING if id_ in waiting else State.RUNNING
        if found is not None:
            state = found.chunk.state
        known[id_] = Known(entry, attempts.get(id_), state, found, held.get(id_), heads[id_].is_large)
    return known
