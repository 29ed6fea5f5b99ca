"""Pools as listed, each a document like a worker's; and the audit log, one document for each entry."""

from __future__ import annotations

from abc import ABC

import msgspec

from skunkqueue.persistence import listing
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.mongodb.link import Link
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.waiting import Waiting
from skunkqueue.pools import ENTRY_TTL, MAX_ENTRIES, MAX_ON, Entries, Entry, PoolRecord

_SWEPT = 200


class Pools(Waiting, ABC):
    """The verbs about pools and the audit log."""

    # --- pools ------------------------------------------------------------------------------------

    def register_pool(self, pool: PoolRecord, lease: float) -> None:
        """List a pool; see ``Backend.register_pool``."""
        self.beat_pool(pool, lease)

    def beat_pool(self, pool: PoolRecord, lease: float) -> bool:
        """Say that it lives; see ``Backend.beat_pool``."""
        link = self._link
        moment = link.moment
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
        found = link.run(
            link.pools.find_one_and_update,
            {"_id": id_},
            [{"$set": change}],
            {"was": True},
            upsert=True,
            return_document=True,
        )
        return bool(found and found["was"])

    def unregister_pool(self, pool: str) -> None:
        """Take a pool off the list; see ``Backend.unregister_pool``."""
        link = self._link
        link.run(link.pools.delete_one, {"_id": pool})
        link.run(link.commands.delete_many, {"worker": pool})

    def pools(self, queue: str | None = None) -> list[PoolRecord]:
        """List live pools; see ``Backend.pools``."""
        link = self._link
        wanted: Document = {"until": {"$gt": link.about_now()}}
        if queue is not None:
            wanted["queue"] = queue
        records = [_pool_of(one) for one in link.find(link.pools, wanted)]
        return sorted(records, key=lambda record: (record.started, record.id))

    def _drop_pools(self, link: Link, now: float) -> int:
        """Forget dead pools; return how many."""
        done = 0
        for one in link.find(link.pools, {"until": {"$lte": now}}, {"_id": True}, limit=_SWEPT):
            # Not one that has beaten again meanwhile.
            gone = link.run(link.pools.delete_one, {"_id": one["_id"], "until": {"$lte": now}})
            link.run(link.commands.delete_many, {"worker": one["_id"]})
            done += gone.deleted_count
        return done

    # --- the audit log ----------------------------------------------------------------------------

    def log_entry(self, entry: Entry) -> None:
        """Add an entry; see ``Backend.log_entry``."""
        link = self._link
        said = {**msgspec.structs.asdict(entry), "at": link.about_now(), "on": entry.on[:MAX_ON]}
        id_ = said.pop("id")
        link.run(link.audit_log.update_one, {"_id": id_}, {"$setOnInsert": said}, upsert=True)

    def note_entry(
        self, id_: str, *, did: str | None = None, heard: bool = False, done: bool = False
    ) -> bool:
        """Note on an entry what became of it; see ``Backend.note_entry``."""
        link = self._link
        now = link.about_now()
        # Also where nothing is noted, since the answer is whether it is there.
        change: Document = {"who": "$who"}
        if did is not None:
            change["did"] = {"$literal": did}
        for name, noted in (("heard", heard), ("done", done)):
            if noted:
                change[name] = {"$ifNull": [f"${name}", now]}
        return link.run(link.audit_log.update_one, {"_id": id_}, [{"$set": change}]).matched_count > 0

    def audit(
        self,
        limit: int = 50,
        cursor: str | None = None,
        *,
        who: str | None = None,
        verb: str | None = None,
        id_: str | None = None,
    ) -> Entries:
        """List the audit log; see ``Backend.audit``."""
        link = self._link
        limit = max(1, min(limit, MAX_PAGE))
        given = {"who": who, "verb": verb, "_id": id_}
        wanted: Document = {name: value for name, value in given.items() if value is not None}
        if cursor is not None:
            at, last = listing.entry_before(cursor)
            wanted["$or"] = [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": last}}]
            wanted["at"] = {"$lte": at}
        found = link.find(link.audit_log, wanted, sort=[("at", -1), ("_id", -1)], limit=limit + 1)
        entries = tuple(_entry_of(one) for one in found[:limit])
        more = len(found) > limit
        return Entries(entries=entries, next=listing.entry_cursor(entries[-1]) if more else None)

    def _drop_entries(self, link: Link, now: float) -> int:
        """Remove entries that are too old, or too many; return how many."""
        too_old: list[Document] = [{"at": {"$lte": now - ENTRY_TTL}}]
        sort = [("at", -1), ("_id", -1)]
        for one in link.find(link.audit_log, {}, {"at": True}, sort=sort, skip=MAX_ENTRIES, limit=1):
            too_old += [{"at": {"$lt": one["at"]}}, {"at": one["at"], "_id": {"$lte": one["_id"]}}]
        return link.run(link.audit_log.delete_many, {"$or": too_old}).deleted_count


def _pool_of(document: Document) -> PoolRecord:
    """Read a pool, also one that a newer version has listed with more in it."""
    return msgspec.convert({**document["said"], "id": document["_id"], "beat": document["beat"]}, PoolRecord)


def _entry_of(document: Document) -> Entry:
    said = {name: document[name] for name in Entry.__struct_fields__ if name in document}
    return Entry(id=document["_id"], **said)
