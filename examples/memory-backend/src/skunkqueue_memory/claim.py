"""Lending firings out, after those whose lease ran out are taken back."""

from __future__ import annotations

from skunkqueue.persistence import rules
from skunkqueue.records import Claim, State
from skunkqueue_memory import leases
from skunkqueue_memory.store import Store


def claim(store: Store, queue: str, route: str, worker: str, *, limit: int, lease: float) -> list[Claim]:
    """Lend what is due, in order."""
    now = store.now()
    if store.is_paused((queue, route)):
        return []
    leases.reclaim(store, (queue, route), now)
    due = [
        entry
        for entry in store.shelf.pending((queue, route))
        if entry.due <= now and entry.firing.target in (None, worker)
    ]
    first = sorted(due, key=lambda entry: entry.order)[:limit]
    batch = first[: rules.batch_length([entry.deaths for entry in first])]
    for entry in batch:
        entry.token += 1
        entry.worker, entry.lease_end, entry.began = worker, now + lease, now
        entry.begun = False
        store.shelf.move(entry, State.RUNNING)
    return [entry.claim(now) for entry in batch]
