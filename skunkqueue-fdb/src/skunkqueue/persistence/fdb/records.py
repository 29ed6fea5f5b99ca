"""What values hold: MessagePack arrays. New fields are only added at their end."""

from __future__ import annotations

from typing import Any

import msgspec

from skunkqueue.records import Firing, Record, State

_encode = msgspec.msgpack.Encoder().encode
encode = _encode
ENTRY_HEAD = 3
"""Bytes of an encoded ``Entry`` before its first field, which a claim has in another form."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A firing as it is claimed: the fields of ``records.Claim`` that follow its first two, in their order.

    So the bytes of a claim are a head, its token and time, and the bytes of the entry: what a batch of claims needs is one
    decoding of bytes put together.
    """

    enqueued: float
    due: float
    expires: float | None
    id: str
    queue: str
    route: str
    priority: int
    target: str | None = None
    key: str | None = None
    body: bytes
    attempt_state: bytes | None = None
    deaths: int = 0
    evidence: str = ""
    kill_requested: bool = False
    job: str = ""
    tags: tuple[str, ...] = ()
    schedule: str | None = None
    parent: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Queue and route."""
        return self.queue, self.route


CLAIM_HEAD = b"\xdc\x00\x14"
"""How an encoded claim begins: an array of 20."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What happened to a firing since it was put in. It is not written on the usual way to ``complete``."""

    token: int = 0
    """Of its last claim that has ended, or of the one under which it is now, where something was noted meanwhile."""
    worker: str | None = None
    """Holder of that claim."""
    claimed: float | None = None
    """Unused: earlier versions wrote when that was."""
    due: float | None = None
    """Its due time, where it is another than its entry's."""
    deaths: int = 0
    evidence: str = ""
    attempt_state: bytes | None = None
    kill_requested: bool = False
    error: str | None = None
    attempts: int = 0
    """Outcomes that said when its job began, but the one that finished it."""
    again: str | None = None
    """Why it is pending once more: ``retry`` or ``snooze``."""
    endless: bool = False
    """It was requeued, and so has no expiry any more."""
    apart: bool = False
    """Its attempt state is large, and lies in ``K``: it is not written anew with all else."""


NO_ATTEMPT = Attempt()


