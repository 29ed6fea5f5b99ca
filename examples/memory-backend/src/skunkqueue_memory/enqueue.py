"""Putting firings in."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.records import Firing
from skunkqueue_memory.shelf import Entry
from skunkqueue_memory.store import Store


def enqueue(store: Store, firings: Sequence[Firing]) -> list[str]:
    """Put firings on the shelf."""
    now = store.now()
    # Everything that can fail fails here, before the first change: all or none.
    entries = [Entry.of(firing, now) for firing in firings]
    ids = [store.shelf.put(entry) for entry in entries]
    store.wake_all()
    return ids
