"""Workers: listed, reaping the dead, and killing what only they could have run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from skunkqueue.persistence.fdb import control, firings, keys, leases, listed, mailboxes
from skunkqueue.persistence.fdb.records import TARGETS, as_route, encode
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import Command, Death, WorkerRecord

_FIRINGS_AT_ONCE = 1_000
"""Firings that one transaction gives back; one lease at least."""
_COPIES_AT_ONCE = 100
_TARGETS_AT_ONCE = 100
_decode = msgspec.msgpack.Decoder(WorkerRecord).decode


class Reaped(NamedTuple):
    """What one step of reaping did."""

    back: int
    """Firings that it gave back."""
    is_over: bool
    """None was left: the worker is off the list."""


def write(tr: Transaction, worker: WorkerRecord, lease: float) -> bool:
    """List a worker, or list it anew; return whether it was listed."""
    lived = listed.lives(tr, tr.keys.worker, worker.id)
    record = encode(msgspec.structs.replace(worker, beat=tr.now))
    listed.write(tr, tr.keys.worker, worker.id, record, tr.now + lease)
    return lived


def live(tr: Transaction, queue: str | None, route: str | None) -> list[WorkerRecord]:
    """Read live workers, oldest first."""
    found = [_decode(record) for _, record, alive in listed.all_of(tr, tr.keys.worker) if alive]
    chosen = [one for one in found if one.listens_on(queue, route)]
    return sorted(chosen, key=lambda worker: (worker.started, worker.id))


def send(tr: Transaction, to: str, command: Command) -> bool:
    """Put a command into the mailbox of a live worker or pool; False where it is not listed."""
    if not any(listed.lives(tr, table, to) for table in (tr.keys.worker, tr.keys.pool)):
        tr.unchanged = True
        return False
    mailboxes.post(tr, to, command)
    return True


def reap(tr: Transaction, worker: str, begun: Collection[str], death: Death) -> Reaped:
    """Give back what a dead worker held, or some of it; in the end take it off the list."""
    back = 0
    is_over = True
    for token, lease in leases.of_worker(tr, worker):
        if back and back + len(lease.ids) > _FIRINGS_AT_ONCE:
            is_over = False
            break
        leases.give_back(tr, token, lease, {id_: death if id_ in begun else None for id_ in lease.ids})
        back += len(lease.ids)
    if is_over:
        listed.remove(tr, tr.keys.worker, worker)
    return Reaped(back, is_over)


def kill_copies(tr: Transaction, worker: str) -> int:
    """Kill some pending firings that only a worker could run which is not listed; return how many."""
    if tr.get(tr.keys.worker + keys.name(worker)).value is not None:
        tr.unchanged = True
        return 0
    before = tr.keys.targeted + keys.name(worker)
    pairs = tr.get_range(before, before + keys.END, _COPIES_AT_ONCE)()
    ids = []
    for pair in pairs:
        _, tail = keys.names(pair.key[len(before) :], 2)
        ids.append(tail[keys.LINE_TAIL :].decode())
    heads = firings.heads(tr, ids)
    attempts = firings.attempts(tr, heads)
    control.kill_pending(tr, [(head.entry, attempts.get(id_)) for id_, head in heads.items()])
    tr.unchanged = not heads
    return len(heads)


def targets(tr: Transaction, after: str | None) -> list[str]:
    """List some of the workers for which alone firings are pending, by name; those after one of them."""
    table = tr.keys.targeted
    begin = table if after is None else table + keys.name(after) + keys.END
    found: list[str] = []
    while len(found) < _TARGETS_AT_ONCE:
        pairs = tr.get_range(begin, table + keys.END, 1, snapshot=True)()
        if not pairs:
            break
        (name,), _ = keys.names(pairs[0].key[len(table) :], 1)
        found.append(name)
        begin = table + keys.name(name) + keys.END
    return found


def lost_leases(tr: Transaction) -> list[int]:
    """List claims that are over, on all routes on which something was ever for one worker alone."""
    listed.know_time(tr)
    table = tr.keys.lease_end
    by_place: dict[bytes, list[int]] = {}
    for pair in tr.get_range(table, table + keys.END, snapshot=True)():
        if keys.seconds(pair.key[-16:-8]) <= tr.now:
            by_place.setdefault(pair.key[len(table) : -16], []).append(keys.number_of(pair.key[-8:]))
    asked = {place: tr.snapshot.get(tr.keys.route + place) for place in by_place}
    found: list[int] = []
    for place, future in asked.items():
        value = future.value
        if value is not None and as_route(value).ranks & TARGETS:
            found += by_place[place]
    return found


def kill_lost(tr: Transaction, token: int, known: Sequence[str]) -> int:
    """Kill what runs on a lease that is over, for workers alone that are not listed; return how many.

    ``known``: workers that are listed.
    """
    lease = leases.by_tokens(tr, [token]).get(token)
    if lease is None:
        tr.unchanged = True
        return 0
    over = [id_ for id_ in lease.ids if lease.end_of(id_) <= tr.now]
    entries = {id_: head.entry for id_, head in firings.heads(tr, over).items()}
    names = {entry.target for entry in entries.values()} - {None, *known}
    asked = {name: tr.get(tr.keys.worker + keys.name(name)) for name in names if name is not None}
    gone = {name for name, future in asked.items() if future.value is None}
    doomed = {id_: entry for id_, entry in entries.items() if entry.target in gone}
    tr.unchanged = not doomed
    # Pending for no time: in this transaction it is killed.
    leases.give_back(tr, token, lease, dict.fromkeys(doomed))
    attempts = firings.attempts(tr, doomed)
    control.kill_pending(tr, [(entry, attempts.get(id_)) for id_, entry in doomed.items()])
    return len(doomed)