class Lease(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A claim: firings lent to one worker together."""

    worker: str
    queue: str
    route: str
    claimed: float
    ends: float
    """As in the key of its end."""
    ids: tuple[str, ...]
    noted: tuple[str, ...] = ()
    """Those of them that have an ``Attempt``."""
    begun: tuple[str, ...] = ()
    """Those whose job is known to have begun."""
    apart: dict[str, float] = {}
    """Ends of those that do not end at ``ends``, which is the earliest."""

    def end_of(self, id_: str) -> float:
        """Return when the lease of one of its firings ends."""
        return self.apart.get(id_, self.ends) if self.apart else self.ends


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How one firing ended."""

    id: str
    began: float | None
    took: float | None
    result: bytes | None
    """``None`` also where it lies in ``z``."""
    result_size: int
    job: str = ""
    """Empty where ``Ended.job`` has it."""
    error: str | None = None
    """The line that is shown: its own, or that of an earlier attempt."""
    tags: tuple[str, ...] = ()
    key: str | None = None
    attempt_state: bytes | None = None
    """``None``: as its attempt has it."""
    token: int | None = None
    """``None``: as ``Ended`` has it. The same of the next."""
    worker: str | None = None
    parent: str | None = None
    """``None`` also where a worker of an older version finished it: then no word leads to it by its parent."""


class Batch(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Firings that were put in together."""

    entries: tuple[bytes, ...]
    """Of the directory, see ``packed.Spread``."""
    firings: tuple[tuple[str, bytes], ...]
    """Ids and encoded entries."""
    apart: dict[str, tuple[int, int]] = {}
    """Of those whose bodies lie in ``I`` and not in their entries: where each begins, and its size."""


class Ended(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Firings of one route that finished together in one state; where and when is in the key."""

    token: int
    worker: str | None
    gone: float
    """When they may be pruned."""
    job: str | None
    """Of all of them; ``None``: each has its own."""
    items: tuple[Item, ...]
    entries: tuple[bytes, ...] = ()
    """Of the directory, see ``packed.Spread``; none where each firing has its own."""


class Route(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A route as claims and firings must know it."""

    ranks: int = 0
    """Bit N: something was ever in line with priority N. Bit 10: something was for one worker only."""
    paused: bool = False


TARGETS = 1 << 10


def _reader(kind: Any) -> Any:
    return msgspec.msgpack.Decoder(kind).decode


as_batch = _reader(Batch)
as_entry = _reader(Entry)
as_attempt = _reader(Attempt)
as_lease = _reader(Lease)
as_ended = _reader(Ended)
as_route = _reader(Route)
as_names = _reader(tuple[str, ...])


def entry_of(firing: Firing, now: float) -> Entry:
    """Take in a firing: what it says relative to now becomes absolute."""
    expires = firing.expires
    if expires is None and firing.expires_in is not None:
        expires = now + firing.expires_in
    return Entry(
        enqueued=now,
        due=now + firing.delay if firing.due is None else firing.due,
        expires=expires,
        id=firing.id,
        queue=firing.queue,
        route=firing.route,
        priority=firing.priority,
        target=firing.target,
        key=firing.key,
        body=firing.body,
        job=firing.job,
        tags=firing.tags,
        schedule=firing.schedule,
        parent=firing.parent,
    )


def with_attempt(entry: Entry, attempt: Attempt | None) -> Entry:
    """Return a firing as it is claimed next, from how it was put in and what happened since."""
    if attempt is None:
        return entry
    return msgspec.structs.replace(
        entry,
        due=entry.due if attempt.due is None else attempt.due,
        expires=None if attempt.endless else entry.expires,
        attempt_state=attempt.attempt_state,
        deaths=attempt.deaths,
        evidence=attempt.evidence,
        kill_requested=attempt.kill_requested,
    )


def record_of(
    entry: Entry,
    attempt: Attempt | None,
    state: State,
    *,
    lease: tuple[int, Lease] | None = None,
    ended: tuple[Ended, Item, float] | None = None,
    result: bytes | None = None,
    progress: bytes | None = None,
    now: float = 0.0,
) -> Record:
    """Put together all that is known of a firing; ``entry`` is as it was put in."""
    known = attempt or NO_ATTEMPT
    entry = with_attempt(entry, attempt)
    token, worker = known.token, known.worker
    began = finished = took = left = None
    error, attempt_state = known.error, known.attempt_state
    if lease is not None:
        token, held = lease
        worker, began = held.worker, held.claimed
        left = held.end_of(entry.id) - now
    if ended is not None:
        whole, item, finished = ended
        token = whole.token if item.token is None else item.token
        worker = whole.worker if item.worker is None else item.worker
        began, took, error = item.began, item.took, item.error
        attempt_state = attempt_state if item.attempt_state is None else item.attempt_state
        result = item.result if result is None else result
    return Record(
        id=entry.id,
        queue=entry.queue,
        route=entry.route,
        state=state,
        body=entry.body,
        priority=entry.priority,
        enqueued=entry.enqueued,
        due=entry.due,
        token=token,
        began=began,
        finished=finished,
        expires=entry.expires,
        key=entry.key,
        target=entry.target,
        worker=worker,
        lease_left=left,
        deaths=entry.deaths,
        evidence=entry.evidence,
        attempt_state=attempt_state,
        result=result,
        progress=progress,
        kill_requested=entry.kill_requested,
        job=entry.job,
        tags=entry.tags,
        schedule=entry.schedule,
        parent=entry.parent,
        error=error,
        took=took,
    )
