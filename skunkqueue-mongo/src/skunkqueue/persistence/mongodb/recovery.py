"""Recovery: finish half-done work of processes that died: staged batches and outboxes.

Any process may do so at any time, and several at once. What is younger than ``HALF_DONE`` is probably still being
worked on, and is left alone.
"""

from __future__ import annotations

import logging
from typing import Any

from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.persistence.backend import HALF_DONE
from skunkqueue.persistence.mongodb import outbox, staged_batch
from skunkqueue.persistence.mongodb.documents import FINALS, unstored
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.staged_batch import CHUNK
from skunkqueue.persistence.mongodb.store import Store

log = logging.getLogger("skunkqueue.mongodb")
_FEW = 20
"""Outboxes, and staged batches, that one look finishes at most."""
_ORPHANED = 600.0
"""Seconds after which a part is removed whose batch was never accepted."""
_OFTEN = 1.0
"""Seconds between two looks of one process."""


def recover_now_and_then(store: Store) -> None:
    """Recover, unless this process did so a moment ago."""
    now = monotonic()
    if store.time.is_virtual or now - store.recovered_at >= _OFTEN:
        store.recovered_at = now
        recover(store)


def recover(store: Store) -> int:
    """Finish some of what is half done; return how much."""
    now = store.time.about_now()
    done = 0
    owing = {"owed": {"$lte": now - HALF_DONE}}
    for one in store.find(store.firings, owing, {"outbox": True, "state": True}, limit=_FEW):
        try:
            for entry in one.get("outbox", ()):
                outbox.deliver(store, [(one["_id"], entry)], entry["at"])
        except BackendUnavailableError:
            raise
        except BackendError as error:
            # The others must not wait for one that fails.
            log.warning("outbox not delivered: firing=%s error=%s", one["_id"], error)
            continue
        if one["state"] in FINALS:
            store.wakeups.send(ids=[one["_id"]])
        done += 1
    for _ in range(_FEW):
        # Marked by the call that finds it, so that no other process takes it as well.
        old = {"touched": {"$lte": store.time.as_sent(now - HALF_DONE)}, "head": {"$exists": False}}
        batch: Any = store.run(
            store.staged.find_one_and_update,
            old,
            staged_batch.touch(store),
            {"firings": False},
            sort=[("touched", 1)],
            return_document=True,
        )
        if batch is None:
            break
        _unpack(store, batch)
        done += 1
    return done


def _unpack(store: Store, batch: Document) -> None:
    """Insert the firings of a batch that another process staged, part by part."""
    refused = batch.get("refused", {})
    for id_ in (batch["_id"], *batch.get("others", ())):
        for part in store.find(store.staged, {"_id": id_}):
            firings = [unstored(one) for one in part["firings"] if one["id"] not in refused]
            for start in range(0, len(firings), CHUNK):
                staged_batch.unpack_some(store, batch, firings[start : start + CHUNK], more=True)
    staged_batch.remove(store, batch, durably=True)


def drop_orphans(store: Store) -> int:
    """Remove parts of batches that were never accepted; return how many."""
    now = store.time.about_now()
    old = {"at": {"$lte": store.time.as_sent(now - _ORPHANED)}, "head": {"$exists": True}}
    parts = store.find(store.staged, old, {"head": True}, limit=_FEW)
    if not parts:
        return 0
    heads = {"_id": {"$in": [part["head"] for part in parts]}}
    accepted = {one["_id"] for one in store.find(store.staged, heads, {"_id": True})}
    doomed = [part["_id"] for part in parts if part["head"] not in accepted]
    return store.remove(store.staged, {"_id": {"$in": doomed}}) if doomed else 0
