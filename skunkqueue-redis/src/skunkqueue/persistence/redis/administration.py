"""The verbs about workers, pools, the audit log and schedules; each by the module named as its area."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from skunkqueue.persistence.redis import audit, housekeeping, mailboxes, pools, schedules, workers
from skunkqueue.persistence.redis.asking import Asking
from skunkqueue.pools import Entries, Entry, PoolRecord
from skunkqueue.records import Command, Death, Firing, Run, Schedule, Standing, WorkerRecord


class Administration(Asking, ABC):
    """Workers, mailboxes, pools, the audit log, and schedules."""

    capabilities: ClassVar[frozenset[str]] = Asking.capabilities | {"pools", "audit", "schedule pages"}

    # --- workers ----------------------------------------------------------------------------------

    def register(self, worker: WorkerRecord, lease: float) -> None:
        """List a worker; see ``Backend.register``."""
        workers.beat(self._link, worker, lease)

    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """Keep it listed; see ``Backend.beat``."""
        return workers.beat(self._link, worker, lease)

    def unregister(self, worker: str) -> None:
        """Take it off the list; see ``Backend.unregister``."""
        workers.unregister(self._link, worker)

    def workers(self, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
        """List live workers; see ``Backend.workers``."""
        return workers.live(self._link, queue, route)

    def reap(self, worker: str, begun: Sequence[str], death: Death) -> int:
        """Give back what a dead worker held; see ``Backend.reap``."""
        return workers.reap(self._link, worker, begun, death)

    def send(self, worker: str, command: Command) -> bool:
        """Put a command into a mailbox; see ``Backend.send``."""
        return mailboxes.send(self._link, worker, command)

    def listen(self, worker: str, timeout: float) -> list[Command]:
        """Take commands out; see ``Backend.listen``."""
        return mailboxes.listen(self._link, worker, timeout)

    def sweep(self) -> int:
        """Do some housekeeping; see ``Backend.sweep``."""
        return housekeeping.sweep(self._link)

    # --- pools ------------------------------------------------------------------------------------

    def register_pool(self, pool: PoolRecord, lease: float) -> None:
        """List a pool; see ``Backend.register_pool``."""
        pools.beat(self._link, pool, lease)

    def beat_pool(self, pool: PoolRecord, lease: float) -> bool:
        """Keep it listed; see ``Backend.beat_pool``."""
        return pools.beat(self._link, pool, lease)

    def unregister_pool(self, pool: str) -> None:
        """Take it off the list; see ``Backend.unregister_pool``."""
        workers.unregister(self._link, pool)

    def pools(self, queue: str | None = None) -> list[PoolRecord]:
        """List live pools; see ``Backend.pools``."""
        return pools.live(self._link, queue)

    # --- the audit log ----------------------------------------------------------------------------

    def log_entry(self, entry: Entry) -> None:
        """Add an entry; see ``Backend.log_entry``."""
        audit.add(self._link, entry)

    def note_entry(
        self, id_: str, *, did: str | None = None, heard: bool = False, done: bool = False
    ) -> bool:
        """Note on an entry what became of it; see ``Backend.note_entry``."""
        return audit.note(self._link, id_, did=did, heard=heard, done=done)

    def audit(
        self,
        limit: int = 50,
        cursor: str | None = None,
        *,
        who: str | None = None,
        verb: str | None = None,
        id_: str | None = None,
    ) -> Entries:
        """List entries; see ``Backend.audit``."""
        return audit.page(self._link, limit, cursor, who=who, verb=verb, id_=id_)

    # --- schedules --------------------------------------------------------------------------------

    def declare(self, schedule: Schedule, firing: Firing, over: Standing | None = None) -> bool | None:
        """Declare a schedule; see ``Backend.declare``."""
        return schedules.declare(self._link, schedule, firing, over)

    def schedules(self, queue: str | None = None) -> list[Schedule]:
        """List schedules; see ``Backend.schedules``."""
        return schedules.all_of(self._link, queue)

    def get_schedule(self, queue: str, name: str) -> Schedule | None:
        """Read a schedule; see ``Backend.get_schedule``."""
        return schedules.get_each(self._link, queue, [name])[0]

    def get_schedules(self, queue: str, names: Sequence[str]) -> list[Schedule | None]:
        """Read schedules; see ``Backend.get_schedules``."""
        return schedules.get_each(self._link, queue, names)

    def schedule_page(
        self, queue: str | None = None, limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[Schedule]:
        """List some schedules; see ``Backend.schedule_page``."""
        return schedules.page(self._link, queue, limit, after)

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
        """Arm a firing; see ``Backend.arm``."""
        return schedules.arm(self._link, (queue, name), generation, firing, state=state, over=over)

    def pause_schedule(self, queue: str, name: str) -> bool:
        """Take its firing away; see ``Backend.pause_schedule``."""
        return schedules.pause(self._link, queue, name)

    def resume_schedule(
        self,
        queue: str,
        name: str,
        firing: Firing,
        generation: int | None = None,
        state: bytes | None = None,
    ) -> bool:
        """Arm it again; see ``Backend.resume_schedule``."""
        return schedules.resume(self._link, (queue, name), firing, generation, state)

    def remove_schedule(self, queue: str, name: str, generation: int | None = None) -> bool:
        """Forget it; see ``Backend.remove_schedule``."""
        return schedules.remove(self._link, queue, name, generation)

    def history(self, queue: str, name: str) -> list[Run]:
        """Read its last runs; see ``Backend.history``."""
        return self.histories([(queue, name)])[0]

    def histories(self, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
        """Read the last runs of several; see ``Backend.histories``."""
        return schedules.histories(self._link, names)

    def idle_schedules(self, queue: str, route: str) -> list[Schedule]:
        """List those that nothing moves on; see ``Backend.idle_schedules``."""
        return schedules.idle(self._link, queue, route)
