"""The verbs about workers, pools, the audit log and schedules; each by the module that is named as its area."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.persistence.mongodb import (
    audit,
    declaring,
    mailboxes,
    pools,
    schedule_listings,
    schedules,
    sweeping,
    workers,
)
from skunkqueue.persistence.mongodb.base import StoreBackend
from skunkqueue.pools import Entries, Entry, PoolRecord
from skunkqueue.records import Command, Death, Firing, Run, Schedule, Standing, WorkerRecord


class Administration(StoreBackend):
    """Workers, mailboxes, pools, the audit log, and schedules."""

    # --- workers ----------------------------------------------------------------------------------

    def register(self, worker: WorkerRecord, lease: float) -> None:
        """List a worker; see ``Backend.register``."""
        workers.write(self._store, worker, lease)

    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """Keep it listed; see ``Backend.beat``."""
        return workers.write(self._store, worker, lease)

    def unregister(self, worker: str) -> None:
        """Take it off the list; see ``Backend.unregister``."""
        workers.unregister(self._store, worker)

    def workers(self, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
        """List live workers; see ``Backend.workers``."""
        return workers.live(self._store, queue, route)

    def reap(self, worker: str, begun: Sequence[str], death: Death) -> int:
        """Give back what a dead worker held; see ``Backend.reap``."""
        return workers.reap(self._store, worker, begun, death)

    def send(self, worker: str, command: Command) -> bool:
        """Put a command into a mailbox; see ``Backend.send``."""
        return mailboxes.send(self._store, worker, command)

    def listen(self, worker: str, timeout: float) -> list[Command]:
        """Block until commands arrive; see ``Backend.listen``."""
        return mailboxes.listen(self._store, worker, timeout)

    def sweep(self) -> int:
        """Do some housekeeping; see ``Backend.sweep``."""
        return sweeping.sweep(self._store)

    # --- pools ------------------------------------------------------------------------------------

    def register_pool(self, pool: PoolRecord, lease: float) -> None:
        """List a pool; see ``Backend.register_pool``."""
        pools.write(self._store, pool, lease)

    def beat_pool(self, pool: PoolRecord, lease: float) -> bool:
        """Keep it listed; see ``Backend.beat_pool``."""
        return pools.write(self._store, pool, lease)

    def unregister_pool(self, pool: str) -> None:
        """Take it off the list; see ``Backend.unregister_pool``."""
        pools.unregister(self._store, pool)

    def pools(self, queue: str | None = None) -> list[PoolRecord]:
        """List live pools; see ``Backend.pools``."""
        return pools.live(self._store, queue)

    # --- the audit log ----------------------------------------------------------------------------

    def log_entry(self, entry: Entry) -> None:
        """Add an entry; see ``Backend.log_entry``."""
        audit.log_entry(self._store, entry)

    def note_entry(
        self, id_: str, *, did: str | None = None, heard: bool = False, done: bool = False
    ) -> bool:
        """Note on an entry what became of it; see ``Backend.note_entry``."""
        return audit.note_entry(self._store, id_, did=did, heard=heard, done=done)

    def audit(
        self,
        limit: int = 50,
        cursor: str | None = None,
        *,
        who: str | None = None,
        verb: str | None = None,
        id_: str | None = None,
    ) -> Entries:
        """List the audit log; see ``Backend.audit``."""
        return audit.page(self._store, limit, cursor, who=who, verb=verb, id_=id_)

    # --- schedules --------------------------------------------------------------------------------

    def declare(self, schedule: Schedule, firing: Firing, over: Standing | None = None) -> bool | None:
        """Declare a schedule; see ``Backend.declare``."""
        return declaring.declare(self._store, schedule, firing, over)

    def schedules(self, queue: str | None = None) -> list[Schedule]:
        """List schedules; see ``Backend.schedules``."""
        return schedule_listings.schedules(self._store, queue)

    def get_schedule(self, queue: str, name: str) -> Schedule | None:
        """Read a schedule; see ``Backend.get_schedule``."""
        return schedule_listings.get(self._store, queue, name)

    def get_schedules(self, queue: str, names: Sequence[str]) -> list[Schedule | None]:
        """Read schedules by name; see ``Backend.get_schedules``."""
        return schedule_listings.get_each(self._store, queue, names)

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
        """Let this firing be the next one; see ``Backend.arm``."""
        return schedules.arm(self._store, (queue, name), generation, firing, state=state, over=over)

    def pause_schedule(self, queue: str, name: str) -> bool:
        """Arm no more; see ``Backend.pause_schedule``."""
        return schedules.pause(self._store, queue, name)

    def resume_schedule(
        self,
        queue: str,
        name: str,
        firing: Firing,
        generation: int | None = None,
        state: bytes | None = None,
    ) -> bool:
        """End a pause; see ``Backend.resume_schedule``."""
        return schedules.resume(self._store, (queue, name), firing, generation=generation, state=state)

    def remove_schedule(self, queue: str, name: str, generation: int | None = None) -> bool:
        """Forget a schedule; see ``Backend.remove_schedule``."""
        return schedules.remove(self._store, queue, name, generation)

    def history(self, queue: str, name: str) -> list[Run]:
        """Read the last runs; see ``Backend.history``."""
        return schedule_listings.history(self._store, queue, name)

    def histories(self, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
        """Read the last runs of several schedules; see ``Backend.histories``."""
        return schedule_listings.histories(self._store, names)

    def schedule_page(
        self, queue: str | None = None, limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[Schedule]:
        """List schedules, some at a time; see ``Backend.schedule_page``."""
        return schedule_listings.page(self._store, queue, limit, after)

    def idle_schedules(self, queue: str, route: str) -> list[Schedule]:
        """List schedules that nothing moves on; see ``Backend.idle_schedules``."""
        return schedule_listings.idle(self._store, queue, route)
