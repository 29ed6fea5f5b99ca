"""Firings, claims, outcomes and records as bytes, as the scripts expect and send them.

MessagePack throughout, and whole batches at once: a claim of hundreds is decoded by one call into C.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from skunkqueue.errors import BackendDamagedError, BackendError
from skunkqueue.ids import ID_LENGTH
from skunkqueue.persistence.listing import error_type
from skunkqueue.persistence.redis.keys import place_of
from skunkqueue.records import MAX_PRIORITY, MIN_PRIORITY, Claim, Firing, Outcome, Record, State

encode = msgspec.msgpack.Encoder().encode
Group = list[Any]
T = TypeVar("T")


def reader(kind: type[T]) -> Callable[[bytes], T]:
    """Make a function that decodes answers of one kind; it raises BackendDamagedError for what is none."""
    decode = msgspec.msgpack.Decoder(kind).decode

    def read(reply: bytes) -> T:
        try:
            return decode(reply)
        except msgspec.MsgspecError as error:
            msg = f"the store holds what no part of SkunkQueue wrote ({error}): give it a dbname of its own"
            raise BackendDamagedError(msg) from error

    return read


as_ids = reader(list[str])
as_count = reader(int)
as_number = reader(float)
as_answer = reader(bool)


class Stored(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What ``put.lua`` keeps of a firing: three times from the server, then ``fragment``."""

    enqueued: float
    due: float
    expires: float | None
    id: str
    queue: str
    route: str
    priority: int
    target: str | None
    key: str | None
    body: bytes
    attempt_state: None
    deaths: int
    labels: str
    """Where a claim has its evidence, of which a firing has none yet: see ``label``."""
    kill: bool


