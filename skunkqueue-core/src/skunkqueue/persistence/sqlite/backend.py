"""The verbs of the hot path and of reading, over SQLite.

Each opens a transaction, calls the module that does the work, and rings the bells of those concerned.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from skunkqueue.clock import SystemClock
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.sqlite import counting, firings, inbox, leases, reading, settling
from skunkqueue.persistence.sqlite.asking import Answers
from skunkqueue.persistence.sqlite.awaited import BellClaim
from skunkqueue.persistence.sqlite.opening import in_line
from skunkqueue.persistence.sqlite.waiting import Moments
from skunkqueue.persistence.sqlite.wakeup import route_topic
from skunkqueue.persistence.sqlite.writer import Repeat
from skunkqueue.records import Claim, ClaimRef, Firing, Minute, Outcome, Page, Record, RouteInfo, State


class SQLiteBackend(Answers):
    """A store in one file of this machine, for any number of processes.

    It keeps what it accepted through the crash of any process; with ``durability=power`` through a
    power failure too, at the price of a disk sync for each commit.
    """

    # --- the hot path -----------------------------------------------------------------------------

    def enqueue(self, firings_: Sequence[Firing]) -> list[str]:
        """Put firings in; see ``Backend.enqueue``."""
        if not firings_:
            return []
        store = self._store
        numbers = {name: store.route(*name) for name in {(f.queue, f.route) for f in firings_}}
        jobs = store.jobs({f.job for f in firings_})
        ids = [f.id for f in firings_]
        clock = store.clock

        def checked() -> list[str]:
            return store.writer.run(in_line(lambda db: firings.put_checked(db, firings_, clock.now())))

        if inbox.takes(firings_):
            store.writer.run(lambda db: inbox.put(db, firings_, numbers, jobs, clock.now()))
        elif any(f.key is not None for f in firings_):
            ids = checked()
        else:
            try:
                store.writer.run(lambda db: firings.put(db, firings_, numbers, jobs, clock.now()))
            except Repeat:
                ids = checked()
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
        # Looking costs no write transaction, which an idle worker must not ask for.
        if number not in store.flowing and not store.readers.run(
            lambda db: firings.look(db, number, worker, clock.now(), clock.monotonic())
        ):
            return []
        return self._lend(number, (queue, route), worker, limit, lease)

    def begin_claim(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Wait at the route's FIFO; see ``Backend.begin_claim``."""
        store = self._store
        if not store.bells.works or not isinstance(store.clock, SystemClock):
            return None

        def claim(rung: bool) -> Sequence[Claim]:  # noqa: FBT001 - as it is called
            # Whoever rang has put something in, so that a look is not worth its time.
            number = store.known_route(queue, route) if rung else None
            if number is None:
                return self.claim(queue, route, worker, limit, lease)
            return self._lend(number, (queue, route), worker, limit, lease)

        look, moments = self._lookout(queue, route, worker)
        listening = store.bells.listening(route_topic(queue, route))
        begun = BellClaim(store, listening, claim=claim, look=look, moments=moments)
        if begun.fileno() < 0:
            begun.cancel()
            return None
        return begun

    def _lend(self, number: int, name: tuple[str, str], worker: str, limit: int, lease: float) -> list[Claim]:
        store = self._store
        clock = store.clock
        claims, more, names = store.writer.run(
            in_line(
                lambda db: firings.claim(
                    db,
                    number,
                    name,
                    worker,
                    limit=limit,
                    lease=lease,
                    now=clock.now(),
                    mono=clock.monotonic(),
                    names=store.job_names,
                )
            )
        )
        # Not before they are committed.
        store.learn(names)
        if more:
            store.flowing.add(number)
            store.ring_route(*name)
        else:
            store.flowing.discard(number)
        return claims

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in outcomes; see ``Backend.settle``."""
        if not outcomes:
            return []
        store = self._store
        jobs = store.jobs({outcome.job for outcome in outcomes})
        settled = store.writer.run(lambda db: settling.settle(db, outcomes, jobs, store.clock.now()))
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
        lost, sooner = store.writer.run(lambda db: leases.extend(db, claims, store.clock.monotonic() + lease))
        # Whoever waits goes by the ends that it knew.
        store.ring_numbers(sooner)
        return lost

    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Block until something may be claimable; see ``Backend.wait``."""
        store = self._store
        look, moments = self._lookout(queue, route, worker)
        with store.bells.listening(route_topic(queue, route)) as bell:
            return store.waiting.until(bell, timeout, look, moments)

    def _lookout(
        self, queue: str, route: str, worker: str
    ) -> tuple[Callable[[sqlite3.Connection], bool], Callable[[sqlite3.Connection], Moments]]:
        """Return what looks whether something may be claimed, and what tells when it may be."""
        store = self._store
        clock = store.clock

        def look(db: sqlite3.Connection) -> bool:
            number = store.known_route(queue, route, db)
            return number is not None and firings.look(db, number, worker, clock.now(), clock.monotonic())

        def moments(db: sqlite3.Connection) -> Moments:
            number = store.known_route(queue, route, db)
            return (None, None) if number is None else firings.next_moments(db, number, worker)

        return look, moments

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
        return store.read(
            lambda db: reading.page(db, number, state, limit, after, mono=store.clock.monotonic())
        )

    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        """List routes with their counts."""
        return self._store.read_sorted(lambda db: reading.route_infos(db, queue))

    def minutes(self, queue: str, route: str, since: int, until: int) -> list[Minute]:
        """Read counters a minute."""
        store = self._store
        number = store.known_route(queue, route)
        if number is None:
            return []
        found = store.read_sorted(
            lambda db: counting.of_all_jobs(
                db, (queue, route), number, since * 60.0, until * 60.0, hours=False
            )
        )
        return [
            Minute(queue=queue, route=route, minute=int(one.begin // 60), values=one.values) for one in found
        ]

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Block until one of the firings is finished or unknown."""
        store = self._store
        found = store.readers.run(lambda db: reading.settled_among(db, ids))
        if found or timeout <= 0 or not ids:
            return found
        with store.bells.listening_settled() as bell:
            return store.waiting.until(bell, timeout, lambda db: reading.settled_among(db, ids))
