"""Putting in more firings at once than one transaction takes, all of them or none.

They are laid down in parts, in as many transactions as it takes. Then one small transaction accepts the batch: from there on all
of it comes in, by the process that laid it down, or, where that dies, by any other two seconds later. A batch that was never
accepted is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from skunkqueue.persistence.backend import HALF_DONE
from skunkqueue.persistence.fdb import blobs, enqueue, keys, lines
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from skunkqueue.records import Firing

MOST, MOST_BYTES = 5_000, 3_000_000
"""Firings, and bytes of them more or less, that one transaction puts in; a batch of more is laid down."""
PART, PART_BYTES = 1_000, 1_000_000
"""The same of a part."""
FORGOTTEN = 3_600.0
"""Seconds after which a batch is thrown away that was never accepted."""
_AT_ONCE = 4
"""Batches of others that one call finishes."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Firing, ...]).decode


def is_large(firings: Sequence[Firing]) -> bool:
    """Return whether these are too many for one transaction."""
    if len(firings) > MOST:
        return True
    return sum([_weight_of(len(firing.body)) for firing in firings]) > MOST_BYTES - 400 * len(firings)


def _weight_of(size: int) -> int:
    # A small body lies in the line as well.
    return size * 2 if size <= lines.LARGEST else size


def put(link: Link, firings: Sequence[Firing]) -> list[str]:
    """Put in a large batch; return the ids as ``Backend.enqueue`` does."""
    name = link.unique()
    parts = list(_split(firings))
    for number, part in enumerate(parts):
        _lay_down(link, name, number, part)
    accepted = link.run(lambda tr: _accept(tr, name, len(parts)))
    ids: list[str] = []
    for number, part in enumerate(parts):
        ids += _unpack(link, name, number, part, accepted)
    link.run(lambda tr: _forget(tr, name), repeatable=True)
    return ids


def finish(link: Link) -> int:
    """Finish batches whose processes died; return how many."""
    found = link.read(_half_done)
    for name, parts, accepted in found:
        for number in range(parts):
            _unpack(link, name, number, None, accepted)
        link.run(lambda tr, name=name: _forget(tr, name), repeatable=True)  # type: ignore[misc] # its default is a name
    return len(found)


def first_accepted(tr: Transaction) -> float | None:
    """Return when the first batch was accepted that is not all in; ``None``: there is none."""
    before = tr.keys.staged
    for pair in tr.get_range(before, before + keys.END, 1, snapshot=True)():
        return keys.seconds(pair.value[2:])
    return None


def throw_away(tr: Transaction) -> int:
    """Remove the parts of a batch that was never accepted and is old; return how many batches."""
    before = tr.keys.laid
    for pair in tr.get_range(before, before + keys.END, 1)():
        name = pair.key[len(before) :]
        if tr.get(tr.keys.staged + name).value is None and keys.seconds(pair.value) < tr.now - FORGOTTEN:
            _forget(tr, name)
            return 1
    tr.unchanged = True
    return 0


def _split(firings: Sequence[Firing]) -> Iterator[Sequence[Firing]]:
    start = size = 0
    for number, firing in enumerate(firings):
        weight = _weight_of(len(firing.body)) + 400 + 4 * _length_of_names(firing)
        if number > start and (number - start >= PART or size + weight > PART_BYTES):
            yield firings[start:number]
            start, size = number, 0
        size += weight
    yield firings[start:]


def _length_of_names(firing: Firing) -> int:
    """Return how many characters there are in names and tags, most of which are in several keys."""
    names = (firing.queue, firing.route, firing.job, firing.key, firing.target, firing.schedule, *firing.tags)
    return sum([len(name) for name in names if name is not None])


def _lay_down(link: Link, name: bytes, number: int, part: Sequence[Firing]) -> None:
    value = _encode(part)

    def work(tr: Transaction) -> None:
        tr.set(tr.keys.laid + name, keys.moment(tr.now))
        blobs.put(tr, tr.keys.laid_part + name + keys.part(number), value)

    link.run(work, repeatable=True)


def _accept(tr: Transaction, name: bytes, parts: int) -> float:
    tr.set(tr.keys.staged + name, keys.part(parts) + keys.moment(tr.now))
    return tr.now


def _unpack(
    link: Link, name: bytes, number: int, part: Sequence[Firing] | None, accepted: float
) -> list[str]:
    """Put in a part of an accepted batch, unless another process has; return the ids that count."""

    def work(tr: Transaction) -> list[str]:
        key = tr.keys.laid_part + name + keys.part(number)
        value = blobs.read(tr, key, tr.get(key))
        if value is None:
            tr.unchanged = True
            return [] if part is None else enqueue.holders_of(tr, part)
        blobs.clear(tr, key)
        # As if all of them had come in when the batch was accepted.
        tr.now = min(tr.now, accepted)
        return enqueue.put(tr, _decode(value) if part is None else part)

    return link.run(work)


def _half_done(tr: Transaction) -> list[tuple[bytes, int, float]]:
    before = tr.keys.staged
    pairs = tr.get_range(before, before + keys.END, _AT_ONCE)()
    found = [
        (pair.key[len(before) :], int.from_bytes(pair.value[:2], "big"), keys.seconds(pair.value[2:]))
        for pair in pairs
    ]
    return [one for one in found if one[2] <= tr.now - HALF_DONE]


def _forget(tr: Transaction, name: bytes) -> None:
    tr.clear(tr.keys.staged + name)
    tr.clear(tr.keys.laid + name)
    tr.clear_range(tr.keys.laid_part + name, tr.keys.laid_part + name + keys.END)
