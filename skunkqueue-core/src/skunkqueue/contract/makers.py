"""Short ways to make firings, outcomes, workers and schedules; what a test does not give has a default.

Knows no backend; it also serves the child processes, so it needs no pytest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skunkqueue.ids import new_id
from skunkqueue.listings import Query, Row, Rows
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import Entry, PoolRecord
from skunkqueue.records import (
    Claim,
    ClaimRef,
    Death,
    Firing,
    Outcome,
    Record,
    Refire,
    RouteInfo,
    Run,
    Schedule,
    State,
    Verdict,
    WorkerRecord,
)

QUEUE = "demo"
ROUTE = "foo"
WORKER = "worker-1"
OTHER = "worker-2"
POOL = "pool-1"
LEASE = 15.0

ODD_NAMES = (
    "naïve ☃ 漢字 🦨",
    "a/b\\c",
    'it\'s "quoted"; DROP TABLE firings; --',
    "100%_*?[x]{y}:z",
    " leading and trailing ",
    "x" * 200,
    "é" * 100,
)
"""Names that must be allowed everywhere; the longest have 200 bytes."""


def firing(**fields: Any) -> Firing:
    """Make a firing for the usual route."""
    return Firing(**{"id": new_id(), "queue": QUEUE, "route": ROUTE, "body": b"body", **fields})


def firings(count: int, **fields: Any) -> list[Firing]:
    """Make several, in the order of their ids."""
    return [firing(**fields) for _ in range(count)]


def claim(
    backend: Backend,
    limit: int = 1,
    *,
    worker: str = WORKER,
    lease: float = LEASE,
    queue: str = QUEUE,
    route: str = ROUTE,
) -> list[Claim]:
    """Claim from the usual route as the usual worker."""
    return backend.claim(queue, route, worker, limit, lease)


def claimed(backend: Backend, worker: str = WORKER, lease: float = LEASE, **fields: Any) -> Claim:
    """Enqueue one firing and claim it."""
    made = firing(**fields)
    backend.enqueue([made])
    (lent,) = claim(backend, worker=worker, lease=lease, queue=made.queue, route=made.route)
    assert lent.id == made.id
    return lent


def ids(items: Sequence[Firing | Claim | Record | Row]) -> list[str]:
    """List the ids of firings, claims, records or rows."""
    return [item.id for item in items]


def ref(lent: Claim, *, begun: bool = False) -> ClaimRef:
    """Make the reference that proves a claim."""
    return ClaimRef(lent.id, lent.token, begun)


def outcome(lent: Claim, verdict: Verdict = Verdict.COMPLETE, **fields: Any) -> Outcome:
    """Make an outcome of a claim, with everything that a worker fills in."""
    told = {
        "queue": lent.queue,
        "route": lent.route,
        "was_due": lent.due,
        "job": lent.job,
        "tags": lent.tags,
        "key": lent.key,
        "parent": lent.parent,
    }
    return Outcome(**{"id": lent.id, "token": lent.token, "verdict": verdict, **told, **fields})


def bare_outcome(lent: Claim, verdict: Verdict = Verdict.COMPLETE, **fields: Any) -> Outcome:
    """Make an outcome without a description of its claim, as workers of older versions do."""
    return Outcome(**{"id": lent.id, "token": lent.token, "verdict": verdict, **fields})


def settled(backend: Backend, verdict: Verdict = Verdict.COMPLETE, **fields: Any) -> str:
    """Bring a new firing into the state that a verdict leads to; return its id."""
    lent = claimed(backend, **fields)
    assert backend.settle([outcome(lent, verdict)]) == []
    return lent.id


def read(backend: Backend, id_: str) -> Record:
    """Read a firing that exists."""
    (record,) = backend.get([id_])
    assert record is not None, f"firing {id_} is gone"
    return record


def state(backend: Backend, id_: str) -> State | None:
    """Read the state of a firing; ``None`` where it does not exist."""
    (record,) = backend.get([id_])
    return record.state if record is not None else None


def route_info(backend: Backend, queue: str = QUEUE, route: str = ROUTE) -> RouteInfo | None:
    """Read the entry of one route in ``routes``."""
    found = [info for info in backend.routes(queue) if info.route == route]
    assert len(found) <= 1, f"route {route!r} is listed {len(found)} times"
    return found[0] if found else None


def counts(backend: Backend, queue: str = QUEUE, route: str = ROUTE) -> dict[State, int]:
    """Read the counts of one route, leaving out zeros."""
    info = route_info(backend, queue, route)
    return {state: count for state, count in info.counts.items() if count} if info else {}


def listed(
    backend: Backend, state: State, *, limit: int = 50, queue: str = QUEUE, route: str = ROUTE
) -> list[Record]:
    """Page through a listing to its end."""
    records: list[Record] = []
    after = None
    while True:
        page = backend.page(queue, route, state, limit, after)
        assert len(page.records) <= limit
        records.extend(page.records)
        if page.next is None:
            return records
        assert page.next != after, "the cursor does not move on"
        after = page.next


def rows_of(backend: Backend, limit: int = 50, **asked: Any) -> list[Row]:
    """Page through a listing of rows to its end."""
    return [row for page in pages_of(backend, Query(**asked), limit) for row in page.rows]


def pages_of(backend: Backend, query: Query, limit: int = 50) -> list[Rows]:
    """Read all pages of a listing of rows."""
    found = [backend.rows(query, limit)]
    while found[-1].next is not None:
        found.append(backend.rows(query, limit, found[-1].next))
        assert found[-1].next != found[-2].next, "the cursor does not move on"
    assert all(len(page.rows) <= limit for page in found)
    return found


def row(backend: Backend, id_: str) -> Row:
    """Find the row of a firing that exists."""
    (found,) = [one for one in rows_of(backend) if one.id == id_]
    return found


def counters(
    backend: Backend, queue: str = QUEUE, route: str = ROUTE, now: float | None = None
) -> dict[str, float]:
    """Add up a route's counters of the last day."""
    minute = int((backend.now() if now is None else now) // 60)
    total: dict[str, float] = {}
    for entry in backend.minutes(queue, route, minute - 1440, minute + 1):
        for name, value in entry.values.items():
            total[name] = total.get(name, 0.0) + value
    return total


def pool(id_: str = POOL, **fields: Any) -> PoolRecord:
    """Make a pool's record."""
    given = {
        "id": id_,
        "host": "host",
        "pid": 1,
        "queue": QUEUE,
        "routes": (ROUTE,),
        "workers": 1,
        "started": 1.0,
    }
    return PoolRecord(**{**given, **fields})


def audit_entry(**fields: Any) -> Entry:
    """Make an entry of the audit log."""
    return Entry(**{"id": new_id(), "who": "ada@host", "verb": "kill", "on": "a firing", **fields})


def worker(id_: str = WORKER, **fields: Any) -> WorkerRecord:
    """Make a worker's record."""
    given = {
        "id": id_,
        "queue": QUEUE,
        "route": ROUTE,
        "pool": "pool-1",
        "host": "host",
        "pid": 4711,
        "started": 1_000.0,
    }
    return WorkerRecord(**{**given, **fields})


def death(at: float, worker: str = WORKER, **fields: Any) -> Death:
    """Make evidence of a worker's death."""
    return Death(**{"at": at, "worker": worker, "cause": "signal", "signal": 9, "rss": 1 << 20, **fields})


def schedule(name: str = "hourly", **fields: Any) -> Schedule:
    """Make a schedule."""
    given = {
        "queue": QUEUE,
        "name": name,
        "route": ROUTE,
        "strategy": "time",
        "params": b"params",
        "state": b"state-0",
        "body": b"body",
    }
    return Schedule(**{**given, **fields})


def declared(backend: Backend, name: str = "hourly", **fields: Any) -> tuple[Schedule, Firing]:
    """Declare a schedule; return it as the store has it, and its firing."""
    armed = firing()
    assert backend.declare(schedule(name, **fields), armed)
    return planned(backend, name), armed


def planned(backend: Backend, name: str = "hourly") -> Schedule:
    """Read a schedule that exists."""
    found = backend.get_schedule(QUEUE, name)
    assert found is not None, f"schedule {name!r} is gone"
    return found


def refire(lent: Claim, of: Schedule, next_one: Firing | None, **fields: Any) -> Refire:
    """Make the next run of a schedule, to be settled with a claim."""
    run = Run(id=lent.id, began=lent.claimed, took=2.0, verdict="complete", interval=60.0)
    given = {
        "queue": of.queue,
        "name": of.name,
        "generation": of.generation,
        "firing": next_one,
        "state": b"state-1",
        "run": run,
    }
    return Refire(**{**given, **fields})


def ran(backend: Backend, name: str = "hourly", **fields: Any) -> Claim:
    """Claim the due firing of a schedule and settle it with the next one, due in a minute."""
    (lent,) = claim(backend)
    following = refire(lent, planned(backend, name), firing(delay=60.0), **fields)
    assert backend.settle([outcome(lent, refire=following)]) == []
    return lent
