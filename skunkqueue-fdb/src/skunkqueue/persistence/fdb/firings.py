"""Storing firings: as they were put in, which never changes, and what happened to each since."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from skunkqueue.persistence.fdb import blobs, keys, packed
from skunkqueue.persistence.fdb.records import (
    NO_ATTEMPT,
    Attempt,
    Batch,
    Entry,
    as_attempt,
    as_batch,
    as_entry,
    encode,
)
from skunkqueue.persistence.fdb.transactions import Transaction

LARGEST = 1_000
"""Bytes of an attempt state that lies with all else that happened."""
_LARGE = 4_000
"""Bytes of a firing that is not packed with others."""
_FULL = 60_000
"""Bytes of a batch."""


def put(tr: Transaction, entries: Mapping[str, bytes]) -> None:
    """Store new firings, encoded; those of one call together where they are many."""
    table = tr.keys.firing
    together = {id_: value for id_, value in entries.items() if len(value) <= _LARGE}
    entered = packed.spread(together)
    for id_, value in entries.items():
        if entered.alone or id_ not in together:
            blobs.put(tr, table + id_.encode(), value)
    if entered.alone:
        return
    # As if each had been written under its own key.
    for first, last in _runs(together):
        tr.raw.add_write_conflict_range(table + first.encode(), table + last.encode() + b"\0")
    batch: list[tuple[str, bytes]] = []
    size = 0
    for id_ in sorted(together):
        value = together[id_]
        if size + len(value) > _FULL:
            _put_batch(tr, batch)
            batch, size = [], 0
        batch.append((id_, value))
        size += len(value)
    _put_batch(tr, batch)


def _put_batch(tr: Transaction, batch: Sequence[tuple[str, bytes]]) -> None:
    entered = packed.spread(id_ for id_, _ in batch)
    if entered.alone:
        for id_, value in batch:
            blobs.put(tr, tr.keys.firing + id_.encode(), value)
        return
    name = tr.link.unique()
    tr.set(tr.keys.batch + name, encode(Batch(entries=entered.entries, firings=tuple(batch))))
    packed.enter(tr, packed.FIRINGS, entered.entries, name)


def entries(tr: Transaction, ids: Iterable[str]) -> dict[str, Entry]:
    """Read firings as they were put in, those that there are."""
    return {id_: as_entry(value) for id_, value in _stored(tr, ids).items()}


def exist(tr: Transaction, ids: Collection[str]) -> set[str]:
    """Return which of these are known. A firing of one of the others that is put in meanwhile makes this conflict."""
    conflict_if_put_in(tr, ids)
    wanted = {id_ for id_ in ids if len(id_) <= keys.MAX_ID}
    table = tr.keys.firing
    pointers = packed.candidates(tr, packed.FIRINGS, sorted(wanted))
    alone = [
        tr.get_range(table + keys.id_(first), table + keys.id_(last) + keys.END, snapshot=True)
        for first, last in _runs(wanted)
    ]
    found = {_id_in(pair.key[len(table) :]) for pairs in alone for pair in pairs()}
    return wanted.intersection(found | _in_batches(tr, pointers(), wanted).keys())


def conflict_if_put_in(tr: Transaction, ids: Iterable[str]) -> None:
    """Conflict where one of these firings comes in meanwhile."""
    table = tr.keys.firing
    for first, last in _runs(ids):
        tr.raw.add_read_conflict_range(table + keys.id_(first), table + keys.id_(last) + b"\0")


def _runs(ids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Put ids together that follow each other without a gap, as those made one after the other: no other is between them."""
    first = last = ""
    number = -2
    for id_ in sorted(ids):
        try:
            following = int(id_, 16)
        except ValueError:
            following = -2
        if following != number + 1 or len(id_) != len(last):
            if last:
                yield first, last
            first = id_
        last, number = id_, following
    if last:
        yield first, last


