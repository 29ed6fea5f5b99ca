"""What a firing looks like in MongoDB: documents made of firings, and claims and records read from them. Knows no collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from skunkqueue.persistence import rules
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.server_time import Moment
from skunkqueue.records import Claim, Firing, Record, State

FINALS = tuple(state.value for state in State if state.final)
LIVE_ONLY = ("lease", "held_key", "aimed", "again")
"""Fields that a finished firing does not have."""
TOMBSTONE_KEPT = 600.0
"""Seconds for which the id of a removed firing stays known, so that a late repetition of its insert changes nothing."""
KNOWN = {"state": {"$ne": "void"}}
"""Matches firings, and no tombstones."""
PLACED: Document = {"queue": True, "route": True, "job": True}
"""The fields by which a firing is counted."""
SINCE_EVER = -1e300
"""Before every time that a document may have."""


def place_of(queue: str, route: str) -> str:
    """Name a route of a queue in one string; names contain no control characters."""
    return f"{queue}\n{route}"


def route_id(queue: str, route: str | None = None) -> Document:
    """Make the id of a route's document, or of the one that says that a whole queue is paused."""
    return {"queue": queue} if route is None else {"queue": queue, "route": route}


def target_mark(target: str | None) -> str:
    """Return the stored field ``aimed``, so that one index serves targeted and other firings; empty: any worker may claim it."""
    return "" if target is None else f"@{target}"


def _without_times(firing: Firing) -> Document:
    """Make the document of a firing, all but its times."""
    made: Document = {
        "_id": firing.id,
        "queue": firing.queue,
        "route": firing.route,
        "state": "pending",
        "priority": firing.priority,
        "aimed": target_mark(firing.target),
        "body": firing.body,
        "token": 0,
        "deaths": 0,
        "evidence": "",
    }
    if firing.target is not None:
        made["target"] = firing.target
    if firing.key is not None:
        made["key"] = made["held_key"] = firing.key
    for name in ("job", "schedule", "parent"):
        if value := getattr(firing, name):
            made[name] = value
    if firing.tags:
        made["tags"] = list(firing.tags)
    return made


def tombstone(moment: Moment) -> Document:
    """Make what stays of a removed firing: its id, in a state that no verb knows, until the server removes it."""
    # The call that settled it may look for its mark, and the outbox must still be delivered.
    kept = {name: f"${name}" for name in ("settled", "outbox", "owed")}
    return {"_id": "$_id", "state": "void", "void": moment.date_after(TOMBSTONE_KEPT), **kept}


def waits_again() -> Any:
    """Make the stored field ``rung``, by which a change stream reports that a firing waits again, and where; new every time."""
    return {
        "$concat": [
            "$queue",
            "\n",
            "$route",
            "\n",
            {"$toString": "$token"},
            "-",
            {"$toString": {"$rand": {}}},
        ]
    }


def document_of(firing: Firing, now: float) -> Document:
    """Make the document of a firing that was accepted at that time."""
    new = _without_times(firing)
    new["enqueued"] = now
    new["due"] = float(rules.due_of(firing, now))
    expires = rules.expiry_of(firing, now)
    if expires is not None:
        new["expires"] = float(expires)
    return new


_NAMES = Firing.__struct_fields__
_USUAL = tuple(field.default for field in msgspec.structs.fields(Firing))
_FIRING_FIELDS = frozenset(Firing.__struct_fields__)


def stored(firing: Firing) -> Document:
    """Write a firing as it waits in a staged batch or an outbox until it is inserted."""
    # Defaults are left out, since all of it travels twice.
    given = zip(_NAMES, msgspec.structs.astuple(firing), _USUAL, strict=True)
    return {name: value for name, value, usual in given if value is not usual and value != usual}


def unstored(document: Mapping[str, Any]) -> Firing:
    """Read a firing that ``stored`` wrote."""
    known = {name: value for name, value in document.items() if name in _FIRING_FIELDS}
    return Firing(**{**known, "tags": tuple(known.get("tags", ()))})


def claim_of(document: Document) -> Claim:
    """Read a firing that was just lent."""
    get = document.get
    return Claim(
        token=int(document["token"]),
        claimed=document["began"],
        enqueued=document["enqueued"],
        due=document["due"],
        expires=get("expires"),
        id=document["_id"],
        queue=document["queue"],
        route=document["route"],
        priority=document["priority"],
        target=get("target"),
        key=get("key"),
        body=document["body"],
        attempt_state=get("carry"),
        deaths=document["deaths"],
        evidence=document["evidence"],
        kill_requested=get("kill", False),
        **_names_of(document),
    )


def _names_of(document: Document) -> dict[str, Any]:
    """Read a firing's job, tags, schedule and parent, which the version before did not store."""
    get = document.get
    return {
        "job": get("job", ""),
        "tags": tuple(get("tags", ())),
        "schedule": get("schedule"),
        "parent": get("parent"),
    }


def began_of(document: Mapping[str, Any]) -> float | None:
    """Return when the last attempt of a firing was claimed, or began; ``None`` while it is pending."""
    # What is given back keeps the field until it is claimed, killed or requeued.
    began: float | None = None if document["state"] == "pending" else document.get("began")
    return began


def record_of(document: Document, now: float) -> Record:
    """Read a firing for people and handles."""
    get = document.get
    return Record(
        id=document["_id"],
        queue=document["queue"],
        route=document["route"],
        state=State(document["state"]),
        body=document["body"],
        priority=document["priority"],
        enqueued=document["enqueued"],
        due=document["due"],
        token=int(document["token"]),
        began=began_of(document),
        finished=get("finished"),
        expires=get("expires"),
        key=get("key"),
        target=get("target"),
        worker=get("worker"),
        lease_left=document["lease"] - now if "lease" in document else None,
        deaths=document["deaths"],
        evidence=document["evidence"],
        attempt_state=get("carry"),
        result=get("result"),
        progress=get("progress"),
        kill_requested=get("kill", False),
        error=get("error"),
        took=get("took"),
        **_names_of(document),
    )
