"""The backend: every verb of the contract, each by the module that is named as its area.

It lives in one process and forgets everything at its end, and its capabilities say so: the contract kit
then asks neither for several processes nor for a life after a crash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.config import redact
from skunkqueue.counters import Counters
from skunkqueue.listings import MOST_COUNTED, Count, JobCount, Query, Result, Rows
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.persistence.encoding import refuses_what_is_not_utf8
from skunkqueue.pools import Entries, Entry, PoolRecord
from skunkqueue.records import (
    Claim,
    ClaimRef,
    Command,
    Death,
    Firing,
    Minute,
    Outcome,
    Page,
    Record,
    RouteInfo,
    Run,
    Schedule,
    Standing,
    State,
    WorkerRecord,
)
from skunkqueue_memory import (
    audit,
    claim,
    control,
    counters,
    enqueue,
    leases,
    reading,
    schedules,
    settle,
    wakeups,
    workers,
)
from skunkqueue_memory.store import Store

default_cfg: dict[str, Any] = {"backend": "memory"}


@refuses_what_is_not_utf8
class MemoryBackend(Backend):
    """Dictionaries behind a lock."""

    name: ClassVar[str] = "memory"
    default_cfg: ClassVar[Mapping[str, Any]] = default_cfg
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"rows", "counters", "pools", "audit", "schedule pages"}
    )

    def __init__(self, clock: Clock, url: str | None = None) -> None:
        self._store = Store(clock)
        self._url = url

    @classmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> MemoryBackend:
        """Make an empty store; each call makes its own, whatever its URL."""
        return cls(clock, config.url)

    def close(self) -> None:
        """End all waits; what was kept goes with the object."""
        self._store.close()

    def location(self) -> str:
        """Say that it is in memory, and under which URL; no log may show the password of a URL."""
        name = f" ({redact(self._url)})" if self._url else ""
        return f"memory of this process{name}"

    def version(self) -> str:
        """Return the name and version of this package."""
        return "skunkqueue-memory 0.1.0"

    def now(self) -> float:
        """Return the time of the clock it was given."""
        return self._store.now()

    # --- enqueue, claim, settle, leases, wakeups ----------------------------------------------------

    def enqueue(self, firings: Sequence[Firing]) -> list[str]:
        """Put firings in."""
        return self._store.run(enqueue.enqueue, firings)

    def claim(self, queue: str, route: str, worker: str, limit: int, lease: float) -> list[Claim]:
        """Lend firings."""
        return self._store.run(claim.claim, queue, route, worker, limit=limit, lease=lease)

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in outcomes."""
        return self._store.run(settle.settle, outcomes)

    def extend(self, claims: Sequence[ClaimRef], lease: float) -> list[str]:
        """Make leases last longer."""
        return self._store.run(leases.extend, claims, lease)

    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Block until something may be claimable."""
        return self.wait_any(queue, (route,), worker, timeout) is not None

    def wait_any(self, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
        """Block until something may be claimable on one of several routes."""
        return wakeups.wait_any(self._store, queue, routes, worker, timeout)

    # --- reading ------------------------------------------------------------------------------------

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Read firings by id."""
        return self._store.run(reading.get, ids)

    def find(self, prefix: str, limit: int = 10) -> list[str]:
        """Find ids by how they begin."""
        return self._store.run(reading.find, prefix, limit)

    def page(self, queue: str, route: str, state: State, limit: int = 50, after: str | None = None) -> Page:
        """List firings of one state."""
        return self._store.run(reading.page, queue, route, state, limit=limit, after=after)

    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        """List routes with their counts."""
        return self._store.run(reading.routes, queue)

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Block until one of the firings is finished or unknown."""
        return wakeups.wait_settled(self._store, ids, timeout)

    def results(self, ids: Sequence[str]) -> list[Result | None]:
        """Read how firings ended."""
        return self._store.run(reading.results, ids)

    def rows(self, query: Query, limit: int = 50, cursor: str | None = None) -> Rows:
        """List firings that match."""
        return self._store.run(reading.rows, query, limit, cursor)

    def count(self, query: Query, most: int = MOST_COUNTED) -> Count:
        """Count firings that match."""
        return self._store.run(reading.count, query, most)

    def job_counts(self, queue: str | None = None, route: str | None = None) -> list[JobCount]:
        """Count firings by route, job and state."""
        return self._store.run(reading.job_counts, queue, route)

    # --- control ------------------------------------------------------------------------------------

    def kill(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Kill firings, or have their workers kill them."""
        return self._store.run(control.kill, ids)

    def requeue(self, ids: Sequence[str]) -> list[str]:
        """Start finished firings over."""
        return self._store.run(control.requeue, ids)

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove firings that do not run."""
        return self._store.run(control.delete, ids)

    def run_now(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Make pending firings due."""
        return self._store.run(control.run_now, ids)

    def purge(self, queue: str, route: str | None = None) -> int:
        """Remove all that is pending."""
        return self._store.run(control.purge, queue, route)

    def pause(self, queue: str, route: str | None = None) -> None:
        """Let nothing more be claimed."""
        self._store.run(control.pause, queue, route)

    def resume(self, queue: str, route: str | None = None) -> None:
        """End a pause."""
        self._store.run(control.resume, queue, route)

    def prune(self, older: float | None = None, limit: int = 1_000) -> int:
        """Remove finished firings that are past their time."""
        return self._store.run(control.prune, older, limit)

    def progress(self, ref: ClaimRef, data: bytes) -> bool:
        """Save a running firing's progress."""
        return self._store.run(leases.progress, ref, data)

    # --- workers and pools --------------------------------------------------------------------------

    def register(self, worker: WorkerRecord, lease: float) -> None:
        """List a worker."""
        self._store.run(workers.beat, worker, lease)

    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """List a worker for some more time; return whether it was listed."""
        return self._store.run(workers.beat, worker, lease)

    def unregister(self, worker: str) -> None:
        """Take a worker off the list."""
        self._store.run(workers.unregister, worker)

    def workers(self, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
        """List live workers."""
        return self._store.run(workers.listed, queue, route)

    def reap(self, worker: str, begun: Sequence[str], death: Death) -> int:
        """Give back what a dead worker held."""
        return self._store.run(workers.reap, worker, begun, death)

    def send(self, worker: str, command: Command) -> bool:
        """Put a command into the mailbox of a live worker or pool."""
        return self._store.run(workers.send, worker, command)

    def listen(self, worker: str, timeout: float) -> list[Command]:
        """Block until commands arrive, and take them out."""
        return wakeups.listen(self._store, worker, timeout)

    def sweep(self) -> int:
        """Do some housekeeping."""
        return self._store.run(workers.sweep)

    def register_pool(self, pool: PoolRecord, lease: float) -> None:
        """List a pool."""
        self._store.run(workers.beat_pool, pool, lease)

    def beat_pool(self, pool: PoolRecord, lease: float) -> bool:
        """List a pool for some more time; return whether it was listed."""
        return self._store.run(workers.beat_pool, pool, lease)

    def unregister_pool(self, pool: str) -> None:
        """Take a pool off the list."""
        self._store.run(workers.unregister_pool, pool)

    def pools(self, queue: str | None = None) -> list[PoolRecord]:
        """List live pools."""
        return self._store.run(workers.listed_pools, queue)

    # --- schedules ----------------------------------------------------------------------------------

    def declare(self, schedule: Schedule, firing: Firing, over: Standing | None = None) -> bool | None:
        """Declare or replace a schedule."""
        return self._store.run(schedules.declare, schedule, firing, over)

    def schedules(self, queue: str | None = None) -> list[Schedule]:
        """List schedules."""
        return self._store.run(schedules.listed, queue)

    def schedule_page(
        self, queue: str | None = None, limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[Schedule]:
        """List some schedules."""
        return self._store.run(schedules.page, queue, limit, after)

    def get_schedule(self, queue: str, name: str) -> Schedule | None:
        """Read one schedule."""
        return self._store.run(schedules.one, queue, name)

    def arm(
        self,
        queue: str,
        name: str,
        generation: int,
        firing: Firing,
        state: bytes | None = None,
        *,
        over: str | None = None,
    ) -> bool:
        """Let this firing be the next of a schedule."""
        return self._store.run(schedules.arm, queue, name, generation, firing, state=state, over=over)

    def pause_schedule(self, queue: str, name: str) -> bool:
        """Disarm a schedule."""
        return self._store.run(schedules.pause, queue, name)

    def resume_schedule(
        self,
        queue: str,
        name: str,
        firing: Firing,
        generation: int | None = None,
        state: bytes | None = None,
    ) -> bool:
        """Arm a paused schedule again."""
        return self._store.run(schedules.resume, queue, name, firing, generation=generation, state=state)

    def remove_schedule(self, queue: str, name: str, generation: int | None = None) -> bool:
        """Forget a schedule."""
        return self._store.run(schedules.remove, queue, name, generation)

    def history(self, queue: str, name: str) -> list[Run]:
        """List a schedule's last runs."""
        return self._store.run(schedules.history, queue, name)

    def histories(self, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
        """List the last runs of several schedules."""
        return [self.history(queue, name) for queue, name in names]

    def idle_schedules(self, queue: str, route: str) -> list[Schedule]:
        """List schedules that need to be armed."""
        return self._store.run(schedules.idle, queue, route)

    # --- counters and the audit log -----------------------------------------------------------------

    def minutes(self, queue: str, route: str, since: int, until: int) -> list[Minute]:
        """Read counters a minute."""
        return self._store.run(counters.minutes, queue, route, since, until)

    def counters(
        self,
        routes: Sequence[tuple[str, str]],
        since: float,
        until: float,
        *,
        hours: bool = False,
        jobs: bool = False,
    ) -> list[Counters]:
        """Read what was counted in each minute or hour."""
        return self._store.run(counters.counters, routes, since, until, hours=hours, jobs=jobs)

    def totals(self, queue: str | None = None) -> list[Counters]:
        """Read what was counted since the store was made."""
        return self._store.run(counters.totals, queue)

    def sample(self) -> int:
        """Keep how each route stands in this minute."""
        return self._store.run(counters.sample)

    def log_entry(self, entry: Entry) -> None:
        """Add an entry to the audit log."""
        self._store.run(audit.add, entry)

    def note_entry(
        self, id_: str, *, did: str | None = None, heard: bool = False, done: bool = False
    ) -> bool:
        """Add to an entry what became of it."""
        return self._store.run(audit.note, id_, did=did, heard=heard, done=done)

    def audit(
        self,
        limit: int = 50,
        cursor: str | None = None,
        *,
        who: str | None = None,
        verb: str | None = None,
        id_: str | None = None,
    ) -> Entries:
        """List entries, newest first."""
        return self._store.run(audit.page, limit, cursor, who=who, verb=verb, id_=id_)
