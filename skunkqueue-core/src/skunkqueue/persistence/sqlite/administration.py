"""The verbs over SQLite for people, workers' lives and schedules.

Each opens a transaction, calls the module that does the work, and rings the bells of those concerned.
"""

from __future__ import annotations

import sqlite3
from abc import ABC
from collections.abc import Sequence

from skunkqueue.persistence.sqlite import (
    control,
    counting,
    histories,
    housekeeping,
    pools,
    schedules,
    workers,
)
from skunkqueue.persistence.sqlite.base import StoreBackend
from skunkqueue.persistence.sqlite.opening import filed
from skunkqueue.persistence.sqlite.readers import snapshot
from skunkqueue.persistence.sqlite.wakeup import mail_topic
from skunkqueue.records import ClaimRef, Command, Death, Firing, Run, Schedule, Standing, State, WorkerRecord

_SWEPT_AT_ONCE = 500


class Administration(StoreBackend, ABC):
    """All verbs but those of the hot path and of reading firings."""

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
            mono = store.clock.monotonic()
            if not workers.lives(db, worker, mono) and not pools.lives(db, worker, mono):
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
        if store.readers.run(lambda db: counting.unsampled(db, now)):
            self.sample()
        if not store.readers.run(lambda db: housekeeping.needs_sweep(db, now, mono)):
            return 0
        done, dead, touched = store.writer.run(
            filed(
                lambda db: housekeeping.sweep(db, store.clock.now(), store.clock.monotonic(), _SWEPT_AT_ONCE)
            )
        )
        for worker in dead:
            store.bells.forget(mail_topic(worker))
        store.ring_numbers(touched)
        return done

    # --- schedules --------------------------------------------------------------------------------

    def declare(self, schedule: Schedule, firing: Firing, over: Standing | None = None) -> bool | None:
        """Declare or replace a schedule."""
        store = self._store
        try:
            armed = store.writer.run(
                filed(lambda db: schedules.declare(db, schedule, firing, over, now=store.clock.now()))
            )
        except schedules.Unchanged:
            return False
        except schedules.Moved:
            return None
        store.ring_armed(armed)
        return True

    def schedules(self, queue: str | None = None) -> list[Schedule]:
        """List schedules."""
        return self._store.readers.run(lambda db: schedules.listed(db, queue))

    def get_schedule(self, queue: str, name: str) -> Schedule | None:
        """Read one schedule."""
        return self._store.readers.run(lambda db: schedules.one(db, queue, name))

    def get_schedules(self, queue: str, names: Sequence[str]) -> list[Schedule | None]:
        """Read schedules by name."""
        found = self._store.readers.run(lambda db: schedules.several(db, queue, names))
        known = {one.name: one for one in found}
        return [known.get(name) for name in names]

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
        """Replace a schedule's pending firing."""
        store = self._store
        armed = store.writer.run(
            filed(
                lambda db: schedules.arm(
                    db, queue, name, generation, firing, state=state, over=over, now=store.clock.now()
                )
            )
        )
        store.ring_armed(armed)
        return armed is not None

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
        store = self._store
        was_paused, armed = store.writer.run(
            filed(
                lambda db: schedules.resume(
                    db, queue, name, firing, generation=generation, state=state, now=store.clock.now()
                )
            )
        )
        store.ring_armed(armed)
        return was_paused

    def remove_schedule(self, queue: str, name: str, generation: int | None = None) -> bool:
        """Forget a schedule."""
        return self._store.writer.run(lambda db: schedules.remove(db, queue, name, generation))

    def history(self, queue: str, name: str) -> list[Run]:
        """List a schedule's last runs."""
        (runs,) = self._store.readers.run(snapshot(lambda db: histories.of_each(db, [(queue, name)])))
        return runs

    def idle_schedules(self, queue: str, route: str) -> list[Schedule]:
        """List schedules that need to be armed."""
        return self._store.readers.run(snapshot(lambda db: schedules.idle(db, queue, route)))
