"""Putting firings in: a few go to the inbox, more are filed at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skunkqueue.persistence.sqlite import firings, inbox
from skunkqueue.persistence.sqlite.deferred import after_filing
from skunkqueue.persistence.sqlite.writer import Repeat
from skunkqueue.records import Firing

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store


def enqueue(store: Store, put_in: Sequence[Firing]) -> list[str]:
    """Put firings in, and wake a worker of each of their routes; see ``Backend.enqueue``."""
    if not put_in:
        return []
    # Most batches are of one job, and then one look at each firing is enough.
    alike = len(put_in) > inbox.LARGEST and firings.are_alike(put_in)
    distinct = put_in[:1] if alike else put_in
    numbers = {name: store.route(*name) for name in {(f.queue, f.route) for f in distinct}}
    jobs = store.jobs({f.job for f in distinct})
    ids = [f.id for f in put_in]
    clock = store.clock

    def checked(db: sqlite3.Connection) -> list[str]:
        return firings.put_checked(db, put_in, clock.now())

    put = firings.put_alike if alike else firings.put
    if inbox.takes(put_in):
        store.writer.run(lambda db: inbox.put(db, put_in, numbers, jobs, clock.now()))
    elif any(f.key is not None for f in distinct):
        ids = store.writer.run(after_filing(checked))
    else:
        try:
            store.writer.run(lambda db: put(db, put_in, numbers, jobs, clock.now()))
        except Repeat:
            ids = store.writer.run(after_filing(checked))
    for name in numbers:
        store.wake_route(*name)
    return ids
