"""Storing firings: as they were put in, which never changes, and what happened to each since."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

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
_FULL = 20_000
"""Bytes of a batch: who looks for one of its firings reads all of it."""
_HEAD = b"\2"
"""How a value begins whose body lies apart, before its size; see ``blobs`` for the other ways."""
_SIZE = struct.Struct(">I")


class Head(NamedTuple):
    """A firing as it was put in, without its body if that is large."""

    entry: Entry
    size: int
    """Bytes of its body."""
    apart: tuple[bytes, int] | None = None
    """Key under which its body lies apart, and where it begins in that value."""

    @property
    def is_large(self) -> bool:
        """Return whether the entry lacks its body."""
        return self.apart is not None


def put(tr: Transaction, encoded: Mapping[str, bytes], large: Mapping[str, Entry]) -> None:
    """Store new firings; those of one call together where they are many.

    ``large``: those that are not copied into the line. Their bodies lie apart, so that what lists firings does not read them.
    """
    table = tr.keys.firing
    together = {id_: value for id_, value in encoded.items() if len(value) <= _LARGE}
    entered = packed.spread(together)
    for id_, value in encoded.items():
        if entered.alone or id_ not in together:
            _put_alone(tr, id_, value, large.get(id_))
    if entered.alone or not together:
        return
    # As if each had been written under its own key.
    for first, last in _runs(together):
        tr.raw.add_write_conflict_range(table + first.encode(), table + last.encode() + b"\0")
    batch: list[tuple[str, bytes]] = []
    size = 0
    for id_ in sorted(together):
        value = together[id_]
        if size + len(value) > _FULL:
            _put_batch(tr, batch, large)
            batch, size = [], 0
        batch.append((id_, value))
        size += len(value)
    _put_batch(tr, batch, large)


def _put_alone(tr: Transaction, id_: str, value: bytes, large: Entry | None) -> None:
    key = tr.keys.firing + id_.encode()
    if large is None:
        blobs.put(tr, key, value)
        return
    tr.set(key, _HEAD + _SIZE.pack(len(large.body)) + encode(_without_body(large)))
    blobs.put(tr, tr.keys.body + id_.encode(), large.body)


def _put_batch(tr: Transaction, batch: Sequence[tuple[str, bytes]], large: Mapping[str, Entry]) -> None:
    entered = packed.spread(id_ for id_, _ in batch)
    if entered.alone:
        for id_, value in batch:
            _put_alone(tr, id_, value, large.get(id_))
        return
    name = tr.link.unique()
    apart: dict[str, tuple[int, int]] = {}
    if large:
        bodies, start, heads = list[bytes](), 0, list[tuple[str, bytes]]()
        for id_, value in batch:
            entry = large.get(id_)
            if entry is None:
                heads.append((id_, value))
                continue
            apart[id_] = (start, len(entry.body))
            start += len(entry.body)
            bodies.append(entry.body)
            heads.append((id_, encode(_without_body(entry))))
        batch = heads
        if bodies:
            tr.set(tr.keys.bodies + name, b"".join(bodies))
    tr.set(tr.keys.batch + name, encode(Batch(entries=entered.entries, firings=tuple(batch), apart=apart)))
    packed.enter(tr, packed.FIRINGS, entered.entries, name)


def _without_body(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry, body=b"")


def heads(tr: Transaction, ids: Iterable[str]) -> dict[str, Head]:
    """Read firings as they were put in, without large bodies; those that there are."""
    wanted = [id_ for id_ in dict.fromkeys(ids) if len(id_) <= keys.MAX_ID]
    if not wanted:
        return {}
    pointers = packed.candidates(tr, packed.FIRINGS, wanted)
    few = len(wanted) <= packed.AT_ONCE
    found = _alone(tr, wanted) if few else {}
    if len(found) < len(wanted):
        found.update(_in_batches(tr, pointers(), set(wanted) - found.keys()))
    if not few:
        found.update(_alone(tr, [id_ for id_ in wanted if id_ not in found]))
    return found


def entries(tr: Transaction, ids: Iterable[str]) -> dict[str, Entry]:
    """Read firings as they were put in, those that there are."""
    found = heads(tr, ids)
    asked = {
        head.apart[0]: tr.snapshot.get(head.apart[0]) for head in found.values() if head.apart is not None
    }
    if not asked:
        return {id_: head.entry for id_, head in found.items()}
    whole: dict[str, Entry] = {}
    for id_, (entry, size, apart) in found.items():
        if apart is not None:
            key, start = apart
            if key.startswith(tr.keys.body):
                body = blobs.read(tr, key, asked[key], snapshot=True)
            else:
                body = (asked[key].value or b"")[start : start + size]
            entry = msgspec.structs.replace(entry, body=body or b"")  # noqa: PLW2901 - as it was put in
        whole[id_] = entry
    return whole


def _alone(tr: Transaction, ids: Sequence[str]) -> dict[str, Head]:
    by_key = {tr.keys.firing + keys.id_(id_): id_ for id_ in ids}
    found: dict[str, Head] = {}
    for key, value in blobs.values(tr, list(by_key), snapshot=True).items():
        id_ = by_key[key]
        if value[:1] == _HEAD:
            (size,) = _SIZE.unpack_from(value, 1)
            entry = as_entry(value[1 + _SIZE.size :])
            found[id_] = Head(entry, size, (tr.keys.body + keys.id_(id_), 0))
        else:
            entry = as_entry(blobs.whole(tr, key, value, snapshot=True))
            found[id_] = Head(entry, len(entry.body))
    return found


def _in_batches(tr: Transaction, pointers: Mapping[bytes, list[str]], wanted: set[str]) -> dict[str, Head]:
    asked = [
        (tr.keys.bodies + name, tr.snapshot.get(tr.keys.batch + name))
        for name, among in pointers.items()
        if not wanted.isdisjoint(among)
    ]
    found: dict[str, Head] = {}
    for key, future in asked:
        value = future.value
        if value is None:
            continue
        batch: Batch = as_batch(value)
        for id_, stored in batch.firings:
            if id_ in wanted:
                entry = as_entry(stored)
                start, size = batch.apart.get(id_, (0, len(entry.body)))
                found[id_] = Head(entry, size, (key, start) if id_ in batch.apart else None)
    return found


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
    return wanted.intersection(found | _packed(tr, pointers(), wanted))


def _packed(tr: Transaction, pointers: Mapping[bytes, list[str]], wanted: set[str]) -> set[str]:
    asked = [
        tr.snapshot.get(tr.keys.batch + name)
        for name, among in pointers.items()
        if not wanted.isdisjoint(among)
    ]
    return {
        id_
        for future in asked
        if (value := future.value) is not None
        for id_, _ in as_batch(value).firings
        if id_ in wanted
    }


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


def attempts(tr: Transaction, ids: Iterable[str], *, attempt_states: bool = False) -> dict[str, Attempt]:
    """Read what happened to firings since they were put in; those to which anything did.

    ``attempt_states``: with those that lie apart, which are otherwise left out, and stay as they are.
    """
    found = ask_attempts(tr, ids)()
    if attempt_states:
        apart = [id_ for id_, attempt in found.items() if attempt.apart]
        for id_, attempt_state in blobs.read_each(tr, tr.keys.attempt_state, apart).items():
            found[id_] = msgspec.structs.replace(found[id_], attempt_state=attempt_state)
    return found


def ask_attempts(tr: Transaction, ids: Iterable[str]) -> Callable[[], dict[str, Attempt]]:
    """Ask for them; what is returned waits, and reads them."""
    stored = blobs.ask_each(tr, tr.keys.attempt, ids)
    return lambda: {id_: as_attempt(value) for id_, value in stored().items()}


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
            tr.keys.body,
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
        batch: Batch = as_batch(value)
        left = tuple(pair for pair in batch.firings if pair[0] not in gone)
        if len(left) == len(batch.firings):
            continue
        if left:
            tr.set(tr.keys.batch + name, encode(msgspec.structs.replace(batch, firings=left)))
        else:
            tr.clear(tr.keys.batch + name)
            if batch.apart:
                tr.clear(tr.keys.bodies + name)
            packed.leave(tr, packed.FIRINGS, batch.entries, name)


def _id_in(key: bytes) -> str:
    """Read the id of a key, which may be that of a part of a value."""
    return key.partition(b"\0")[0].decode("utf-8", "surrogatepass")
