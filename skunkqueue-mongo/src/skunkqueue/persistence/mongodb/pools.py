"""Pools as listed, each a document like a worker's."""

from __future__ import annotations

import msgspec

from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.pools import PoolRecord

_SWEPT = 200
"""Dead pools that one sweep removes at most."""


def write(store: Store, pool: PoolRecord, lease: float) -> bool:
    """Write a pool down; return whether it was listed until now."""
    moment = store.time.moment
    said = msgspec.to_builtins(pool)
    id_ = said.pop("id")
    said.pop("beat")
    change: Document = {
        "was": {"$gt": ["$until", moment.now]},
        "said": {"$literal": said},
        "queue": {"$literal": pool.queue},
        "beat": moment.now,
        "until": moment.after(lease),
    }
    found = store.run(
        store.pools.find_one_and_update,
        {"_id": id_},
        [{"$set": change}],
        {"was": True},
        upsert=True,
        return_document=True,
    )
    return bool(found and found["was"])


def unregister(store: Store, pool: str) -> None:
    """Take a pool off the list; see ``Backend.unregister_pool``."""
    store.run(store.pools.delete_one, {"_id": pool})
    store.run(store.commands.delete_many, {"worker": pool})


def live(store: Store, queue: str | None = None) -> list[PoolRecord]:
    """List live pools; see ``Backend.pools``."""
    wanted: Document = {"until": {"$gt": store.time.about_now()}}
    if queue is not None:
        wanted["queue"] = queue
    records = [_pool_of(one) for one in store.find(store.pools, wanted)]
    return sorted(records, key=lambda record: (record.started, record.id))


def drop_dead(store: Store) -> int:
    """Remove dead pools; return how many."""
    done = 0
    over = store.time.past("until")
    for one in store.find(store.pools, over, {"_id": True}, limit=_SWEPT):
        # Unless it has beaten again in the meantime.
        done += store.remove(store.pools, {"_id": one["_id"], **over})
        store.run(store.commands.delete_many, {"worker": one["_id"]})
    return done


def _pool_of(document: Document) -> PoolRecord:
    """Read a pool, also one that a newer version has listed with more fields."""
    return msgspec.convert({**document["said"], "id": document["_id"], "beat": document["beat"]}, PoolRecord)
