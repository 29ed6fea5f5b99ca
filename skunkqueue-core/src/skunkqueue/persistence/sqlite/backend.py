"""The verbs over SQLite: each opens a transaction, calls the module that does the work, and rings bells.

Knows which verb reads, which writes, and who must hear of it; the rest is in the modules beside it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.persistence.sqlite import (
    control,
    firings,
    housekeeping,
    inbox,
    leases,
    reading,
    routes,
    schedules,
    settling,
    workers,
)
from skunkqueue.persistence.sqlite.opening import Store, filed, open_store
from skunkqueue.persistence.sqlite.place import place_of
from skunkqueue.persistence.sqlite.wakeup import mail_topic, route_topic
from skunkqueue.persistence.sqlite.writer import Repeat, snapshot
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
    State,
    WorkerRecord,
)

DEFAULT_CFG: Mapping[str, Any] = MappingProxyType({"backend": "sqlite", "conn_url": None, "dbname": "skunkqueue"})
_SWEPT_AT_ONCE = 500


class SQLiteBackend(Backend):
    """A store in one file of this machine, for any number of processes.

    It keeps what it accepted through the crash of any process; with ``durability=power`` through a
    power failure too, at the price of a disk sync for each commit.
    """

    name: ClassVar[str] = "sqlite"
    default_cfg: ClassVar[Mapping[str, Any]] = DEFAULT_CFG
    capabilities: ClassVar[frozenset[str]] = frozenset({"durable", "processes"})

    def __init__(self, store: Store) -> None:
        self._opened = store
        self._inherited: list[Store] = []

    @classmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> SQLiteBackend:
        """Open the file, making it and its tables where there are none."""
        return cls(open_store(place_of(config), clock, default=config.url is None))

    def close(self) -> None:
        """Close the file and let blocked waits return."""
        if self._opened.pid == os.getpid():
            self._opened.close()

    def location(self) -> str:
        """Give the URL of the file."""
        return f"sqlite:///{self._opened.place.path}"

    def version(self) -> str:
        """Give the version of the SQLite library in use."""
        return f"SQLite {sqlite3.sqlite_version}"

    def now(self) -> float:
        """Read the machine's clock."""
        return self._opened.clock.now()

    @property
    def _store(self) -> Store:
        store = self._opened
        if store.pid != os.getpid():
            # Born by a fork: SQLite's connections must not be used here, nor closed, which would drop the
            # parent's file leases; so they are kept, and others opened.
            self._inherited.append(store)
            self._opened = store = open_store(store.place, store.clock, default=False)
        return store

    # --- the hot path -----------------------------------------------------------------------------

    def enqueue(self, firings_: Sequence[Firing]) -> list[str]:
        """Put firings in; see ``Backend.enqueue``."""
        if not firings_:
            return []
        store = self._store
        numbers = {(f.queue, f.route): store.route(f.queue, f.route) for f in firings_}
        ids = [f.id for f in firings_]
        clock = store.clock
        if inbox.takes(firings_):
            store.writer.run(lambda db: inbox.put(db, firings_, numbers, clock.now()))
        else:
            try:
                if any(f.key is not None for f in firings_):
                    raise Repeat
                store.writer.run(lambda db: firings.put(db, firings_, numbers, clock.now()))
            except Repeat:
                ids = store.writer.run(filed(lambda db: firings.put_checked(db, firings_, clock.now())))
        for name in numbers:
            store.ring_route(*name)
        return ids

    def claim(self, queue: str, route: str, worker: str, limit: int, lease: float) -> list[Claim]:
        """Lend firings; see ``Backend.claim``."""
        store = self._store
        number = store.known_route(queue, route)
        if number is None:
            return []
        clock = store.clock
        if number not in store.flowing:
            # Looking costs no write transaction, which an idle worker must not ask for.
            if not store.readers.run(lambda db: firings.look(db, number, worker, clock.now(), clock.monotonic())):
                return []
        claims, more = store.writer.run(
            filed(
                lambda db: firings.claim(
                    db, number, (queue, route), worker, limit, lease, clock.now(), clock.monotonic()
                )
            )
        )
        if more:
            store.flowing.add(number)
            store.ring_route(queue, route)
        else:
            store.flowing.discard(number)
        return claims

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in outcomes; see ``Backend.settle``."""
        if not outcomes:
            return []
        store = self._store
        settled = store.writer.run(lambda db: settling.settle(db, outcomes, store.clock.now()))
        if settled.final:
            store.bells.ring_settled()
        if settled.touched:
            store.ring_numbers(settled.touched)
        for name in settled.followed:
            store.ring_route(*name)
        return settled.stale

    def extend(self, claims: Sequence[ClaimRef], lease: float) -> list[str]:
        """Make leases last longer; see ``Backend.extend``."""
        if not claims:
            return []
        store = self._store
        return store.writer.run(lambda db: leases.extend(db, claims, store.clock.monotonic() + lease))

    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Block until something may be claimable; see ``Backend.wait``."""
        store = self._store
        clock = store.clock

        def look(db: sqlite3.Connection) -> bool:
            number = store.known_route(queue, route, db)
            return number is not None and firings.look(db, number, worker, clock.now(), clock.monotonic())

        def moments(db: sqlite3.Connection) -> tuple[float | None, float | None]:
            number = store.known_route(queue, route, db)
            return (None, None) if number is None else firings.next_moments(db, number, worker)

        with store.bells.listening(route_topic(queue, route)) as bell:
            return store.waiting.until(bell, timeout, look, moments)

    # --- reading ----------------------------------------------------------------------------------

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Read firings by id."""
        store = self._store
        found = store.read(lambda db: reading.records(db, ids, store.clock.monotonic()))
        return [found.get(id_) for id_ in ids]

    def find(self, prefix: str, limit: int = 10) -> list[str]:
        """Find ids by how they begin."""
        return self._store.read(lambda db: reading.find(db, prefix, limit))

    def page(self, queue: str, route: str, state: State, limit: int = 50, after: str | None = None) -> Page:
        """List firings of one state."""
        store = self._store
        number = store.known_route(queue, route)
        return store.read(lambda db: reading.page(db, number, state, limit, after, store.clock.monotonic()))

    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        """List routes with their counts."""
        return self._store.read(lambda db: reading.route_infos(db, queue))

    def minutes(self, queue: str, route: str, since: int, until: int) -> list[Minute]:
        """Read counters a minute."""
        store = self._store
        number = store.known_route(queue, route)
        if number is None:
            return []
        return store.read(lambda db: routes.minutes(db, queue, route, number, since, until))

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Block until one of the firings is finished or unknown."""
        store = self._store
        found = store.readers.run(lambda db: reading.settled_among(db, ids))
        if found or timeout <= 0 or not ids:
            return found
        with store.bells.listening_settled() as bell:
            return store.waiting.until(bell, timeout, lambda db: reading.settled_among(db, ids))

    # --- control ----------------------------------------------------------------------------------

    def kill(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Kill firings, or have them killed."""
        store = self._store
        before, told = store.writer.run(filed(lambda db: control.kill(db, ids, store.clock.now())))
        for worker in told:
            store.bells.ring(mail_topic(worker))
        if State.PENDING in before.values():
            store.bells.ring_settled()
        return before

    def requeue(self, ids: Sequence[str]) -> list[str]:
        """Put finished firings in line again."""
        store = self._store
        again, touched = store.writer.run(lambda db: control.requeue(db, ids, store.clock.now()))
        store.ring_numbers(touched)
        return again

    def purge(self, queue: str, route: str | None = None) -> int:
        """Remove all that is pending."""
        store = self._store
        n = store.writer.run(filed(lambda db: control.purge(db, queue, route)))
        if n:
            store.bells.ring_settled()
        return n

    def pause(self, queue: str, route: str | None = None) -> None:
        """Let nothing more be claimed."""
        self._store.writer.run(lambda db: control.pause(db, queue, route))

    def resume(self, queue: str, route: str | None = None) -> None:
        """End a pause."""
        store = self._store
        for name in store.writer.run(lambda db: control.resume(db, queue, route)):
            store.ring_route(queue, name)

    def prune(self, older: float | None = None, limit: int = 1_000) -> int:
        """Remove finished firings that are past their time."""
        store = self._store

        def remove(db: sqlite3.Connection) -> int:
            now = store.clock.now()
            housekeeping.drop_old(db, now)
            return housekeeping.prune(db, now, older, limit)

        return store.writer.run(filed(remove))

    def progress(self, ref: ClaimRef, data: bytes) -> bool:
        """Save a running firing's progress."""
        return self._store.writer.run(lambda db: control.progress(db, ref, data))

    # --- workers ----------------------------------------------------------------------------------

    def register(self, worker: WorkerRecord, lease: float) -> None:
        """List a worker."""
        self.beat(worker, lease)

    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """List a worker for some more time; say whether it was listed."""
        store = self._store

        def write(db: sqlite3.Connection) -> bool:
            mono = store.clock.monotonic()
            lived = workers.lives(db, worker.id, mono)
            workers.write(db, worker, mono + lease, store.clock.now())
            return lived

        return store.writer.run(write)

    def unregister(self, worker: str) -> None:
        """Take a worker off the list."""
        store = self._store
        store.writer.run(lambda db: workers.remove(db, worker))
        store.bells.forget(mail_topic(worker))

    def workers(self, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
        """List live workers."""
        store = self._store
        return store.readers.run(lambda db: workers.listed(db, queue, route, store.clock.monotonic()))

    def bury(self, worker: str, begun: Sequence[str], death: Death) -> int:
        """Give back what a dead worker held."""
        store = self._store
        n, touched = store.writer.run(lambda db: workers.bury(db, worker, begun, death, store.clock.now()))
        store.ring_numbers(touched)
        store.bells.ring_settled()
        store.bells.forget(mail_topic(worker))
        return n

    def send(self, worker: str, command: Command) -> bool:
        """Put a command into a live worker's mailbox."""
        store = self._store

        def post(db: sqlite3.Connection) -> bool:
            if not workers.lives(db, worker, store.clock.monotonic()):
                return False
            workers.post(db, worker, command)
            return True

        sent = store.writer.run(post)
        if sent:
            store.bells.ring(mail_topic(worker))
        return sent

    def listen(self, worker: str, timeout: float) -> list[Command]:
        """Block until commands arrive, and take them out."""
        store = self._store
        with store.bells.listening(mail_topic(worker)) as bell:
            if not store.waiting.until(bell, timeout, lambda db: workers.has_mail(db, worker)):
                return []
        return store.writer.run(lambda db: workers.collect(db, worker))

    def sweep(self) -> int:
        """Do some housekeeping."""
        store = self._store
        now, mono = store.clock.now(), store.clock.monotonic()
        store.mind_the_log(now)
        if not store.readers.run(lambda db: housekeeping.needs_sweep(db, now, mono)):
            return 0
        done, dead, touched = store.writer.run(
            filed(lambda db: housekeeping.sweep(db, store.clock.now(), store.clock.monotonic(), _SWEPT_AT_ONCE))
        )
        for worker in dead:
            store.bells.forget(mail_topic(worker))
        store.ring_numbers(touched)
        return done

    # --- schedules --------------------------------------------------------------------------------

    def declare(self, schedule: Schedule, firing: Firing) -> bool:
        """Declare or replace a schedule."""
        store = self._store
        try:
            armed = store.writer.run(filed(lambda db: schedules.declare(db, schedule, firing, store.clock.now())))
        except schedules.Unchanged:
            return False
        store.ring_armed(armed)
        return True

    def schedules(self, queue: str | None = None) -> list[Schedule]:
        """List schedules."""
        return self._store.readers.run(lambda db: schedules.listed(db, queue))

    def get_schedule(self, queue: str, name: str) -> Schedule | None:
        """Read one schedule."""
        return self._store.readers.run(lambda db: schedules.one(db, queue, name))

    def arm(self, queue: str, name: str, generation: int, firing: Firing) -> bool:
        """Replace a schedule's pending firing."""
        store = self._store
        armed = store.writer.run(
            filed(lambda db: schedules.arm(db, queue, name, generation, firing, store.clock.now()))
        )
        store.ring_armed(armed)
        return armed is not None

    def pause_schedule(self, queue: str, name: str) -> bool:
        """Disarm a schedule."""
        return self._store.writer.run(lambda db: schedules.pause(db, queue, name))

    def resume_schedule(self, queue: str, name: str, firing: Firing) -> bool:
        """Arm a paused schedule again."""
        store = self._store
        was_paused, armed = store.writer.run(
            filed(lambda db: schedules.resume(db, queue, name, firing, store.clock.now()))
        )
        store.ring_armed(armed)
        return was_paused

    def remove_schedule(self, queue: str, name: str) -> bool:
        """Forget a schedule."""
        return self._store.writer.run(lambda db: schedules.remove(db, queue, name))

    def history(self, queue: str, name: str) -> list[Run]:
        """List a schedule's last runs."""
        return self._store.readers.run(lambda db: schedules.history(db, queue, name))

    def idle_schedules(self, queue: str, route: str) -> list[Schedule]:
        """List schedules that need to be armed."""
        return self._store.readers.run(snapshot(lambda db: schedules.idle(db, queue, route)))


