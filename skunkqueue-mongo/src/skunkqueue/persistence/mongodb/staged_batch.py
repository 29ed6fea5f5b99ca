"""Staged batches: several firings that are accepted by one insert, and then put among the others.

A batch is one document that holds all of its firings. Its arrival is the moment at which all are accepted. Then they are
inserted into ``firings``, and the batch is removed. Inserting may be done twice, or begun by one process and finished by
another (``recovery``): a firing whose id is known stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pymongo import ReturnDocument

from skunkqueue.clock import monotonic
from skunkqueue.ids import new_id
from skunkqueue.persistence.mongodb import inserts
from skunkqueue.persistence.mongodb.documents import stored
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Firing

_ROOM = 8 << 20
"""Bytes of bodies in one part, half of what a document may have."""
_OVERHEAD = 1_750
"""Bytes that are counted for a firing beside its body. It takes twice as many at most: six names of 200 bytes, eight tags of 50
characters, and the names of the fields. So no part has more than 16 MiB."""
CHUNK = 1_000
"""Firings that are inserted before the batch is marked again as being worked on."""


def stage(store: Store, firings: Sequence[Firing]) -> Document:
    """Have firings accepted, all or none; return the batch, or the part of it that names the others."""
    parts = list(_split(firings))
    head: Document = {"_id": new_id(), "firings": [stored(firing) for firing in parts[0]]}
    if len(parts) > 1:
        # The others are accepted when the first arrives, which names them.
        head["others"] = [new_id() for _ in parts[1:]]
        for id_, some in zip(head["others"], parts[1:], strict=True):
            part = {"head": head["_id"], "firings": [stored(firing) for firing in some]}
            _store_part(store, id_, part)
    head["at"] = _store_part(store, head["_id"], {key: value for key, value in head.items() if key != "_id"})
    return head


def _store_part(store: Store, id_: str, content: Document) -> float:
    """Store one part; return the server's time. May be called again."""
    if store.time.is_virtual:
        content = {**content, "at": store.clock.now(), "touched": store.clock.now()}
        store.run(store.staged.update_one, {"_id": id_}, {"$setOnInsert": content}, upsert=True)
        at: float = content["at"]
        return at
    began = monotonic()
    sent: Any = store.run(
        store.staged.find_one_and_update,
        {"_id": id_},
        {"$setOnInsert": content, "$currentDate": {"at": True, "touched": True}},
        projection={"at": True},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    now: float = sent["at"].timestamp()
    store.time.learn(now, began)
    return now


def unpack(store: Store, batch: Document, firings: Sequence[Firing]) -> dict[str, str]:
    """Insert the firings of a batch, and remove it; return which id counts for each."""
    answers: dict[str, str] = {}
    for start in range(0, len(firings), CHUNK):
        chunk = firings[start : start + CHUNK]
        answers |= unpack_some(store, batch, chunk, more=start + CHUNK < len(firings))
    remove(store, batch, durably=any(id_ != holder for id_, holder in answers.items()))
    return answers


def unpack_some(store: Store, batch: Document, firings: Sequence[Firing], *, more: bool) -> dict[str, str]:
    """Insert some of them; where ``more`` follow, mark the batch as being worked on."""
    at: float = batch["at"] if isinstance(batch["at"], float) else batch["at"].timestamp()
    answers = inserts.put_in(store, firings, at)
    head = {"_id": batch["_id"]}
    # Noted, since a firing that was refused because of its key must not be inserted later, when the key is free.
    refused = {f"refused.{id_}": holder for id_, holder in answers.items() if id_ != holder}
    if refused:
        store.run(store.staged.update_one, head, {"$set": refused, **touch(store)})
    elif more:
        store.run(store.staged_w1.update_one, head, touch(store))
    return answers


def touch(store: Store) -> Document:
    """Make the update that notes when a process last worked on a batch."""
    if store.time.is_virtual:
        return {"$max": {"touched": store.clock.now()}}
    return {"$currentDate": {"touched": True}}


def remove(store: Store, batch: Document, *, durably: bool) -> None:
    """Remove a batch. ``durably``: with the store's own write concern."""
    doomed = [batch["_id"], *batch.get("others", ())]
    staged = store.staged if durably else store.staged_w1
    store.run(staged.delete_many, {"_id": {"$in": doomed}})


def _split(firings: Sequence[Firing]) -> Iterable[list[Firing]]:
    """Split firings into parts that fit into a document each."""
    part: list[Firing] = []
    room = _ROOM
    for firing in firings:
        size = len(firing.body) + _OVERHEAD
        if part and size > room:
            yield part
            part, room = [], _ROOM
        part.append(firing)
        room -= size
    yield part
