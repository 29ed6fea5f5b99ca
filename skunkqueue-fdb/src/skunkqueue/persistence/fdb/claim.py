"""Lending firings out: one range of the line, read and cleared, and a lease that lists what was in it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

import msgspec

from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import HALF_DONE
from skunkqueue.persistence.fdb import blobs, firings, keys, leases, staged_batch, tallies
from skunkqueue.persistence.fdb.binding import KeyValue, Value
from skunkqueue.persistence.fdb.lines import NOTED
from skunkqueue.persistence.fdb.records import (
    CLAIM_HEAD,
    ENTRY_HEAD,
    TARGETS,
    Lease,
    Route,
    as_lease,
    as_route,
    encode,
    with_attempt,
)
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from skunkqueue.records import MAX_PRIORITY, Claim, State

MAX_CLAIM = 2_500
"""Firings lent in one transaction."""
MAX_BYTES = 4_000_000
"""Bytes of bodies lent in one transaction, more or less."""
FEW = 8
"""So many are taken one by one, so that a firing put in between them does not conflict."""
MAX_SLOTS, SPREAD, NARROW = 100.0, 4.0, 0.95
"""Places in the line, each a batch apart, of which one is taken at random: one as long as claims do not conflict, ``SPREAD`` times
as many after a conflict, ``NARROW`` times as many after none."""
STRIP = 6
"""Claims in a row that go on where the one before ended, while claims are spread: to find a place by its number costs the cluster and
this process all that lies before it."""
STEP = 0.001
"""Seconds by which one who was woken waits at most, for each place over which claims are spread."""
MAX_PASSED = 10_000
"""Firings that a claim passes over at most: the cluster has to count them."""
AHEAD = 0.005
"""Seconds by which the line is read further than now seems: the version read may say that it is later."""
_NONCE_BITS = 8
_RANKS = range(MAX_PRIORITY + 1)
_decode = msgspec.msgpack.Decoder(list[Claim]).decode


def step_aside(link: Link, queue: str, route: str) -> None:
    """Let others claim first for a moment, where claims conflicted recently: a watch wakes all who wait, and one gets it."""
    slots = link.slots.get((queue, route), 1.0)
    if slots > 1.0:
        link.closed.wait(random.random() * (slots - 1.0) * STEP)  # noqa: S311 - no secret


class _Row(NamedTuple):
    """A firing in line."""

    order: bytes
    """RANK, DUE and ID of its key."""
    key: bytes
    value: bytes
    id: str
    target: bool


class _Start(NamedTuple):
    """Where in the lowest priority to begin."""

    slot: int
    """Batches behind the head."""
    after: bytes
    """RANK, DUE and ID of the firing behind which; empty: of none."""


_HEAD = _Start(0, b"")


class Claiming:
    """One call of ``claim``, which may take several tries."""

    def __init__(self, queue: str, route: str, worker: str, limit: int, lease: float) -> None:
        self._queue, self._route, self._worker = queue, route, worker
        self._place = keys.place(queue, route)
        self._limit = min(limit, MAX_CLAIM)
        self._lease = lease
        self._tries: list[tuple[bytes, list[Claim]]] = []
        self._conflicts = 0
        self._taken: list[bytes] = []
        """Keys that the last try took out of the line, or some of them; but for what only this worker may take."""
        self.half_done = False
        """A large batch is not all in: after two seconds others finish it."""
        self.overdue = False
        """Leases have ended: they must be taken back first."""

    def __call__(self, tr: Transaction) -> list[Claim]:
        """Lend what is first in line; repeatable."""
        before = self._committed(tr)
        if before is not None:
            tr.unchanged = True
            return before
        rows = self._rows(tr)
        if not rows:
            accepted = staged_batch.first_accepted(tr)
            self.half_done = accepted is not None and accepted <= tr.now - HALF_DONE
            tr.unchanged = not self._tries
            return []
        return self._lend(tr, rows)

    @property
    def may_have_lent(self) -> bool:
        """Whether a try was committed, or may be."""
        return bool(self._tries)

    def take_back(self, tr: Transaction) -> None:
        """Put back what was lent, as nobody gets it any more, and have no try lend anything from now on; repeatable."""
        for claim in (self._committed(tr) or ())[:1]:
            (lease,) = leases.by_tokens(tr, [claim.token]).values()
            leases.give_back(tr, claim.token, lease, dict.fromkeys(lease.ids))
        tr.unchanged = False

    def _committed(self, tr: Transaction) -> list[Claim] | None:
        """Return what an earlier try has lent, where it was committed after all; no later one can be from now on."""
        asked = [(tr.get(key), key, claims) for key, claims in self._tries]
        for future, key, claims in asked:
            value = blobs.read(tr, key, future)
            if value is not None:
                # Another worker that read the same version may have made the same token.
                lease = as_lease(value)
                if lease.worker == self._worker and lease.ids == tuple(claim.id for claim in claims):
                    return claims
            tr.raw.add_write_conflict_key(key)
        return None

    # --- reading the line -------------------------------------------------------------------------

    def _rows(self, tr: Transaction) -> list[_Row]:
        place, all_keys, link = self._place, tr.keys, tr.link
        paused = tr.get(all_keys.queue + keys.name(self._queue))
        route = tr.get(all_keys.route + place)
        version = tr.raw.get_read_version()
        ends = all_keys.lease_end + place
        overdue = tr.get_range(ends, ends + keys.moment(tr.now) + keys.END, 1, snapshot=True)
        known = link.routes.get((self._queue, self._route), 0)
        start = self._start(tr)
        taken = self._ask_for_taken(tr)
        asked, asked_at = self._ask(tr, known, start), tr.now
        link.note_version(version.wait())
        tr.now = link.time.now()
        value = route.value
        found = Route() if value is None else as_route(value)
        if paused.value is not None or found.paused or self._limit < 1:
            return []
        self.overdue = bool(overdue())
        if self.overdue:
            return []
        until = keys.moment(tr.now) + keys.END
        # The clock of a process that is new, or saw no version for long, is late until it sees one.
        late = tr.now > asked_at + AHEAD
        if found.ranks != known or late:
            link.routes[self._queue, self._route] = found.ranks
            asked = self._ask(tr, found.ranks, start)
        rows = self._collect(asked, until)
        if any(future.value is None for future in taken):
            # Another worker was there; who fires takes nothing, so a worker that is alone keeps the order.
            link.slots.setdefault((self._queue, self._route), 1.0)
            start = self._start(tr)
            rows = self._collect(self._ask(tr, found.ranks, start), until)
        self._conflicts = tr.conflicts
        if start != _HEAD and len(rows) < self._limit:
            rows = self._collect(self._ask(tr, found.ranks, _HEAD), until)
        rows = rows[: self._limit]
        mine = [row.key for row in rows if not row.target]
        self._taken = [*mine[:: len(mine) // FEW + 1], *mine[-1:]]
        return rows

    def _ask_for_taken(self, tr: Transaction) -> list[Value]:
        """Ask for what the try before took, after a conflict, unless claims are spread already."""
        if tr.conflicts <= self._conflicts or (self._queue, self._route) in tr.link.slots:
            return []
        return [tr.snapshot.get(key) for key in self._taken]

    def _start(self, tr: Transaction) -> _Start:
        """Choose where to claim: the further behind the head of the line, the more often claims conflict with each other there.

        Then some claims follow each other from that place on, so that workers empty strips of the line side by side.
        """
        slots, strips = tr.link.slots, tr.link.strips
        place = (self._queue, self._route)
        if place in slots and tr.conflicts > self._conflicts:
            self._conflicts = tr.conflicts
            slots[place] = min(max(slots[place], 1.0) * SPREAD, MAX_SLOTS)
            strips.pop(place, None)
        elif place in slots and not tr.conflicts:
            slots[place] *= NARROW
            if slots[place] < 1.0:
                del slots[place]
        if place not in slots:
            strips.pop(place, None)
            return _HEAD
        after, left = strips.get(place, (b"", 0))
        if left:
            return _Start(0, after)
        most = min(int(slots.get(place, 1.0)), max(MAX_PASSED // max(self._limit, 1), 1))
        return _Start(random.randrange(most), b"")  # noqa: S311 - no secret

    def _go_on_behind(self, tr: Transaction, last: _Row) -> None:
        """Have the next claim go on here, where claims are spread over the line."""
        place = (self._queue, self._route)
        if place in tr.link.slots and not last.target:
            _, left = tr.link.strips.get(place, (b"", 0))
            tr.link.strips[place] = (last.order, left - 1 if left else STRIP)

    def _ask(
        self, tr: Transaction, ranks: int, start: _Start
    ) -> list[tuple[int, bool, Callable[[], Sequence[KeyValue]]]]:
        """Ask for what is due, by priority: of the line, and of what is for this worker only.

        Only the lowest priority is read from further behind: no priority is passed over.
        """
        tables = [(tr.keys.line + self._place, False)]
        if ranks & TARGETS:
            # Which priorities those have is not known apart.
            tables.append((tr.keys.targeted + keys.name(self._worker) + self._place, True))
        until = keys.moment(tr.now + (0.0 if tr.link.time.is_virtual else AHEAD)) + keys.END
        asked = []
        for table, target in tables:
            used = [priority for priority in reversed(_RANKS) if ranks >> priority & 1]
            for priority in used:
                before = begin = table + keys.rank(priority)
                passed = 0
                if priority == used[-1] and not target:
                    passed = start.slot * self._limit
                    if start.after.startswith(keys.rank(priority)):
                        begin = table + start.after + b"\0"
                # What was there last time may not be due yet by the clock of today.
                end = max(before + until, begin)
                pairs = tr.get_range(begin, end, self._limit, passed=passed, snapshot=True)
                asked.append((len(table), target, pairs))
        return asked

    def _collect(
        self, asked: list[tuple[int, bool, Callable[[], Sequence[KeyValue]]]], until: bytes
    ) -> list[_Row]:
        rows: list[_Row] = []
        tables = 0
        for start, target, pairs in asked:
            found = pairs()
            if found and found[-1].key[start + 1 :] > until:
                found = [pair for pair in found if pair.key[start + 1 :] <= until]
            tables += bool(found)
            for pair in found:
                key = pair.key
                order = key[start:]
                rows.append(_Row(order, key, pair.value, order[keys.LINE_TAIL :].decode(), target))
        if tables > 1:
            rows.sort(key=itemgetter(0))
        return rows

    # --- lending ----------------------------------------------------------------------------------

    def _lend(self, tr: Transaction, rows: list[_Row]) -> list[Claim]:
        version: int = tr.raw.get_read_version().wait()
        # Versions grow by a million a second, so tokens stay below 2 ** 53 for decades.
        token = version << _NONCE_BITS | random.getrandbits(_NONCE_BITS)
        packed = keys.number(token)
        tr.raw.add_read_conflict_key(tr.keys.lease + packed)
        rows = _within(rows, MAX_BYTES)
        bodies = [row.value[1:] if row.value else None for row in rows]
        if None in bodies:
            bodies, rows = self._with_large(tr, rows, bodies)
        head = CLAIM_HEAD + msgspec.msgpack.encode(token) + msgspec.msgpack.encode(tr.now)
        claims = _decode(
            b"\xdc" + keys.part(len(rows)) + b"".join([head + body for body in bodies if body is not None])
        )
        length = rules.batch_length([claim.deaths for claim in claims])
        claims, rows = claims[:length], rows[:length]
        self._take(tr, rows)
        self._go_on_behind(tr, rows[-1])
        lease = Lease(
            worker=self._worker,
            queue=self._queue,
            route=self._route,
            claimed=tr.now,
            ends=tr.now + self._lease,
            ids=tuple([row.id for row in rows]),
            noted=tuple([row.id for row in rows if row.value[:1] == NOTED or not row.value]),
        )
        leases.make(tr, token, lease)
        for job, number in Counter([claim.job for claim in claims]).items():
            tallies.shift(tr, self._queue, self._route, job, {State.PENDING: -number, State.RUNNING: number})
        self._tries.append((tr.keys.lease + packed, claims))
        return claims

    def _with_large(
        self, tr: Transaction, rows: list[_Row], bodies: list[bytes | None]
    ) -> tuple[list[bytes | None], list[_Row]]:
        """Read those that are too large for the line, as many as fit into one claim."""
        large = [row.id for row in rows if not row.value]
        size = 0
        kept = len(rows)
        filled: dict[str, bytes] = {}
        for start in range(0, len(large), FEW):
            some = large[start : start + FEW]
            known = firings.entries(tr, some)
            attempts = firings.attempts(tr, some, attempt_states=True)
            for id_, entry in known.items():
                filled[id_] = encode(with_attempt(entry, attempts.get(id_)))[ENTRY_HEAD:]
                size += len(filled[id_])
            if size > MAX_BYTES and start + FEW < len(large):
                kept = next(number for number, row in enumerate(rows) if row.id == large[start + FEW])
                break
        whole = [
            filled[row.id] if body is None else body
            for row, body in zip(islice(rows, kept), bodies, strict=False)
        ]
        return [*whole], rows[:kept]

    def _take(self, tr: Transaction, rows: list[_Row]) -> None:
        """Take firings out of the line; conflicts where another transaction has, or has put one in between."""
        groups: dict[tuple[bool, bytes], list[_Row]] = {}
        for row in rows:
            groups.setdefault((row.target, row.order[:1]), []).append(row)
            if row.target:
                tr.clear(tr.keys.target + self._place + row.order)
        raw = tr.raw
        for own in groups.values():
            if len(own) <= FEW:
                for row in own:
                    raw.add_read_conflict_key(row.key)
                    raw.clear(row.key)
                continue
            first, after = own[0].key, own[-1].key + b"\0"
            raw.add_read_conflict_range(first, after)
            raw.clear_range(first, after)


def _within(rows: list[_Row], most: int) -> list[_Row]:
    size = 0
    for number, row in enumerate(rows):
        size += len(row.value)
        if size > most and number:
            return rows[:number]
    return rows