class Extras(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What happened to a firing since it was put in."""

    due: float | None
    token: int | None
    attempt_state: bytes | None
    deaths: int
    evidence: str
    kill: bool
    progress: bytes | None
    worker: str | None
    never_expires: bool
    error: str | None = None


class Running(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The lease a firing is under."""

    token: int
    claimed: float
    worker: str
    left: float


class End(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How a firing ended."""

    chunk: str
    state: State
    token: int
    began: float | None
    worker: str | None
    attempt_state: bytes | None
    result: bytes | None
    took: float | None = None
    error: str | None = None


class Found(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One firing as ``reading.lua`` sends it."""

    stored: Stored
    extras: Extras | None
    running: Running | None
    end: End | None
    finished: float | None
    worker: str | None


NOT_PLAIN = 2
"""The kind of reply with which ``claim.lua`` says that ``claim_any.lua`` is needed."""
ClaimExtras = tuple[int, float | None, bool, bytes | None, int, str, bool]
"""Index in the batch; due, never expires, attempt state, deaths, evidence, kill requested."""

_as_claims = reader(tuple[int, list[Claim] | float | None, list[ClaimExtras] | float | None])
as_found = reader(list[Found | None])


class Labels(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What people find a firing by."""

    job: str = ""
    tags: tuple[str, ...] = ()
    schedule: str | None = None
    parent: str | None = None


_NO_LABELS = Labels()
_force = msgspec.structs.force_setattr
_labels = msgspec.json.Decoder(Labels).decode


@lru_cache(1024)
def label(job: str, tags: tuple[str, ...], schedule: str | None, parent: str | None) -> str:
    """Write a firing's labels as the text that stands in the place of its evidence; what is missing at the end is left out.

    A version before reads the array as ever, and has no eye for the evidence of a firing without deaths.
    """
    parts = [job, tags, schedule, parent]
    while parts and not parts[-1]:
        parts.pop()
    return msgspec.json.encode(parts).decode() if parts else ""


@lru_cache(1024)
def labels_of(text: str) -> Labels:
    """Read labels; raises BackendDamagedError for what are none."""
    if not text:
        return _NO_LABELS
    try:
        return _labels(text)
    except msgspec.MsgspecError as error:
        msg = f"the store holds what no part of SkunkQueue wrote ({error}): give it a dbname of its own"
        raise BackendDamagedError(msg) from error


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


def token(number: int) -> str:
    """Write a fencing token as the server does in names, without an exponent."""
    return str(number)


def is_plain(firing: Firing) -> bool:
    """Say whether ``fire.lua`` can put it in."""
    return (
        firing.due is None
        and not firing.delay
        and firing.expires is None
        and firing.expires_in is None
        and firing.key is None
        and firing.target is None
        and MIN_PRIORITY <= firing.priority <= MAX_PRIORITY
        and len(firing.id) == ID_LENGTH
        and firing.id.isascii()
        and firing.id.isalnum()
    )


def fire_of(firing: Firing) -> tuple[bytes, ...]:
    """Encode a plain firing as ``fire.lua`` wants it."""
    rank = b"%d" % (MAX_PRIORITY - firing.priority)
    job = firing.job.encode()
    return (
        place_of(firing.queue, firing.route).encode(),
        rank,
        firing.id.encode(),
        fragment(firing),
        b"enqueued\n" + job if job else b"enqueued",
        rank + b"\n" + job,
    )


class Blobs(list[bytes]):
    """Bytes that go beside a request, which names them by their number."""

    def put(self, blob: bytes) -> int:
        """Add one; return its number."""
        self.append(blob)
        return len(self) + 1

    def maybe(self, blob: bytes | None) -> int | bool:
        """Add one if there is one; Lua's arrays have no holes."""
        return False if blob is None else self.put(blob)


def groups_of(firings: Sequence[Firing], blobs: Blobs, *, own_due: bool = False) -> list[Group]:
    """Sort firings into groups that share all but id, body, key, job, tags and parent.

    ``own_due``: and due time, which each of them has.
    Raises BackendError for what no store could keep.
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
        # Of several with one key the first is put in, so those with keys must keep their order.
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
    """Leave out those whose id another has before them. Raises BackendError for what is no id."""
    ids = [firing.id for firing in firings]
    if len(set(ids)) < len(ids):
        first: dict[str, Firing] = {}
        for firing in firings:
            first.setdefault(firing.id, firing)
        firings = list(first.values())
    joined = "".join(ids)
    # All at once, since that is quicker than one by one.
    if joined.isascii() and joined.isalnum() and set(map(len, ids)) == {ID_LENGTH}:
        return firings
    for id_ in ids:
        if len(id_) != ID_LENGTH or not (id_.isascii() and id_.isalnum()):
            msg = f"the id {id_!r} is none: make ids of {ID_LENGTH} hexadecimal digits with new_id()"
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
    # Lua's arrays have no holes.
    if value is None:
        return False
    if not math.isfinite(value):
        msg = f"{name}={value!r} is no time: give a finite number of seconds"
        raise BackendError(msg)
    return float(value)


def end_of(outcome: Outcome, chunk: str, state: str) -> bytes:
    """Encode how a firing ended, as ``End`` reads it."""
    return encode(
        (
            chunk,
            state,
            outcome.token,
            outcome.began,
            None,
            outcome.attempt_state,
            outcome.result,
            None if outcome.began is None else outcome.took,
            outcome.error,
        )
    )


def marks_of(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    """List by what some of these are found, each with their ids one after the other."""
    found: dict[str, str] = {}
    for outcome in outcomes:
        if outcome.tags or outcome.key is not None or outcome.error is not None:
            marks = [f"t:{tag}" for tag in outcome.tags]
            if outcome.key is not None:
                marks.append(f"k:{outcome.key}")
            if outcome.error is not None:
                marks.append(f"e:{error_type(outcome.error)}")
            for mark in dict.fromkeys(marks):
                found[mark] = found.get(mark, "") + outcome.id
    return list(found.items())


def claims_of(reply: bytes) -> tuple[int, list[Claim], float | None, float | None]:
    """Decode a claim's reply: its kind, the claims, and where there are none, in how many seconds to look again."""
    kind, first, second = _as_claims(reply)
    if not isinstance(first, list):
        return kind, [], first, second if isinstance(second, float) else None
    last, labels = "", _NO_LABELS
    for claim in first:
        text = claim.evidence
        if text:
            # In place, since each copy would cost as much as reading it has cost; and most of a batch are of one job.
            if text != last:
                last, labels = text, labels_of(text)
            _force(claim, "evidence", "")
            _force(claim, "job", labels.job)
            if labels.tags:
                _force(claim, "tags", labels.tags)
            if labels.schedule is not None:
                _force(claim, "schedule", labels.schedule)
            if labels.parent is not None:
                _force(claim, "parent", labels.parent)
    if isinstance(second, list):
        for index, due, never_expires, attempt_state, deaths, evidence, kill in second:
            old = first[index]
            first[index] = msgspec.structs.replace(
                old,
                due=old.due if due is None else due,
                expires=None if never_expires else old.expires,
                attempt_state=attempt_state,
                deaths=deaths,
                evidence=evidence,
                kill_requested=kill,
            )
    return kind, first, None, None


def record_of(found: Found) -> Record:
    """Put one firing together as people and handles read it."""
    stored, extras, running, end = found.stored, found.extras, found.running, found.end
    state, token, began, worker, lease_left = State.PENDING, 0, None, None, None
    attempt_state, due, expires = None, stored.due, stored.expires
    labels = labels_of(stored.labels)
    error = None if extras is None else extras.error
    if extras is not None:
        token, worker, attempt_state = extras.token or 0, extras.worker, extras.attempt_state
        due = stored.due if extras.due is None else extras.due
        expires = None if extras.never_expires else stored.expires
    if running is not None:
        state, token, began = State.RUNNING, running.token, running.claimed
        worker, lease_left = running.worker, running.left
    elif end is not None:
        state, token, began = end.state, end.token, end.began
        worker = found.worker or end.worker
        attempt_state = attempt_state if end.attempt_state is None else end.attempt_state
        error = error if end.error is None else end.error
    return Record(
        id=stored.id,
        queue=stored.queue,
        route=stored.route,
        state=state,
        body=stored.body,
        priority=stored.priority,
        enqueued=stored.enqueued,
        due=due,
        token=token,
        began=began,
        finished=found.finished,
        expires=expires,
        key=stored.key,
        target=stored.target,
        worker=worker,
        lease_left=lease_left,
        deaths=0 if extras is None else extras.deaths,
        evidence="" if extras is None else extras.evidence,
        attempt_state=attempt_state,
        result=None if end is None else end.result,
        progress=None if extras is None else extras.progress,
        kill_requested=extras is not None and extras.kill,
        job=labels.job,
        tags=labels.tags,
        schedule=labels.schedule,
        parent=labels.parent,
        error=error,
        took=None if end is None else end.took,
    )