def _stored(tr: Transaction, ids: Iterable[str]) -> dict[str, bytes]:
    wanted = [id_ for id_ in dict.fromkeys(ids) if len(id_) <= keys.MAX_ID]
    if not wanted:
        return {}
    pointers = packed.candidates(tr, packed.FIRINGS, wanted)
    few = len(wanted) <= packed.AT_ONCE
    found = blobs.read_each(tr, tr.keys.firing, wanted, snapshot=True) if few else {}
    if len(found) < len(wanted):
        found.update(_in_batches(tr, pointers(), set(wanted) - found.keys()))
    if not few:
        rest = [id_ for id_ in wanted if id_ not in found]
        found.update(blobs.read_each(tr, tr.keys.firing, rest, snapshot=True))
    return found


def _in_batches(tr: Transaction, pointers: Mapping[bytes, list[str]], wanted: set[str]) -> dict[str, bytes]:
    asked = [
        tr.snapshot.get(tr.keys.batch + name)
        for name, among in pointers.items()
        if not wanted.isdisjoint(among)
    ]
    found: dict[str, bytes] = {}
    for future in asked:
        value = future.value
        if value is not None:
            found.update((id_, stored) for id_, stored in as_batch(value).firings if id_ in wanted)
    return found


def attempts(tr: Transaction, ids: Iterable[str], *, attempt_states: bool = False) -> dict[str, Attempt]:
    """Read what happened to firings since they were put in; those to which anything did.

    ``attempt_states``: with those that lie apart, which are otherwise left out, and stay as they are.
    """
    stored = blobs.read_each(tr, tr.keys.attempt, ids)
    found: dict[str, Attempt] = {id_: as_attempt(value) for id_, value in stored.items()}
    if attempt_states:
        apart = [id_ for id_, attempt in found.items() if attempt.apart]
        for id_, attempt_state in blobs.read_each(tr, tr.keys.attempt_state, apart).items():
            found[id_] = msgspec.structs.replace(found[id_], attempt_state=attempt_state)
    return found


def note(tr: Transaction, id_: str, attempt: Attempt) -> None:
    """Write down what happened to a firing. An attempt state that is given takes the place of one that lay apart."""
    attempt_state = attempt.attempt_state
    if attempt_state is not None:
        is_large = len(attempt_state) > LARGEST
        if is_large:
            blobs.put(tr, tr.keys.attempt_state + id_.encode(), attempt_state)
        elif attempt.apart:
            blobs.clear(tr, tr.keys.attempt_state + id_.encode())
        attempt = msgspec.structs.replace(
            attempt, attempt_state=None if is_large else attempt_state, apart=is_large
        )
    blobs.put(tr, tr.keys.attempt + id_.encode(), encode(attempt))


def noted(attempt: Attempt | None, **changes: object) -> Attempt:
    """Return an attempt with changes."""
    return msgspec.structs.replace(attempt or NO_ATTEMPT, **changes)


def remove(tr: Transaction, ids: Collection[str]) -> None:
    """Forget firings: how they were put in, what happened to them, their progress and large results."""
    for id_ in ids:
        for table in (
            tr.keys.firing,
            tr.keys.attempt,
            tr.keys.attempt_state,
            tr.keys.progress,
            tr.keys.result,
        ):
            blobs.clear(tr, table + keys.id_(id_))
    gone = set(ids)
    pointers = packed.candidates(tr, packed.FIRINGS, sorted(gone))()
    asked = [(name, tr.get(tr.keys.batch + name)) for name in pointers]
    for name, future in asked:
        value = future.value
        if value is None:
            continue
        batch = as_batch(value)
        left = tuple(pair for pair in batch.firings if pair[0] not in gone)
        if len(left) == len(batch.firings):
            continue
        if left:
            tr.set(tr.keys.batch + name, encode(Batch(entries=batch.entries, firings=left)))
        else:
            tr.clear(tr.keys.batch + name)
            packed.leave(tr, packed.FIRINGS, batch.entries, name)


def _id_in(key: bytes) -> str:
    """Read the id of a key, which may be that of a part of a value."""
    return key.partition(b"\0")[0].decode("utf-8", "surrogatepass")
