"""Leases: who holds a firing, for how long, and what happens when the time is over."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.persistence import rules
from skunkqueue.records import ClaimRef, State
from skunkqueue_memory.shelf import Entry, Place
from skunkqueue_memory.store import Store


def held(store: Store, id_: str, token: int) -> Entry | None:
    """Find a running firing by what proves the claim to it."""
    entry = store.shelf.entries.get(id_)
    if entry is None or entry.state is not State.RUNNING or entry.token != token:
        return None
    return entry


def extend(store: Store, claims: Sequence[ClaimRef], lease: float) -> list[str]:
    """Lengthen the leases that are still held; return the ids of the others."""
    lost = []
    for ref in claims:
        entry = held(store, ref.id, ref.token)
        if entry is None:
            lost.append(ref.id)
        else:
            entry.lease_end = store.now() + lease
            entry.begun |= ref.begun
    # A lease may end sooner now than a wait knows.
    store.wake_all()
    return lost


def reclaim(store: Store, place: Place, now: float) -> None:
    """Take back the firings of a route whose lease ran out."""
    for entry in [entry for entry in store.shelf.live[place].values() if entry.overdue(now)]:
        death = rules.lease_ended(now, entry.worker or "", begun=entry.begun)
        store.shelf.died(entry, death, now)
        store.shelf.move(entry, State.PENDING)


def progress(store: Store, ref: ClaimRef, data: bytes) -> bool:
    """Keep what a running job reports."""
    entry = held(store, ref.id, ref.token)
    if entry is not None:
        entry.progress = data
    return entry is not None
