"""Leases: one row for each batch claimed, with the ids that run under its token.

A firing runs exactly while its id is in such a row. The row is the fence: a claim whose id is not in the row of its
token is stale.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from skunkqueue.persistence import rules
from skunkqueue.persistence.sqlite import routes, schema, tallies
from skunkqueue.records import ClaimRef

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store

_ROUTE_BITS = 24
_ROUTE_MASK = (1 << _ROUTE_BITS) - 1
KEYED = 1
TARGETED = 2
FAILED = 4
_RECLAIM_AT_ONCE = 8
"""Leases that one call takes back, so that no single call has to handle a thousand dead workers."""

_SELECT = "SELECT token, route, ends, holder, claimed, special, apart, ids, begun FROM lease WHERE "
_BACK = "UPDATE firing SET token = ?, holder = ?, deaths = deaths + ?, evidence = evidence || ? WHERE id = ?"
_LEND = (
    "INSERT INTO lease (route, token, ends, claimed, special, ids, holder)"
    " SELECT ?, ?, ?, ?, ?, ?, no FROM holder WHERE name = ?"
)
_WORDS = f"(tags IS NOT NULL) * {schema.TAGGED} + (error IS NOT NULL) * {schema.FAILED}"
_TO_READY = (
    "INSERT INTO ready (route, rank, due, id, alone, job, words)"  # noqa: S608 - constants
    f" SELECT route, rank, due, id, deaths > 0, job, {_WORDS} FROM firing WHERE id = ? AND target IS NULL"
)
_TO_TARGETED = (
    "INSERT INTO aimed (route, rank, due, id, alone, target, job, words)"  # noqa: S608 - constants
    f" SELECT route, rank, due, id, deaths > 0, target, job, {_WORDS} FROM firing WHERE id = ? AND target IS NOT NULL"
)


class Lease(msgspec.Struct, kw_only=True):
    """One batch that is lent."""

    token: int
    route: int
    ends: float
    holder: int
    claimed: float
    special: int
    apart: dict[str, float] | None
    held: dict[str, None]
    """Ids, in the order of claiming."""
    begun: set[str]
    """Ids of firings whose job is known to have begun."""

    def end_of(self, firing: str) -> float:
        """Return when the lease of one of its firings ends."""
        return self.ends if self.apart is None else self.apart.get(firing, self.ends)


def _read(row: Sequence[Any]) -> Lease:
    token, route, ends, holder, claimed, special, apart, ids, begun = row
    return Lease(
        token=token,
        route=route,
        ends=ends,
        holder=holder,
        claimed=claimed,
        special=special,
        apart=None if apart is None else json.loads(apart),
        held=dict.fromkeys(ids.split(",")),
        begun=set(begun.split(",")) if begun else set(),
    )


def holder_number(db: sqlite3.Connection, worker: str, now: float) -> int:
    """Return the number that stands for a worker's id in the rows of firings and leases."""
    row = db.execute("SELECT no FROM holder WHERE name = ?", (worker,)).fetchone()
    if row is not None:
        return int(row[0])
    made = db.execute("INSERT INTO holder (name, seen) VALUES (?, ?)", (worker, now)).lastrowid
    assert made is not None  # noqa: S101 - for the type checker: an INSERT sets it
    return made


def lend(
    db: sqlite3.Connection,
    route: int,
    worker: str,
    ids: Sequence[str],
    *,
    ends: float,
    now: float,
    special: int,
) -> int:
    """Write a new lease; return its token."""
    # The token contains the route's number, so that its lease is found by it.
    token = routes.next_claim(db, route) << _ROUTE_BITS | route
    row = (route, token, ends, now, special, ",".join(ids), worker)
    if not db.execute(_LEND, row).rowcount:
        # Its first claim, or its number was dropped.
        holder_number(db, worker, now)
        db.execute(_LEND, row)
    return token


def by_token(db: sqlite3.Connection, token: int) -> Lease | None:
    """Find the lease of a token."""
    if not 0 <= token < 1 << 63:
        return None
    row = db.execute(f"{_SELECT}route = ? AND token = ?", (token & _ROUTE_MASK, token)).fetchone()
    return None if row is None else _read(row)


def of_route(db: sqlite3.Connection, route: int) -> list[Lease]:
    """Read all leases of a route: as many as batches are lent."""
    return [_read(row) for row in db.execute(f"{_SELECT}route = ?", (route,))]


def of_holder(db: sqlite3.Connection, holder: int) -> list[Lease]:
    """Read all leases of one worker."""
    return [_read(row) for row in db.execute(f"{_SELECT}holder = ?", (holder,))]


def of_firing(db: sqlite3.Connection, route: int, firing: str) -> Lease | None:
    """Find the lease of a running firing."""
    row = db.execute(f"{_SELECT}route = ? AND instr(ids, ?) > 0", (route, firing)).fetchone()
    return None if row is None else _read(row)


