"""Putting firings in: all of one call by one script."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.ids import ID_LENGTH
from skunkqueue.persistence.redis.groups import IDS, fragment, groups_of
from skunkqueue.persistence.redis.keys import place_of
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import NOTHING, Blobs, reader
from skunkqueue.records import MAX_PRIORITY, MIN_PRIORITY, Firing

_ENQUEUE_PLAIN, _ENQUEUE = map(load, ("enqueue_plain", "enqueue"))
_as_holders = reader(list[tuple[int, int, str]])
"""Group, index in it, and the id of the firing that has the key."""


def enqueue(link: Link, firings: Sequence[Firing]) -> list[str]:
    """Put firings in; return the ids that count: their own, or those of the firings that have their keys."""
    if not firings:
        return []
    if len(firings) == 1 and not link.is_virtual and _is_plain(firings[0]):
        (firing,) = firings
        link.plain(_ENQUEUE_PLAIN, _values_of(firing), kept=True)
        return [firing.id]
    blobs = Blobs()
    groups = groups_of(firings, blobs)
    reply = link.call(_ENQUEUE, groups, blobs=blobs, kept=True)
    ids = [firing.id for firing in firings]
    if reply != NOTHING:
        holders = {groups[group][IDS][index]: id_ for group, index, id_ in _as_holders(reply)}
        ids = [holders.get(id_, id_) for id_ in ids]
    return ids


def _is_plain(firing: Firing) -> bool:
    """Return whether ``enqueue_plain.lua`` can put it in."""
    return (
        firing.due is None
        and not firing.delay
        and firing.expires is None
        and firing.expires_in is None
        and firing.key is None
        and firing.target is None
        and MIN_PRIORITY <= firing.priority <= MAX_PRIORITY
        and len(firing.id) == ID_LENGTH
        and firing.id.isascii()
        and firing.id.isalnum()
    )


def _values_of(firing: Firing) -> tuple[bytes, ...]:
    """Return what ``enqueue_plain.lua`` takes."""
    rank = b"%d" % (MAX_PRIORITY - firing.priority)
    job = firing.job.encode()
    return (
        place_of(firing.queue, firing.route).encode(),
        rank,
        firing.id.encode(),
        fragment(firing),
        b"enqueued\n" + job if job else b"enqueued",
        rank + b"\n" + job,
    )
