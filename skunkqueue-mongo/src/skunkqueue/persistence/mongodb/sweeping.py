"""Sweeping: the housekeeping that any worker does every few seconds."""

from __future__ import annotations

from skunkqueue.persistence.mongodb import (
    audit,
    estimates,
    killing,
    mailboxes,
    pools,
    pruning,
    recovery,
    samples,
)
from skunkqueue.persistence.mongodb.store import Store

_SWEPT = 200
"""Dead workers, commands to nobody, and finished firings that one sweep removes at most."""


def sweep(store: Store) -> int:
    """Do some housekeeping; see ``Backend.sweep``."""
    now = store.time.about_now()
    samples.sample(store)
    done = recovery.recover(store) + recovery.drop_orphans(store)
    done += pools.drop_dead(store) + audit.drop_old(store, now)
    estimates.recount(store, now)
    # By the server's own time: an estimate is behind by as long as an answer was on its way.
    over = store.time.past("until")
    for one in store.find(store.workers, over, {"_id": True}, limit=_SWEPT):
        # Unless it has beaten again in the meantime.
        done += store.remove(store.workers, {"_id": one["_id"], **over})
        store.run(store.commands.delete_many, {"worker": one["_id"]})
    done += mailboxes.drop_orphans(store, _SWEPT)
    marks = store.run(store.firings.distinct, "aimed", {"aimed": {"$gt": ""}})
    if marks:
        alive = {one["_id"] for one in store.find(store.workers, {}, {"_id": True})}
        done += killing.kill_copies(store, [mark[1:] for mark in marks if mark[1:] not in alive])
    return done + pruning.prune(store, limit=_SWEPT)
