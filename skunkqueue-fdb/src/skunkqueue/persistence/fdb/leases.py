"""Leases: a value for each claim, with the ids of its firings. An outcome whose id is not in it, under its token, is stale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from skunkqueue.persistence import rules
from skunkqueue.persistence.fdb import blobs, firings, keys, lines, tallies, wakeups
from skunkqueue.persistence.fdb.records import Lease, as_lease, encode
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import ClaimRef, Death, State

_RECLAIM_AT_ONCE = 8
_MOST = 1_000
"""Leases, and firings, taken back in one transaction."""


def by_tokens(tr: Transaction, tokens: Iterable[int], *, snapshot: bool = False) -> dict[int, Lease]:
    """Read leases; those that there are. But for ``snapshot``, what happens to them meanwhile conflicts."""
    get = (tr.snapshot if snapshot else tr).get
    asked = {token: get(tr.keys.lease + keys.number(token)) for token in tokens if 0 <= token < 1 << 64}
    found = {}
    for token, future in asked.items():
        value = blobs.read(tr, tr.keys.lease + keys.number(token), future, snapshot=snapshot)
        if value is not None:
            found[token] = as_lease(value)
    return found


def of_route(tr: Transaction, queue: str, route: str) -> list[tuple[int, Lease]]:
    """Read all leases of a route, the first to end first: as many as batches are out. Nothing conflicts."""
    before = tr.keys.lease_end + keys.place(queue, route)
    pairs = tr.get_range(before, before + keys.END, snapshot=True)()
    tokens = [keys.number_of(pair.key[-8:]) for pair in pairs]
    return list(by_tokens(tr, tokens, snapshot=True).items())


def of_worker(tr: Transaction, worker: str) -> list[tuple[int, Lease]]:
    """Read all leases of a worker."""
    before = tr.keys.holder + keys.name(worker)
    pairs = tr.get_range(before, before + keys.END)()
    return list(by_tokens(tr, [keys.number_of(pair.key[-8:]) for pair in pairs]).items())


def holders(tr: Transaction, running: Mapping[str, tuple[str, str]]) -> dict[str, tuple[int, Lease]]:
    """Find the leases of running firings, which are given with their queues and routes.

    What happens to these leases meanwhile conflicts, but nothing that happens to others.
    """
    found = {}
    for place in set(running.values()):
        wanted = {id_ for id_, at in running.items() if at == place}
        for token, lease in of_route(tr, *place):
            own = wanted.intersection(lease.ids)
            if own:
                tr.raw.add_read_conflict_key(tr.keys.lease + keys.number(token))
                found.update(dict.fromkeys(own, (token, lease)))
    return found


def make(tr: Transaction, token: int, lease: Lease) -> None:
    """Store a new lease."""
    packed = keys.number(token)
    place = keys.place(lease.queue, lease.route)
    blobs.put(tr, tr.keys.lease + packed, encode(lease))
    tr.set(tr.keys.end_of(place, lease.ends, token), b"")
    tr.set(tr.keys.holder + keys.name(lease.worker) + packed, b"")


def save(tr: Transaction, token: int, lease: Lease, ids: Collection[str], **changes: object) -> None:
    """Write a lease back of which only ``ids`` are left, and of which more changes; end it where none is left."""
    packed = keys.number(token)
    place = keys.place(lease.queue, lease.route)
    if not ids:
        blobs.clear(tr, tr.keys.lease + packed)
        tr.clear(tr.keys.end_of(place, lease.ends, token))
        tr.clear(tr.keys.holder + keys.name(lease.worker) + packed)
        return
    changed = msgspec.structs.replace(lease, **changes)
    left = set(ids)
    apart = {id_: end for id_, end in changed.apart.items() if id_ in left}
    changed = msgspec.structs.replace(
        changed,
        ids=tuple(id_ for id_ in changed.ids if id_ in left),
        noted=tuple(id_ for id_ in changed.noted if id_ in left),
        begun=tuple(id_ for id_ in changed.begun if id_ in left),
        apart=apart,
        ends=min(apart.get(id_, changed.ends) for id_ in left) if apart else changed.ends,
    )
    blobs.put(tr, tr.keys.lease + packed, encode(changed))
    if changed.ends != lease.ends:
        tr.clear(tr.keys.end_of(place, lease.ends, token))
        tr.set(tr.keys.end_of(place, changed.ends, token), b"")


def extend(tr: Transaction, claims: Sequence[ClaimRef], seconds: float) -> list[str]:
    """Let claims end so many seconds from now; return the ids of those that are lost."""
    tokens: dict[int, list[ClaimRef]] = {}
    for claim in claims:
        tokens.setdefault(claim.token, []).append(claim)
    held = by_tokens(tr, tokens)
    lost: list[str] = []
    ends = tr.now + seconds
    for token, refs in tokens.items():
        lease = held.get(token)
        ids = set() if lease is None else set(lease.ids)
        kept = {ref.id for ref in refs if ref.id in ids}
        lost.extend(ref.id for ref in refs if ref.id not in ids)
        if lease is None or not kept:
            continue
        begun = {*lease.begun, *(ref.id for ref in refs if ref.begun and ref.id in kept)}
        if len(kept) == len(ids):
            apart: dict[str, float] = {}
        else:
            apart = {id_: ends if id_ in kept else lease.end_of(id_) for id_ in ids}
        if any(ends < lease.end_of(id_) for id_ in kept):
            # Those who wait go by the ends that they know.
            wakeups.wake(tr, lease.queue, lease.route)
        latest = max(apart.values(), default=ends)
        save(tr, token, lease, ids, ends=latest, apart=apart, begun=tuple(sorted(begun)))
    tr.unchanged = len(lost) == len(claims)
    return lost


def reclaim(tr: Transaction, queue: str, route: str) -> int:
    """Take back some of what leases of a route ran out on; return how many firings."""
    before = tr.keys.lease_end + keys.place(queue, route)
    pairs = tr.get_range(before, before + keys.moment(tr.now) + keys.END, _RECLAIM_AT_ONCE, snapshot=True)()
    back = 0
    for token, lease in by_tokens(tr, [keys.number_of(pair.key[-8:]) for pair in pairs]).items():
        begun = set(lease.begun)
        over = [id_ for id_ in lease.ids if lease.end_of(id_) <= tr.now]
        deaths: dict[str, Death | None] = {
            id_: rules.lease_ended(tr.now, lease.worker, begun=id_ in begun) for id_ in over[: _MOST - back]
        }
        give_back(tr, token, lease, deaths)
        back += len(deaths)
    tr.unchanged = not back
    return back


def give_back(tr: Transaction, token: int, lease: Lease, deaths: Mapping[str, Death | None]) -> None:
    """Make running firings pending in their old place, each with a death or as if released; count all that."""
    if not deaths:
        return
    known = firings.heads(tr, deaths)
    attempts = firings.attempts(tr, deaths)
    states: Counter[str] = Counter()
    died: Counter[str] = Counter()
    for id_, head in known.items():
        entry, death = head.entry, deaths[id_]
        before = attempts.get(id_)
        attempt = firings.noted(before, token=token, worker=lease.worker)
        if death is not None:
            evidence = attempt.evidence + rules.evidence_line(death)
            attempt = firings.noted(attempt, deaths=attempt.deaths + 1, evidence=evidence)
            died[entry.job] += death.begun
        firings.note(tr, id_, attempt)
        lines.put(tr, entry, attempt, is_large=head.is_large)
        states[entry.job] += 1
    save(tr, token, lease, [id_ for id_ in lease.ids if id_ not in deaths])
    for job, number in states.items():
        tallies.shift(tr, lease.queue, lease.route, job, {State.RUNNING: -number, State.PENDING: number})
        if died[job]:
            tallies.count(tr, lease.queue, lease.route, job, {"deaths": died[job]})
    wakeups.wake(tr, lease.queue, lease.route)
