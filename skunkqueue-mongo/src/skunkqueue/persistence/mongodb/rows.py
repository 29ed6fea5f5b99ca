"""Rows of listings: which fields are read, and how a row is made of them."""

from __future__ import annotations

from typing import Any

from skunkqueue.listings import Row
from skunkqueue.persistence import listing
from skunkqueue.persistence.mongodb.documents import began_of
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.records import State

_AS_IT_IS = (
    *("queue", "route", "state", "priority", "enqueued", "due", "finished", "took", "worker"),
    *("deaths", "key", "schedule", "parent", "error", "expires"),
)
SHOWN: Document = {
    **dict.fromkeys((*_AS_IT_IS, "began", "job", "tags", "again", "tries", "progress"), True),
    "body_size": {"$binarySize": "$body"},
    "result_size": {"$binarySize": {"$ifNull": ["$result", b""]}},
}


def row_of(document: Document, now: float, *, paused: bool) -> Row:
    """Make the row of a firing."""
    get = document.get
    given: dict[str, Any] = {name: get(name) for name in _AS_IT_IS}
    state = given["state"] = State(given["state"])
    waits = None
    if state is State.PENDING:
        waits = listing.waits_for(due=given["due"], now=now, paused=paused, again=get("again"))
    return Row(
        id=document["_id"],
        job=get("job", ""),
        tags=tuple(get("tags", ())),
        waits=waits,
        began=began_of(document),
        attempts=get("tries", 0) + given["deaths"] + (state is State.RUNNING),
        progress=listing.numbers_of(get("progress")),
        body_size=document["body_size"],
        result_size=document["result_size"],
        **given,
    )
