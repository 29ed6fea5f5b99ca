"""The collections of a store, and their indexes: made once, each under a name.

``firings`` holds one document for each firing. Its state decides which of the partial indexes have an entry of it, so that
finished firings cost claims nothing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import OperationFailure

Document = dict[str, Any]
FORMAT = 1
LAYOUT = 4
"""The set of indexes. Layout 1 had no number. Every layout has the indexes that older versions need."""
SIGNALS_SIZE = 4 << 20
"""Bytes of the capped collection of signals."""
GRACE = 3_600
"""Seconds past its ttl after which the server itself removes a finished firing that was not pruned."""
CLAIMABLE = "claimable"
RUNNING = "running"
FINISHED = "finished"
GONE = "gone"
JOBS, TAGS, KEYS, ERRORS, PARENTS = "jobs", "tags", "keys", "errors", "parents"
PENDING_JOBS, PENDING_TAGS, PENDING_ERRORS = "pending_jobs", "pending_tags", "pending_errors"
PENDING_PARENTS = "pending_parents"
HELD_KEY = "held_key"
_NAMESPACE_EXISTS = 48
FIRINGS = (
    # What a claim reads, in its order; it needs nothing outside the index.
    IndexModel(
        [
            ("queue", ASCENDING),
            ("route", ASCENDING),
            ("state", ASCENDING),
            ("priority", DESCENDING),
            ("due", ASCENDING),
            ("_id", ASCENDING),
            ("deaths", ASCENDING),
            ("aimed", ASCENDING),
        ],
        name=CLAIMABLE,
        partialFilterExpression={"state": "pending"},
    ),
    IndexModel(
        [("queue", ASCENDING), ("route", ASCENDING), ("state", ASCENDING), ("lease", ASCENDING)],
        name=RUNNING,
        partialFilterExpression={"state": "running"},
    ),
    IndexModel(
        [
            ("queue", ASCENDING),
            ("route", ASCENDING),
            ("state", ASCENDING),
            ("finished", DESCENDING),
            ("_id", DESCENDING),
        ],
        name=FINISHED,
        partialFilterExpression={"finished": {"$exists": True}},
    ),
    # Finished ones by what people look for; only those that have the field.
    *(
        IndexModel(
            [(field, ASCENDING), ("state", ASCENDING), ("finished", DESCENDING), ("_id", DESCENDING)],
            name=name,
            partialFilterExpression={"finished": {"$exists": True}, field: {"$exists": True}},
        )
        for name, field in (
            (JOBS, "job"),
            (TAGS, "tags"),
            (KEYS, "key"),
            (ERRORS, "error_type"),
            (PARENTS, "parent"),
        )
    ),
    # The same of pending ones, in the order of the line; ``held_key`` serves keys.
    *(
        IndexModel(
            [(field, ASCENDING), ("priority", DESCENDING), ("due", ASCENDING), ("_id", ASCENDING)],
            name=name,
            partialFilterExpression={"state": "pending", field: {"$exists": True}},
        )
        for name, field in (
            (PENDING_JOBS, "job"),
            (PENDING_TAGS, "tags"),
            (PENDING_ERRORS, "error_type"),
            (PENDING_PARENTS, "parent"),
        )
    ),
    IndexModel(
        [("queue", ASCENDING), ("held_key", ASCENDING)],
        name=HELD_KEY,
        unique=True,
        partialFilterExpression={"held_key": {"$exists": True}},
    ),
    IndexModel([("aimed", ASCENDING)], name="aimed", partialFilterExpression={"aimed": {"$gt": ""}}),
    IndexModel([("owed", ASCENDING)], name="owed", sparse=True),
    IndexModel([("gone", ASCENDING)], name=GONE, sparse=True, expireAfterSeconds=GRACE),
    IndexModel([("void", ASCENDING)], name="void", sparse=True, expireAfterSeconds=0),
)
COMMANDS = (IndexModel([("worker", ASCENDING), ("_id", ASCENDING)], name="mailbox"),)
COUNTERS = (IndexModel([("gone", ASCENDING)], name=GONE, expireAfterSeconds=0),)
AUDIT = (IndexModel([("at", DESCENDING), ("_id", DESCENDING)], name="at"),)
STAGED = (
    IndexModel([("at", ASCENDING)], name="at"),
    IndexModel([("touched", ASCENDING)], name="touched"),
)


def exists(db: Database[Document]) -> bool:
    """Return whether a store was made here."""
    return db.meta.find_one({"_id": "store"}) is not None


def prepare(db: Database[Document]) -> int:
    """Make what is missing of a store; return its format.

    Any number of processes may do so at once. What one leaves half done, the next completes.
    """
    meta = db.meta.find_one_and_update(
        {"_id": "store"}, {"$setOnInsert": {"format": FORMAT}}, upsert=True, return_document=True
    )
    found = int((meta or {}).get("format", 0))
    if found != FORMAT or (meta or {}).get("layout", 1) >= LAYOUT:
        return found
    db.firings.create_indexes(list(FIRINGS))
    with suppress(OperationFailure):
        # It cost each claim and each settling two entries, and served only the death of a worker.
        db.firings.drop_index("held")
    db.commands.create_indexes(list(COMMANDS))
    db.minutes.create_indexes(list(COUNTERS))
    db.tallies.create_indexes(list(COUNTERS))
    db.audit.create_indexes(list(AUDIT))
    db.parcels.create_indexes(list(STAGED))
    try:
        # Not asked for first, since that would take one more right.
        db.create_collection("bells", capped=True, size=SIGNALS_SIZE, check_exists=False)
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise
        if not db.bells.options().get("capped"):
            # Made by the insert of a signal, after the database was dropped under running processes.
            db.command("convertToCapped", "bells", size=SIGNALS_SIZE)
    db.meta.update_one({"_id": "store"}, {"$set": {"ready": True, "layout": LAYOUT}})
    return found
