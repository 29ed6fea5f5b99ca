"""Listings of schedules, their histories, and those that nothing moves on."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.mongodb import schedule_documents
from skunkqueue.persistence.mongodb.schedule_documents import (
    RUNS,
    WITHOUT_RUNS,
    runs_of,
    schedule_id,
    schedule_of,
)
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Run, Schedule


def schedules(store: Store, queue: str | None = None) -> list[Schedule]:
    """List schedules; see ``Backend.schedules``."""
    wanted = {} if queue is None else {"_id.queue": queue}
    found = store.find(store.schedules, wanted, WITHOUT_RUNS)
    return sorted((schedule_of(one) for one in found), key=lambda one: (one.queue, one.name))


def get(store: Store, queue: str, name: str) -> Schedule | None:
    """Read a schedule; see ``Backend.get_schedule``."""
    found = schedule_documents.find(store, queue, name)
    return None if found is None else schedule_of(found)


def get_each(store: Store, queue: str, names: Sequence[str]) -> list[Schedule | None]:
    """Read schedules by name; see ``Backend.get_schedules``."""
    wanted = {"_id": {"$in": [schedule_id(queue, name) for name in names]}}
    found = map(schedule_of, store.find(store.schedules, wanted, WITHOUT_RUNS))
    known = {one.name: one for one in found}
    return [known.get(name) for name in names]


def page(
    store: Store, queue: str | None = None, limit: int = 50, after: tuple[str, str] | None = None
) -> list[Schedule]:
    """List schedules, some at a time; see ``Backend.schedule_page``."""
    among: Document = {}
    if queue is not None:
        # An id with fewer fields comes first, and no name of a queue contains the character.
        among = {"$gte": {"queue": queue}, "$lt": {"queue": f"{queue}\x01"}}
    if after is not None:
        among["$gt"] = max(
            ({"queue": queue or ""}, schedule_id(*after)), key=lambda id_: (id_["queue"], len(id_))
        )
        among.pop("$gte", None)
    wanted = {"_id": among} if among else {}
    limit = max(1, min(limit, MAX_PAGE))
    found = store.find(store.schedules, wanted, WITHOUT_RUNS, sort=[("_id", 1)], limit=limit)
    return [schedule_of(one) for one in found]


def history(store: Store, queue: str, name: str) -> list[Run]:
    """Read the last runs; see ``Backend.history``."""
    found = schedule_documents.find(store, queue, name, RUNS)
    return [] if found is None else runs_of(found)


def histories(store: Store, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
    """Read the last runs of several schedules; see ``Backend.histories``."""
    wanted = {"_id": {"$in": [schedule_id(*name) for name in names]}}
    found = {
        (one["_id"]["queue"], one["_id"]["name"]): runs_of(one)
        for one in store.find(store.schedules, wanted, RUNS)
    }
    return [found.get(name, []) for name in names]


def idle(store: Store, queue: str, route: str) -> list[Schedule]:
    """List schedules that nothing moves on; see ``Backend.idle_schedules``."""
    here = {"_id.queue": queue, "route": route, "paused": False}
    # Most are not idle, and the others are read below.
    found = store.find(store.schedules, here, {"firing": True})
    armed = {"_id": {"$in": [one.get("firing") for one in found]}}
    # Before: what an outbox holds now may be live by then. After: what was live may have been settled meanwhile.
    moving = _moving(store, queue) if found else set()
    here_live = {**armed, "state": {"$in": ["pending", "running"]}}
    live = {one["_id"] for one in store.find(store.firings, here_live, {"_id": True})}
    moving |= _moving(store, queue) if len(live) < len(found) else set()
    idle = [one for one in found if one.get("firing") not in live and one["_id"]["name"] not in moving]
    # Those that moved on in the meantime are left out.
    same = {"$or": [{"_id": one["_id"], "firing": one.get("firing"), "paused": False} for one in idle]}
    chosen = map(schedule_of, store.find(store.schedules, same, WITHOUT_RUNS)) if idle else ()
    return sorted(chosen, key=lambda one: one.name)


def _moving(store: Store, queue: str) -> set[str]:
    """Name the schedules that a settled firing is about to move on."""
    owing = {"owed": {"$exists": True}, "outbox.refire.queue": queue}
    owed = store.find(store.firings, owing, {"outbox.refire.name": True})
    return {entry["refire"]["name"] for one in owed for entry in one["outbox"] if "refire" in entry}
