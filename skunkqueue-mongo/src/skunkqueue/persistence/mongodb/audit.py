"""The audit log: one document for each entry."""

from __future__ import annotations

import msgspec

from skunkqueue.persistence import listing
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.pools import ENTRY_TTL, MAX_ENTRIES, MAX_ON, Entries, Entry


def log_entry(store: Store, entry: Entry) -> None:
    """Add an entry; see ``Backend.log_entry``."""
    said = {**msgspec.structs.asdict(entry), "at": store.time.about_now(), "on": entry.on[:MAX_ON]}
    id_ = said.pop("id")
    store.run(store.audit_log.update_one, {"_id": id_}, {"$setOnInsert": said}, upsert=True)


def note_entry(
    store: Store, id_: str, *, did: str | None = None, heard: bool = False, done: bool = False
) -> bool:
    """Note on an entry what became of it; see ``Backend.note_entry``."""
    now = store.time.about_now()
    # Changes nothing, but makes the update match, so that the answer is whether the entry exists.
    change: Document = {"who": "$who"}
    if did is not None:
        change["did"] = {"$literal": did}
    for name, noted in (("heard", heard), ("done", done)):
        if noted:
            change[name] = {"$ifNull": [f"${name}", now]}
    return store.run(store.audit_log.update_one, {"_id": id_}, [{"$set": change}]).matched_count > 0


def page(
    store: Store,
    limit: int = 50,
    cursor: str | None = None,
    *,
    who: str | None = None,
    verb: str | None = None,
    id_: str | None = None,
) -> Entries:
    """List the audit log; see ``Backend.audit``."""
    limit = max(1, min(limit, MAX_PAGE))
    given = {"who": who, "verb": verb, "_id": id_}
    wanted: Document = {name: value for name, value in given.items() if value is not None}
    if cursor is not None:
        at, last = listing.entry_before(cursor)
        wanted["$or"] = [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": last}}]
        wanted["at"] = {"$lte": at}
    found = store.find(store.audit_log, wanted, sort=[("at", -1), ("_id", -1)], limit=limit + 1)
    entries = tuple(_entry_of(one) for one in found[:limit])
    more = len(found) > limit
    return Entries(entries=entries, next=listing.entry_cursor(entries[-1]) if more else None)


def drop_old(store: Store, now: float) -> int:
    """Remove entries that are too old, or too many; return how many."""
    too_old: list[Document] = [{"at": {"$lte": now - ENTRY_TTL}}]
    sort = [("at", -1), ("_id", -1)]
    for one in store.find(store.audit_log, {}, {"at": True}, sort=sort, skip=MAX_ENTRIES, limit=1):
        too_old += [{"at": {"$lt": one["at"]}}, {"at": one["at"], "_id": {"$lte": one["_id"]}}]
    doomed: Document = {"$or": too_old}
    # Looked for first, since there are hardly ever any.
    found = store.find(store.audit_log, doomed, {"_id": True}, limit=1)
    return store.remove(store.audit_log, doomed) if found else 0


def _entry_of(document: Document) -> Entry:
    said = {name: document[name] for name in Entry.__struct_fields__ if name in document}
    return Entry(id=document["_id"], **said)
