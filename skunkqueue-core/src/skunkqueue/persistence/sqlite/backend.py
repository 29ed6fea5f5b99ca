"""The SQLite backend: every verb of the contract, each by the module that is named as its area.

A verb that is one transaction calls a function that takes ``db``. One that also wakes waiting processes, or needs
several transactions, calls a function that takes the open store.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.backend import BackendConfig
from skunkqueue.persistence.encoding import refuses_what_is_not_utf8
from skunkqueue.persistence.sqlite import (
    audit,
    awaited,
    claim,
    control,
    enqueue,
    histories,
    housekeeping,
    leases,
    pools,
    pruning,
    reading,
    results,
    schedules,
    settle,
    wakeups,
    workers,
)
from skunkqueue.persistence.sqlite.asking import Asking
from skunkqueue.persistence.sqlite.location import location_of
from skunkqueue.persistence.sqlite.opening import open_store
from skunkqueue.persistence.sqlite.readers import snapshot
from skunkqueue.persistence.sqlite.store import Store
from skunkqueue.pools import Entries, Entry, PoolRecord
from skunkqueue.records import (
    Claim,
    ClaimRef,
    Command,
    Death,
    Firing,
    Outcome,
    Page,
    Record,
    Run,
    Schedule,
    Standing,
    State,
    WorkerRecord,
)

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_CFG: Mapping[str, Any] = MappingProxyType(
    {"backend": "sqlite", "conn_url": None, "dbname": "skunkqueue"}
)


@refuses_what_is_not_utf8
class SQLiteBackend(Asking):
    """A store in one file of this machine, for any number of processes.

    It keeps what it accepted through the crash of any process; with ``durability=power`` through a
    power failure too, at the price of a disk sync for each commit.
    """

    name: ClassVar[str] = "sqlite"
    default_cfg: ClassVar[Mapping[str, Any]] = DEFAULT_CFG
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"durable", "processes", "rows", "counters", "pools", "audit", "schedule pages"}
    )

    def __init__(self, store: Store) -> None:
        self._opened = store

    @classmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> Self:
        """Open the file, and make it and its tables where they are missing.

        Raises StoreMissingError where the config does not allow that.
        """
        location = location_of(config)
        default = config.url is None
        return cls(open_store(location, clock, default=default, create=config.create, brief=config.brief))

    def close(self) -> None:
        """Close the file and let blocked waits return."""
        if self._opened.pid == os.getpid():
            self._opened.close()

    def location(self) -> str:
        """Return the URL of the file."""
        return f"sqlite:///{self._opened.location.path}"

    def version(self) -> str:
        """Return the version of the SQLite library in use."""
        return f"SQLite {sqlite3.sqlite_version}"

    def now(self) -> float:
        """Read the machine's clock."""
        return self._opened.clock.now()

    @property
    def _store(self) -> Store:
        store = self._opened
        if store.pid != os.getpid():
            # A fork made this process: it does not use what belongs to its parent.
            self._opened = store = open_store(store.location, store.clock, default=False)
        return store

    # --- enqueue, claim, settle, leases, wakeups ----------------------------------------------------

    def enqueue(self, firings_: Sequence[Firing]) -> list[str]:
        """Put firings in."""
        return enqueue.enqueue(self._store, firings_)

    def claim(self, queue: str, route: str, worker: str, limit: int, lease: float) -> list[Claim]:
        """Lend firings."""
        return claim.claim(self._store, queue, route, worker, limit=limit, lease=lease)

    def begin_claim(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Wait at the route's FIFO."""
        own = partial(self.claim, queue, route, worker, limit, lease)
        return awaited.begin_claim(
            self._store, queue, route, worker, limit=limit, lease=lease, look_and_claim=own
        )

    def begin_claim_any(
        self, queue: str, routes: Sequence[str], worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Wait at the FIFOs of a few routes; ``wait_any`` waits for more of them at less cost."""
        if len(routes) > awaited.MOST_ROUTES:
            return None
        return super().begin_claim_any(queue, routes, worker, limit, lease)

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in outcomes."""
        return settle.settle(self._store, outcomes)

    def extend(self, claims: Sequence[ClaimRef], lease: float) -> list[str]:
        """Make leases last longer."""
        return leases.extend(self._store, claims, lease)

    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Block until something may be claimable."""
        return wakeups.wait(self._store, queue, route, worker, timeout)

    def wait_any(self, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
        """Block until something may be claimable on one of several routes."""
        return wakeups.wait_any(self._store, queue, routes, worker, timeout)

    # --- reading ------------------------------------------------------------------------------------

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Read firings by id."""
        return reading.get(self._store, ids)

    def find(self, prefix: str, limit: int = 10) -> list[str]:
        """Find ids by how they begin."""
        return self._store.read(lambda db: reading.find(db, prefix, limit))

    def page(self, queue: str, route: str, state: State, limit: int = 50, after: str | None = None) -> Page:
        """List firings of one state."""
        return reading.page(self._store, queue, route, state, limit=limit, after=after)

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Block until one of the firings is finished or unknown."""
        return results.wait_settled(self._store, ids, timeout)

    # --- control ------------------------------------------------------------------------------------

    def kill(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Kill firings, or have their workers kill them."""
        return control.kill(self._store, ids)

    def requeue(self, ids: Sequence[str]) -> list[str]:
        """Put finished firings in line again."""
        return control.requeue(self._store, ids)

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove firings that do not run."""
        return control.delete(self._store, ids)

    def run_now(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Make pending firings due."""
        return control.run_now(self._store, ids)

    def purge(self, queue: str, route: str | None = None) -> int:
        """Remove all that is pending."""
        return control.purge(self._store, queue, route)

    def pause(self, queue: str, route: str | None = None) -> None:
        """Let nothing more be claimed."""
        self._store.writer.run(lambda db: control.pause(db, queue, route))

    def resume(self, queue: str, route: str | None = None) -> None:
        """End a pause."""
        control.resume(self._store, queue, route)

    def prune(self, older: float | None = None, limit: int = 1_000) -> int:
        """Remove finished firings that are past their time."""
        return pruning.prune(self._store, older, limit)

    def progress(self, ref: ClaimRef, data: bytes) -> bool:
        """Save a running firing's progress."""
        return self._store.writer.run(lambda db: control.progress(db, ref, data))

    # --- workers and pools --------------------------------------------------------------------------

    def register(self, worker: WorkerRecord, lease: float) -> None:
        """List a worker."""
        self.beat(worker, lease)

    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """List a worker for some more time; return whether it was listed."""
        return workers.beat(self._store, worker, lease)

    def unregister(self, worker: str) -> None:
        """Take a worker off the list."""
        workers.unregister(self._store, worker)

    def workers(self, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
        """List live workers."""
        return workers.live(self._store, queue, route)

    def reap(self, worker: str, begun: Sequence[str], death: Death) -> int:
        """Give back what a dead worker held."""
        return workers.reap(self._store, worker, begun, death)

    def send(self, worker: str, command: Command) -> bool:
        """Put a command into the mailbox of a live worker or pool."""
        return workers.send(self._store, worker, command)

    def listen(self, worker: str, timeout: float) -> list[Command]:
        """Block until commands arrive, and take them out."""
        return workers.listen(self._store, worker, timeout)

    def sweep(self) -> int:
        """Do some housekeeping."""
        return housekeeping.sweep(self._store, self.sample)

    def maintain(self) -> None:
        """Make a checkpoint, where it is time."""
        self._store.checkpoints.look()

    def register_pool(self, pool: PoolRecord, lease: float) -> None:
        """List a pool."""
        self.beat_pool(pool, lease)

    def beat_pool(self, pool: PoolRecord, lease: float) -> bool:
        """List a pool for some more time; return whether it was listed."""
        return pools.beat(self._store, pool, lease)

    def unregister_pool(self, pool: str) -> None:
        """Take a pool off the list."""
        pools.unregister(self._store, pool)

    def pools(self, queue: str | None = None) -> list[PoolRecord]:
        """List live pools."""
        return pools.live(self._store, queue)

    # --- schedules ----------------------------------------------------------------------------------

    def declare(self, schedule: Schedule, firing: Firing, over: Standing | None = None) -> bool | None:
        """Declare or replace a schedule."""
        return schedules.declare(self._store, schedule, firing, over)

    def schedules(self, queue: str | None = None) -> list[Schedule]:
        """List schedules."""
        return self._store.readers.run(lambda db: schedules.listed(db, queue))

    def schedule_page(
        self, queue: str | None = None, limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[Schedule]:
        """List some schedules."""
        return self._store.readers.run(lambda db: schedules.page(db, queue, limit, after))

    def get_schedule(self, queue: str, name: str) -> Schedule | None:
        """Read one schedule."""
        return self._store.readers.run(lambda db: schedules.one(db, queue, name))

    def get_schedules(self, queue: str, names: Sequence[str]) -> list[Schedule | None]:
        """Read schedules by name."""
        return schedules.by_name(self._store, queue, names)

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
        return schedules.arm(self._store, queue, name, generation, firing, state=state, over=over)

    def pause_schedule(self, queue: str, name: str) -> bool:
        """Disarm a schedule."""
        return self._store.writer.run(lambda db: schedules.pause(db, queue, name))

    def resume_schedule(
        self,
        queue: str,
        name: str,
        firing: Firing,
        generation: int | None = None,
        state: bytes | None = None,
    ) -> bool:
        """Arm a paused schedule again."""
        return schedules.resume(self._store, queue, name, firing, generation=generation, state=state)

    def remove_schedule(self, queue: str, name: str, generation: int | None = None) -> bool:
        """Forget a schedule."""
        return self._store.writer.run(lambda db: schedules.remove(db, queue, name, generation))

    def history(self, queue: str, name: str) -> list[Run]:
        """List a schedule's last runs."""
        return self.histories([(queue, name)])[0]

    def histories(self, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
        """List the last runs of several schedules."""
        return self._store.readers.run(snapshot(lambda db: histories.of_each(db, names)))

    def idle_schedules(self, queue: str, route: str) -> list[Schedule]:
        """List schedules that need to be armed."""
        return self._store.readers.run(snapshot(lambda db: schedules.idle(db, queue, route)))

    # --- the audit log ------------------------------------------------------------------------------

    def log_entry(self, entry: Entry) -> None:
        """Add an entry to the audit log."""
        self._store.writer.run(lambda db: audit.add(db, entry, self.now()))

    def note_entry(
        self, id_: str, *, did: str | None = None, heard: bool = False, done: bool = False
    ) -> bool:
        """Add to an entry what became of it."""
        return self._store.writer.run(
            lambda db: audit.note(db, id_, self.now(), did=did, heard=heard, done=done)
        )

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
        return self._store.readers.run(lambda db: audit.page(db, limit, cursor, who=who, verb=verb, id_=id_))
