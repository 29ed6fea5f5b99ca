"""Firings sorted into groups, as ``scripts/lib/put.lua`` takes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from skunkqueue.errors import BackendError
from skunkqueue.ids import ID_LENGTH
from skunkqueue.persistence.redis.keys import place_of
from skunkqueue.persistence.redis.labels import label
from skunkqueue.persistence.redis.wire import Blobs, encode
from skunkqueue.records import MAX_PRIORITY, MIN_PRIORITY, Firing

Group = list[Any]
IDS = 7
"""Where a group has its ids."""


def fragment(firing: Firing) -> bytes:
    """Encode what of a firing does not depend on the server's time, as the tail of an array."""
    whole = encode(
        (
            firing.id,
            firing.queue,
            firing.route,
            firing.priority,
            firing.target,
            firing.key,
            firing.body,
            None,
            0,
            label(firing.job, firing.tags, firing.schedule, firing.parent),
            False,
        )
    )
    return whole[1:]


def groups_of(firings: Sequence[Firing], blobs: Blobs, *, own_due: bool = False) -> list[Group]:
    """Sort firings into groups that share all but id, body, key, job, tags and parent.

    ``own_due``: they have a due time each, which need not be the same in a group.
    Raises BackendError for what no store can keep.
    """
    firings = _distinct(firings)
    groups: list[Group] = []
    known: dict[tuple[Any, ...], Group] = {}
    current: Group = []
    last: tuple[Any, ...] | None = None
    ids: list[str] = []
    keys: list[str | bool] = []
    fragments: list[bytes] = []
    jobs: list[str] = []
    for firing in firings:
        shared = (
            firing.queue,
            firing.route,
            firing.priority,
            None if own_due else firing.due,
            firing.delay,
            firing.expires,
            firing.expires_in,
            firing.target,
        )
        key = firing.key
        # Of several firings with one key only the first is put in, so firings with keys must keep their order.
        if shared != last or (key is not None and current is not groups[-1]):
            last = shared
            found = known.get(shared) if key is None else None
            if found is None:
                found = known[shared] = _new_group(shared)
                groups.append(found)
                if own_due:
                    found[2] = []
            current = found
            ids, keys, fragments, jobs = current[7:11]
        id_ = firing.id
        ids.append(id_)
        if own_due:
            current[2].append(_finite("due", firing.due))
        try:
            fragments.append(fragment(firing))
        except UnicodeEncodeError as error:
            msg = f"a name of firing {id_} cannot be written as UTF-8: {error}"
            raise BackendError(msg) from error
        keys.append(False if key is None else key)
        jobs.append(firing.job)
    for group in groups:
        group[8] = any(group[8]) and group[8]
        names = list(dict.fromkeys(group[10]))
        if len(names) > 1:
            numbers = {name: number for number, name in enumerate(names, 1)}
            group.append([numbers[job] for job in group[10]])
        group[10] = names
        fragments = group[9]
        group[9] = len(blobs) + 1
        blobs += fragments
    return groups


def _distinct(firings: Sequence[Firing]) -> Sequence[Firing]:
    """Leave out firings whose id an earlier one has. Raises BackendError for what is not an id."""
    ids = [firing.id for firing in firings]
    if len(set(ids)) < len(ids):
        first: dict[str, Firing] = {}
        for firing in firings:
            first.setdefault(firing.id, firing)
        firings = list(first.values())
    joined = "".join(ids)
    # All at once, which is quicker than one by one.
    if joined.isascii() and joined.isalnum() and set(map(len, ids)) == {ID_LENGTH}:
        return firings
    for id_ in ids:
        if len(id_) != ID_LENGTH or not (id_.isascii() and id_.isalnum()):
            msg = f"{id_!r} is not an id: make ids of {ID_LENGTH} hexadecimal digits with new_id()"
            raise BackendError(msg)
    return firings


def _new_group(shared: tuple[Any, ...]) -> Group:
    queue, route, priority, due, delay, expires, expires_in, target = shared
    if not MIN_PRIORITY <= priority <= MAX_PRIORITY:
        msg = f"priority {priority!r} is not between {MIN_PRIORITY} and {MAX_PRIORITY}"
        raise BackendError(msg)
    return [
        place_of(queue, route),
        MAX_PRIORITY - priority,
        _finite("due", due),
        _finite("delay", delay),
        _finite("expires", expires),
        _finite("expires_in", expires_in),
        False if target is None else target,
        [],
        [],
        [],
        [],
    ]


def _finite(name: str, value: float | None) -> float | bool:
    if value is None:
        return False
    if not math.isfinite(value):
        msg = f"{name}={value!r} is not a time: give a finite number of seconds"
        raise BackendError(msg)
    return float(value)
