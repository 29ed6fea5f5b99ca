"""Outboxes: what follows from settled firings, noted in them, done, and removed.

All of it may be done twice, and by any process.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from skunkqueue.persistence.mongodb import inserts, refires, routes
from skunkqueue.persistence.mongodb.documents import stored, unstored
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Outcome, Refire


def entry_of(outcome: Outcome, mark: str) -> Document:
    """Write down what follows from an outcome, under the nonce of the call that settles it."""
    entry: Document = {"mark": mark}
    if outcome.follow:
        entry["follow"] = [stored(firing) for firing in outcome.follow]
    if outcome.refire is not None:
        entry["refire"] = _stored_refire(outcome.refire)
    return entry


def _stored_refire(refire: Refire) -> Document:
    run = msgspec.structs.asdict(refire.run)
    made: Document = {
        "queue": refire.queue,
        "name": refire.name,
        "generation": refire.generation,
        "state": refire.state,
        "late": run.pop("late"),
        "run": run,
    }
    if refire.firing is not None:
        made["firing"] = stored(refire.firing)
    if refire.unplanned:
        made["unplanned"] = True
    return made


def deliver(store: Store, entries: Sequence[tuple[str, Document]], now: float) -> None:
    """Do what follows from settled firings, and remove it from their outboxes; may be done twice.

    ``entries``: ids of firings, each with what one call of ``settle`` has put into its outbox.
    """
    moved_on = [(id_, entry["refire"]) for id_, entry in entries if "refire" in entry]
    if moved_on:
        refires.refire_each(store, moved_on, now)
    follow = [unstored(one) for _, entry in entries for one in entry.get("follow", ())]
    if follow:
        routes.list_routes(store, follow)
        inserts.put_in(store, follow, now)
    marks: dict[str, list[str]] = {}
    for id_, entry in entries:
        marks.setdefault(entry["mark"], []).append(id_)
    for mark, ids in marks.items():
        _remove(store, ids, mark)


def _remove(store: Store, ids: Sequence[str], mark: str) -> None:
    """Remove the entries of one call from outboxes."""
    left = {"$filter": {"input": "$outbox", "cond": {"$ne": ["$$this.mark", mark]}}}
    none_left = {"$eq": [{"$size": "$outbox"}, 0]}
    removed: list[Document] = [
        {"$set": {"outbox": left}},
        {
            "$set": {
                "gone": {"$cond": [none_left, {"$ifNull": ["$gone_then", "$gone", "$$REMOVE"]}, "$gone"]},
                **{
                    name: {"$cond": [none_left, "$$REMOVE", f"${name}"]}
                    for name in ("outbox", "owed", "gone_then")
                },
            }
        },
    ]
    owing = {"_id": {"$in": ids}, "outbox": {"$exists": True}}
    store.run(store.firings.update_many, owing, removed, hint="_id_")
