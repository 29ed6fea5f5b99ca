"""Putting firings in: all of one call in one transaction, or none."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.persistence.fdb import firings, keys, lines, tallies, wakeups
from skunkqueue.persistence.fdb.records import TARGETS, Entry, encode, entry_of
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from skunkqueue.records import Firing, State

_MILLISECONDS = 12
"""Digits of an id that say when it was made."""


def put_in(link: Link, given: Sequence[Firing]) -> list[str]:
    """Put in what is not there, in a transaction of its own; return the ids as ``Backend.enqueue`` does."""
    at = version_for(link, given)
    return link.run(lambda tr: put(tr, given, fresh=tr.at is not None), repeatable=True, at=at)


def put(tr: Transaction, given: Sequence[Firing], *, fresh: bool = False) -> list[str]:
    """Put in what is not there; return the ids as ``Backend.enqueue`` does.

    ``fresh``: none of the ids was known to anybody when the version was committed that this transaction reads, and none has a key.
    So nothing is read of them, and it conflicts where one of them came in since.
    """
    if not given:
        return []
    if fresh:
        known: set[str] = set()
        firings.conflict_if_put_in(tr, [firing.id for firing in given])
    else:
        known = firings.exist(tr, [firing.id for firing in given])
    ids, new = _new(tr, given, known)
    _store(tr, new)
    return ids


def _new(tr: Transaction, given: Sequence[Firing], known: set[str]) -> tuple[list[str], list[Firing]]:
    """Return the ids that count, and the firings to be stored; their keys are theirs from now on."""
    holders = _holders(tr, given)
    ids: list[str] = []
    new: list[Firing] = []
    for firing in given:
        id_ = firing.id
        if firing.key is not None and id_ not in known:
            key = (firing.queue, firing.key)
            if key in holders:
                ids.append(holders[key])
                continue
            holders[key] = id_
            tr.set(tr.keys.key + keys.name(firing.queue) + keys.name(firing.key), id_.encode())
        ids.append(id_)
        if id_ not in known:
            known.add(id_)
            new.append(firing)
    return ids, new


def _store(tr: Transaction, new: Sequence[Firing]) -> None:
    encoded: dict[str, bytes] = {}
    large: dict[str, Entry] = {}
    jobs: dict[tuple[str, str, str], int] = {}
    ranks: dict[tuple[str, str], int] = {}
    now, all_keys = tr.now, tr.keys
    for firing in new:
        entry = entry_of(firing, now)
        encoded[firing.id] = value = encode(entry)
        if len(value) > lines.LARGEST:
            large[firing.id] = entry
        place = (firing.queue, firing.route)
        tail = keys.place(*place) + keys.rank(firing.priority) + keys.moment(entry.due) + firing.id.encode()
        used = 1 << firing.priority
        if firing.target is None:
            tr.set(all_keys.line + tail, lines.value_of(value))
        else:
            target = keys.name(firing.target)
            tr.set(all_keys.targeted + target + tail, lines.value_of(value))
            tr.set(all_keys.target + tail, target)
            used |= TARGETS
        ranks[place] = ranks.get(place, 0) | used
        of = (*place, firing.job)
        jobs[of] = jobs.get(of, 0) + 1
    firings.put(tr, encoded, large)
    for (queue, route, job), number in jobs.items():
        tallies.shift(tr, queue, route, job, {State.PENDING: number})
        tallies.count(tr, queue, route, job, {"enqueued": number})
    for (queue, route), used in ranks.items():
        lines.use(tr, queue, route, used)
        wakeups.wake(tr, queue, route)


def holders_of(tr: Transaction, given: Sequence[Firing]) -> list[str]:
    """Return the ids that count of firings which another transaction put in: their own, or those that have their keys."""
    known = firings.exist(tr, [firing.id for firing in given])
    holders = _holders(tr, given)
    return [
        firing.id
        if firing.key is None or firing.id in known
        else holders.get((firing.queue, firing.key), firing.id)
        for firing in given
    ]


def _holders(tr: Transaction, given: Sequence[Firing]) -> dict[tuple[str, str], str]:
    """Return the ids of live firings that have the keys of these."""
    asked = {
        (firing.queue, firing.key): tr.get(tr.keys.key + keys.name(firing.queue) + keys.name(firing.key))
        for firing in given
        if firing.key is not None
    }
    found = {}
    for key, future in asked.items():
        value = future.value
        if value is not None:
            found[key] = value.decode()
    return found


def version_for(link: Link, given: Sequence[Firing]) -> int | None:
    """Return a version that knows none of these firings, as their ids were made after it; ``None``: look whether they are known.

    ``None`` as well where one has a key, or is the first of its kind on its route: then there is something to read anyway.
    """
    oldest = "g"
    last: tuple[str, str, int, str] | None = None
    for firing in given:
        kind = (firing.queue, firing.route, firing.priority, firing.job)
        if firing.key is not None or firing.target is not None:
            return None
        if kind != last:
            last = kind
            place = kind[:2]
            if not link.routes.get(place, 0) >> firing.priority & 1 or firing.job not in link.jobs.get(
                place, ()
            ):
                return None
        oldest = min(oldest, firing.id)
    try:
        return link.recent.before(int(oldest[:_MILLISECONDS], 16) / 1000)
    except ValueError:
        return None
