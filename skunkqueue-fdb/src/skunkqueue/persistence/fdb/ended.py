"""Storing finished firings: those that finish together are in one value, and indexes lead to it.

Knows nothing of counts, and nothing of leases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

import msgspec

from skunkqueue.persistence import listing, rules
from skunkqueue.persistence.fdb import blobs, keys, packed
from skunkqueue.persistence.fdb.keys import Chunk
from skunkqueue.persistence.fdb.records import Ended, Item, as_ended, encode
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import State

LARGE = 2_000
"""Bytes of a result that is kept apart."""
_FULL = 20_000
"""Bytes of a chunk: who looks for one of its firings reads all of it."""


class Found(NamedTuple):
    """A finished firing, and where it lies."""

    chunk: Chunk
    ended: Ended
    item: Item


def file(
    tr: Transaction,
    place: tuple[str, str],
    state: State,
    items: Sequence[Item],
    *,
    token: int,
    worker: str | None,
    ttl: float | None = None,
) -> None:
    """Keep firings that finish now in one state, after they left the line or their lease; counts nothing.

    Items as a whole: each with its job and its result.
    """
    gone = tr.now + rules.kept_for(state, ttl)
    name = tr.link.unique()
    jobs = {item.job for item in items}
    job = items[0].job if len(jobs) == 1 else None
    if len(jobs) > 1:
        # So that those of a job lie in few chunks.
        items = sorted(items, key=attrgetter("job"))
    for number, part in enumerate(_parts(tr, items)):
        entered = packed.spread([item.id for item in part])
        ended = Ended(
            token=token,
            worker=worker,
            gone=gone,
            job=job,
            items=tuple(part if job is None else [_without_job(item) for item in part]),
            entries=entered.entries,
        )
        chunk = Chunk.made(keys.place(*place), state, tr.now, name, number)
        pointer = chunk.pointer
        tr.set(tr.keys.chunk + pointer, encode(ended))
        packed.enter(tr, packed.ENDS, entered.entries, pointer)
        if entered.alone:
            for item in part:
                tr.set(packed.single(tr, packed.ENDS, item.id), pointer)
        tr.set(chunk.by_state(tr.keys), b"")
        tr.set(chunk.gone(tr.keys, gone), b"")
        for one in {item.job for item in part}:
            tr.set(chunk.by_job(tr.keys, one), b"")
        for item in part:
            for key in _words(tr, item, tr.now):
                tr.set(key, pointer)


def _parts(tr: Transaction, items: Sequence[Item]) -> Iterator[list[Item]]:
    """Split items so that each part fits into a value; large results go elsewhere."""
    part: list[Item] = []
    size = 0
    for item in items:
        result = item.result
        if result is not None and len(result) > LARGE:
            blobs.put(tr, tr.keys.result + item.id.encode(), result)
            item = msgspec.structs.replace(item, result=None)  # noqa: PLW2901 - as it is kept
            result = None
        weight = (
            150
            + len(result or b"")
            + len(item.attempt_state or b"")
            + 4 * len(item.job)
            + 4 * len(item.error or "")
        )
        if part and size + weight > _FULL:
            yield part
            part, size = [], 0
        part.append(item)
        size += weight + 200 * (len(item.tags) + (item.parent is not None))
    yield part


def _without_job(item: Item) -> Item:
    return msgspec.structs.replace(item, job="") if item.job else item


def _words(tr: Transaction, item: Item, finished: float) -> Iterator[bytes]:
    words = [(keys.TAG, tag) for tag in set(item.tags)]
    if item.key is not None:
        words.append((keys.KEY, item.key))
    if item.parent is not None:
        words.append((keys.PARENT, item.parent))
    if item.error is not None:
        words.append((keys.ERROR, listing.error_type(item.error) or ""))
    for kind, text in words:
        yield tr.keys.word + kind + keys.name(text) + keys.moment(finished) + item.id.encode()


def find(tr: Transaction, ids: Iterable[str], *, snapshot: bool = False) -> dict[str, Found]:
    """Find finished firings by id. But for ``snapshot``, what happens to them meanwhile conflicts."""
    wanted = [id_ for id_ in dict.fromkeys(ids) if len(id_) <= keys.MAX_ID]
    few = len(wanted) <= packed.AT_ONCE
    if not wanted:
        return {}
    asked = packed.candidates(tr, packed.ENDS, wanted)
    pointers = _of_singles(tr, wanted, snapshot=snapshot) if few else {}
    for pointer, among in asked().items():
        pointers.setdefault(pointer, []).extend(among)
    found = _look_into(tr, pointers, snapshot=snapshot)
    if not few:
        rest = [id_ for id_ in wanted if id_ not in found]
        found.update(_look_into(tr, _of_singles(tr, rest, snapshot=snapshot), snapshot=snapshot))
    return found


def _of_singles(tr: Transaction, ids: Sequence[str], *, snapshot: bool) -> dict[bytes, list[str]]:
    """Return where those lie that have an entry of their own."""
    by_key = {packed.single(tr, packed.ENDS, id_): id_ for id_ in ids}
    pointers: dict[bytes, list[str]] = {}
    for key, pointer in blobs.values(tr, list(by_key), snapshot=snapshot).items():
        pointers.setdefault(pointer, []).append(by_key[key])
    return pointers


def _look_into(tr: Transaction, pointers: dict[bytes, list[str]], *, snapshot: bool) -> dict[str, Found]:
    reading = tr.snapshot if snapshot else tr
    asked = [(pointer, among, reading.get(tr.keys.chunk + pointer)) for pointer, among in pointers.items()]
    found: dict[str, Found] = {}
    for pointer, among, future in asked:
        value = future.value
        if value is None:
            continue
        ended: Ended = as_ended(value)
        wanted = set(among)
        for item in ended.items:
            if item.id in wanted:
                found[item.id] = Found(Chunk.of_pointer(pointer), ended, whole(item, ended))
    return found


def whole(item: Item, ended: Ended) -> Item:
    """Return an item with its job."""
    return item if ended.job is None or not ended.job else msgspec.structs.replace(item, job=ended.job)


def remove(tr: Transaction, found: Iterable[Found]) -> None:
    """Take finished firings out of their chunks and all indexes; ``find`` must have read them in this transaction."""
    by_chunk: dict[bytes, list[Found]] = {}
    for one in found:
        by_chunk.setdefault(one.chunk.pointer, []).append(one)
    for pointer, own in by_chunk.items():
        chunk = own[0].chunk
        ended = own[0].ended
        gone = {one.item.id for one in own}
        left = tuple(item for item in ended.items if item.id not in gone)
        for one in own:
            tr.clear(packed.single(tr, packed.ENDS, one.item.id))
            for key in _words(tr, one.item, chunk.finished):
                tr.clear(key)
        jobs = {one.item.job for one in own}
        if left:
            jobs -= {whole(item, ended).job for item in left}
            tr.set(tr.keys.chunk + pointer, encode(msgspec.structs.replace(ended, items=left)))
        else:
            tr.clear(tr.keys.chunk + pointer)
            packed.leave(tr, packed.ENDS, ended.entries, pointer)
            tr.clear(chunk.by_state(tr.keys))
            tr.clear(chunk.gone(tr.keys, ended.gone))
        for job in jobs:
            tr.clear(chunk.by_job(tr.keys, job))