def save(db: sqlite3.Connection, lease: Lease) -> None:
    """Save a lease after some of its firings left it, or after it was extended."""
    if not lease.held:
        db.execute("DELETE FROM lease WHERE route = ? AND token = ?", (lease.route, lease.token))
        return
    if lease.apart is not None:
        lease.apart = {firing: lease.apart[firing] for firing in lease.held}
        lease.ends = min(lease.apart.values())
    db.execute(
        "UPDATE lease SET ends = ?, special = ?, apart = ?, ids = ?, begun = ? WHERE route = ? AND token = ?",
        (
            lease.ends,
            lease.special,
            None if lease.apart is None else json.dumps(lease.apart),
            ",".join(lease.held),
            ",".join(lease.begun & lease.held.keys()),
            lease.route,
            lease.token,
        ),
    )


def extend(store: Store, claims: Sequence[ClaimRef], lease: float) -> list[str]:
    """Make leases last longer; see ``Backend.extend``."""
    if not claims:
        return []
    lost, sooner = store.writer.run(lambda db: _extend(db, claims, store.clock.monotonic() + lease))
    # Waits know only the ends from before.
    store.wake_numbers(sooner)
    return lost


def _extend(db: sqlite3.Connection, claims: Sequence[ClaimRef], ends: float) -> tuple[list[str], set[int]]:
    """Let claims end at ``ends``; return the ids of lost ones, and the routes on which a lease ends sooner than before."""
    lost: list[str] = []
    sooner: set[int] = set()
    tokens: dict[int, list[str]] = {}
    begun: set[tuple[int, str]] = set()
    for claim in claims:
        tokens.setdefault(claim.token, []).append(claim.id)
        if claim.begun:
            begun.add((claim.token, claim.id))
    for token, ids in tokens.items():
        lease = by_token(db, token)
        if lease is None:
            lost.extend(ids)
            continue
        kept = {firing for firing in ids if firing in lease.held}
        lost.extend(firing for firing in ids if firing not in kept)
        if any(ends < lease.end_of(firing) for firing in kept):
            sooner.add(lease.route)
        lease.begun |= {firing for firing in kept if (token, firing) in begun}
        if len(kept) == len(lease.held):
            db.execute(
                "UPDATE lease SET ends = ?, apart = NULL, begun = ? WHERE route = ? AND token = ?",
                (ends, ",".join(lease.begun), lease.route, token),
            )
        elif kept:
            lease.apart = {firing: ends if firing in kept else lease.end_of(firing) for firing in lease.held}
            save(db, lease)
    return lost, sooner


def give_back(
    db: sqlite3.Connection,
    lease: Lease,
    ids: Collection[str],
    evidence: Mapping[str, str],
    *,
    begun: Collection[str],
    now: float,
) -> None:
    """Make running firings pending in their old place. Those with evidence get a death, which is counted where they had begun."""
    rows = []
    for firing in ids:
        rows.append((lease.token, lease.holder, int(firing in evidence), evidence.get(firing, ""), firing))
        del lease.held[firing]
    db.executemany(_BACK, rows)
    to_pending(db, ids)
    save(db, lease)
    counted = [firing for firing in ids if firing in evidence and firing in begun]
    if counted:
        for job, n in db.execute(
            "SELECT f.job, count(*) FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value GROUP BY 1",
            (json.dumps(counted),),
        ).fetchall():
            tallies.settled(db, lease.route, job, {"deaths": n}, now)


def to_pending(db: sqlite3.Connection, ids: Collection[str]) -> None:
    """Put firings in line, as their rows say."""
    rows = [(firing,) for firing in ids]
    added = db.executemany(_TO_READY, rows).rowcount
    if added != len(rows):
        db.executemany(_TO_TARGETED, rows)


def reclaim(db: sqlite3.Connection, route: int, mono: float, now: float) -> bool:
    """Take back firings of some leases of a route that ran out; return whether any lease had."""
    rows = db.execute(
        f"{_SELECT}route = ? AND ends <= ? ORDER BY ends LIMIT {_RECLAIM_AT_ONCE}", (route, mono)
    ).fetchall()
    for lease in map(_read, rows):
        expired = [firing for firing in lease.held if lease.end_of(firing) <= mono]
        holder = holder_name(db, lease.holder)
        evidence = {
            firing: rules.evidence_line(rules.lease_ended(now, holder, begun=firing in lease.begun))
            for firing in expired
        }
        give_back(db, lease, expired, evidence, begun=lease.begun, now=now)
    return bool(rows)


def give_back_orphans(db: sqlite3.Connection, mono: float, now: float) -> None:
    """Take back firings whose lease ran out and whose target is not listed: no worker would ever claim them."""
    rows = db.execute(f"{_SELECT}special & {TARGETED} AND ends <= ? ORDER BY ends", (mono,)).fetchall()
    left = _RECLAIM_AT_ONCE
    for lease in map(_read, rows):
        if not left:
            break
        expired = [firing for firing in lease.held if lease.end_of(firing) <= mono]
        orphans = db.execute(
            "SELECT f.id FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value WHERE f.target IS NOT NULL"
            " AND f.target NOT IN (SELECT id FROM worker WHERE ends > ?)",
            (json.dumps(expired), mono),
        ).fetchall()
        if orphans:
            left -= 1
            give_back(db, lease, [row[0] for row in orphans], {}, begun=(), now=now)


def holder_name(db: sqlite3.Connection, number: int | None) -> str:
    """Return the id of the worker that a number stands for."""
    row = db.execute("SELECT name FROM holder WHERE no = ?", (number,)).fetchone()
    return "" if row is None else str(row[0])
