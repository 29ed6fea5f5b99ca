"""Control of firings and routes: kill, requeue, purge, pause and resume; and progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from skunkqueue.persistence.fdb import (
    blobs,
    ended,
    firings,
    keys,
    leases,
    lines,
    mailboxes,
    routes,
    states,
    tallies,
    wakeups,
)
from skunkqueue.persistence.fdb.binding import KeyValue
from skunkqueue.persistence.fdb.records import Attempt, Entry, Item, Lease, Route
from skunkqueue.persistence.fdb.states import Known
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import ClaimRef, Command, State

AT_ONCE = 100
"""Firings that one transaction looks up: their bodies are read as well."""
PURGED, _FEWEST = 400, 10
"""Firings removed from the line in one transaction, and after many conflicts."""

# --- kill -------------------------------------------------------------------------------------------


def kill(tr: Transaction, ids: Sequence[str]) -> dict[str, State | None]:
    """Kill what is pending, and have what runs killed; return the state each had."""
    known = states.look_up(tr, ids)
    kill_pending(tr, [(one.entry, one.attempt) for one in known.values() if one.state is State.PENDING])
    by_lease: dict[int, tuple[Lease, list[Known]]] = {}
    for one in known.values():
        if one.lease is not None:
            token, lease = one.lease
            by_lease.setdefault(token, (lease, []))[1].append(one)
    posted = 0
    for token, (lease, own) in by_lease.items():
        for one in own:
            id_ = one.entry.id
            firings.note(tr, id_, firings.noted(one.attempt, kill_requested=True))
            mailboxes.post(tr, lease.worker, Command(verb="kill", firing=id_), posted)
            posted += 1
        noted = dict.fromkeys([*lease.noted, *(one.entry.id for one in own)])
        leases.save(tr, token, lease, lease.ids, noted=tuple(noted))
    tr.unchanged = not any(one.found is None for one in known.values())
    return {id_: known[id_].state if id_ in known else None for id_ in ids}


def kill_pending(tr: Transaction, pending: Iterable[tuple[Entry, Attempt | None]]) -> None:
    """Kill firings that were found in line in this transaction, with conflict; each is given as it was put in."""
    by_place: dict[tuple[str, str], list[Item]] = {}
    for entry, attempt in pending:
        lines.take_out(tr, entry, attempt)
        if entry.key is not None:
            tr.clear(tr.keys.key + keys.name(entry.queue) + keys.name(entry.key))
        item = Item(
            entry.id,
            None,
            None,
            None,
            0,
            entry.job,
            None if attempt is None else attempt.error,
            entry.tags,
            entry.key,
            token=0 if attempt is None else attempt.token,
            worker=None if attempt is None else attempt.worker,
            parent=entry.parent,
        )
        by_place.setdefault(entry.place, []).append(item)
    for place, items in by_place.items():
        ended.file(tr, place, State.KILLED, items, token=0, worker=None)
        for job, number in Counter(item.job for item in items).items():
            tallies.shift(tr, *place, job, {State.PENDING: -number, State.KILLED: number})
            tallies.count(tr, *place, job, {"killed": number})
        wakeups.wake_settled(tr, *place)


# --- requeue ----------------------------------------------------------------------------------------


def requeue(tr: Transaction, ids: Sequence[str]) -> list[str]:
    """Put finished firings in line again; return those that were."""
    wanted = dict.fromkeys(ids)
    found = ended.find(tr, wanted)
    heads = firings.heads(tr, found)
    taken = {
        (entry.queue, entry.key): tr.get(tr.keys.key + keys.name(entry.queue) + keys.name(entry.key))
        for entry, *_ in heads.values()
        if entry.key is not None
    }
    in_use = {key for key, future in taken.items() if future.value is not None}
    again: list[str] = []
    for id_ in wanted:
        head = heads.get(id_)
        if head is None or (head.entry.queue, head.entry.key) in in_use:
            continue
        entry = head.entry
        again.append(id_)
        if entry.key is not None:
            in_use.add((entry.queue, entry.key))
            tr.set(tr.keys.key + keys.name(entry.queue) + keys.name(entry.key), id_.encode())
        _put_back(tr, head, found[id_])
    ended.remove(tr, [found[id_] for id_ in again])
    for place in {heads[id_].entry.place for id_ in again}:
        wakeups.wake(tr, *place)
    tr.unchanged = not again
    return again


def _put_back(tr: Transaction, head: firings.Head, found: ended.Found) -> None:
    entry = head.entry
    for table in (tr.keys.attempt, tr.keys.attempt_state, tr.keys.progress, tr.keys.result):
        blobs.clear(tr, table + entry.id.encode())
    item = found.item
    attempt = Attempt(
        token=found.ended.token if item.token is None else item.token,
        worker=found.ended.worker if item.worker is None else item.worker,
        due=tr.now,
        endless=True,
    )
    firings.note(tr, entry.id, attempt)
    lines.put(tr, entry, attempt, is_large=head.is_large)
    tallies.shift(tr, *entry.place, entry.job, {found.chunk.state: -1, State.PENDING: 1})


# --- purge ------------------------------------------------------------------------------------------


class Purged(NamedTuple):
    """What one step of a purge did."""

    number: int
    ahead: bytes | None
    """Key up to which the line is still to be purged; ``None``: nothing is left of it."""


class Purge(NamedTuple):
    """What is to be purged next: what is in line before a key, but for what was put in after the purge began."""

    table: bytes
    """``keys.line``, or ``keys.target``."""
    place: tuple[str, str]
    until: bytes
    begun: float


def purge(tr: Transaction, asked_for: Purge, most: int) -> Purged:
    """Remove at most so many of the last in line: firings are claimed at its other end."""
    most = max(most >> tr.conflicts, min(most, _FEWEST))
    table, place = asked_for.table, asked_for.place
    before = table + keys.place(*place)
    pairs = tr.get_range(before, asked_for.until, most, newest=True, snapshot=True)()
    gone = _gone(tr, _rows(tr, pairs, table, len(before)), asked_for.begun)
    for row, entry in gone:
        tr.raw.add_read_conflict_key(row.key)
        tr.clear(row.key)
        tr.clear(row.listed)
        if entry.key is not None:
            tr.clear(tr.keys.key + keys.name(entry.queue) + keys.name(entry.key))
    firings.remove(tr, [entry.id for _, entry in gone])
    for job, number in Counter(entry.job for _, entry in gone).items():
        tallies.shift(tr, *place, job, {State.PENDING: -number})
    if gone:
        wakeups.wake_settled(tr, *place)
    tr.unchanged = not gone
    return Purged(len(gone), pairs[-1].key if len(pairs) == most else None)


class _Row(NamedTuple):
    """A firing in line."""

    id: str
    key: bytes
    """Under which it is claimed."""
    listed: bytes
    """Under which it was found: that, or the one beside it of what is for one worker only."""
    value: bytes


def _rows(tr: Transaction, pairs: Sequence[KeyValue], table: bytes, start: int) -> list[_Row]:
    if table == tr.keys.line:
        return [
            _Row(pair.key[start + keys.LINE_TAIL :].decode(), pair.key, pair.key, pair.value)
            for pair in pairs
        ]
    asked = []
    for pair in pairs:
        key = tr.keys.targeted + pair.value + pair.key[len(table) :]
        asked.append((pair.key, key, tr.snapshot.get(key)))
    return [
        _Row(listed[start + keys.LINE_TAIL :].decode(), key, listed, value)
        for listed, key, future in asked
        if (value := future.value) is not None
    ]


def _gone(tr: Transaction, rows: Sequence[_Row], begun: float) -> list[tuple[_Row, Entry]]:
    large = firings.heads(tr, [row.id for row in rows if not row.value])
    found = []
    for row in rows:
        if row.value:
            entry = lines.entry_of(row.value)
        elif row.id in large:
            entry = large[row.id].entry
        else:
            continue
        if entry.enqueued <= begun:
            found.append((row, entry))
    return found


# --- pauses -----------------------------------------------------------------------------------------


def pause(tr: Transaction, queue: str, route: str | None) -> None:
    """Let nothing be claimed from a route or queue; repeatable."""
    if route is None:
        tr.set(tr.keys.queue + keys.name(queue), b"")
        return
    routes.set_paused(tr, queue, route, routes.one(tr, queue, route) or Route(), paused=True)


def resume(tr: Transaction, queue: str, route: str | None) -> None:
    """End a pause; repeatable."""
    if route is None:
        tr.clear(tr.keys.queue + keys.name(queue))
        known = routes.known(tr, queue)
    else:
        found = routes.one(tr, queue, route)
        known = [] if found is None else [((queue, route), found)]
    for place, found in known:
        routes.set_paused(tr, *place, found, paused=False)
        wakeups.wake(tr, *place)


# --- progress ---------------------------------------------------------------------------------------


def progress(tr: Transaction, ref: ClaimRef, data: bytes) -> bool:
    """Save the progress of a running firing; False where the claim is stale."""
    lease = leases.by_tokens(tr, [ref.token]).get(ref.token)
    if lease is None or ref.id not in lease.ids:
        tr.unchanged = True
        return False
    key = tr.keys.progress + ref.id.encode()
    blobs.clear(tr, key)
    blobs.put(tr, key, data)
    return True
