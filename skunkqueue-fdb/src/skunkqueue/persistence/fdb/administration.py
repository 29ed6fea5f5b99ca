"""The verbs about workers, pools, the audit log and schedules; each by the module named as its area."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.fdb import (
    audit,
    listed,
    mailboxes,
    marks,
    pools,
    schedules,
    staged_batch,
    wakeups,
    workers,
)
from skunkqueue.persistence.fdb.asking import Asking
from skunkqueue.pools import Entries, Entry, PoolRecord
from skunkqueue.records import Command, Death, Firing, Run, Schedule, Standing, WorkerRecord

SWEEP_LIMIT = 100
"""Of each kind of thing, how many one ``sweep`` removes at most."""


class Administration(Asking):
    """Workers, mailboxes, pools, the audit log, and schedules."""

    capabilities: ClassVar[frozenset[str]] = Asking.capabilities | {"pools", "audit", "schedule pages"}

    # --- workers ----------------------------------------------------------------------------------

    def register(self, worker: WorkerRecord, lease: float) -> None:
        """List a worker; see ``Backend.register``."""
        self._link.run(lambda tr: workers.write(tr, worker, lease))

    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """Keep it listed; see ``Backend.beat``."""
        return self._link.run(lambda tr: workers.write(tr, worker, lease))

    def unregister(self, worker: str) -> None:
        """Take it off the list; see ``Backend.unregister``."""
        self._link.run(lambda tr: listed.remove(tr, tr.keys.worker, worker))

    def workers(self, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
        """List live workers; see ``Backend.workers``."""
        return self._link.read(lambda tr: workers.live(tr, queue, route))

    def reap(self, worker: str, begun: Sequence[str], death: Death) -> int:
        """Give back what a dead worker held; see ``Backend.reap``."""
        link, ids = self._link, frozenset(begun)
        back = 0
        while True:
            step = link.run(lambda tr: workers.reap(tr, worker, ids, death))
            back += step.back
            if step.is_over:
                break
        while link.run(lambda tr: workers.kill_copies(tr, worker)):
            pass
        return back

    def send(self, worker: str, command: Command) -> bool:
        """Put a command into a mailbox; see ``Backend.send``."""
        return self._link.run(lambda tr: workers.send(tr, worker, command))

    def listen(self, worker: str, timeout: float) -> list[Command]:
        """Take commands out; see ``Backend.listen``."""
        link = self._link
        found = wakeups.wait_until(link, lambda tr: mailboxes.look(tr, worker), timeout, nothing=False)
        return link.run(lambda tr: mailboxes.take(tr, worker)) if found and not link.closed.is_set() else []

    def sweep(self) -> int:
        """Do some housekeeping; see ``Backend.sweep``."""
        link = self._link
        self.sample()
        done = staged_batch.finish(link) + link.run(staged_batch.throw_away)
        for table in (link.keys.worker, link.keys.pool):
            for id_ in link.read(lambda tr, table=table: listed.dead(tr, table))[:SWEEP_LIMIT]:  # type: ignore[misc]
                done += link.run(lambda tr, table=table, id_=id_: listed.remove_dead(tr, table, id_))  # type: ignore[misc]
        for id_ in link.read(listed.lost_mailboxes)[:SWEEP_LIMIT]:
            done += link.run(lambda tr, id_=id_: listed.remove_mailbox(tr, id_))  # type: ignore[misc]
        done += self._kill_unclaimable()
        done += link.run(lambda tr: audit.drop_old(tr, SWEEP_LIMIT))
        link.run(marks.forget_old)
        return done + self._prune(None, SWEEP_LIMIT)

    def _kill_unclaimable(self) -> int:
        """Kill what only workers could run that are not listed."""
        link = self._link
        known = link.read(lambda tr: [id_ for id_, _, _ in listed.all_of(tr, tr.keys.worker)])
        killed = 0
        for token in link.read(workers.lost_leases):
            killed += link.run(lambda tr, token=token: workers.kill_lost(tr, token, known))  # type: ignore[misc]
        last: str | None = None
        while names := link.read(lambda tr, last=last: workers.targets(tr, last)):  # type: ignore[misc]
            for name in sorted(set(names).difference(known)):
                killed += link.run(lambda tr, name=name: workers.kill_copies(tr, name))  # type: ignore[misc]
            last = names[-1]
        return killed

    # --- pools ------------------------------------------------------------------------------------

    def register_pool(self, pool: PoolRecord, lease: float) -> None:
        """List a pool; see ``Backend.register_pool``."""
        self._link.run(lambda tr: pools.write(tr, pool, lease))

    def beat_pool(self, pool: PoolRecord, lease: float) -> bool:
        """Keep it listed; see ``Backend.beat_pool``."""
        return self._link.run(lambda tr: pools.write(tr, pool, lease))

    def unregister_pool(self, pool: str) -> None:
        """Take it off the list; see ``Backend.unregister_pool``."""
        self._link.run(lambda tr: listed.remove(tr, tr.keys.pool, pool))

    def pools(self, queue: str | None = None) -> list[PoolRecord]:
        """List live pools; see ``Backend.pools``."""
        return self._link.read(lambda tr: pools.live(tr, queue))

    # --- the audit log ----------------------------------------------------------------------------

    def log_entry(self, entry: Entry) -> None:
        """Add an entry; see ``Backend.log_entry``."""
        self._link.run(lambda tr: audit.add(tr, entry))

    def note_entry(
        self, id_: str, *, did: str | None = None, heard: bool = False, done: bool = False
    ) -> bool:
        """Note on an entry what became of it; see ``Backend.note_entry``."""
        return self._link.run(lambda tr: audit.note(tr, id_, did=did, heard=heard, done=done))

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
        return self._link.read(lambda tr: audit.page(tr, limit, cursor, who=who, verb=verb, id_=id_))

    # --- schedules --------------------------------------------------------------------------------

    def declare(self, schedule: Schedule, firing: Firing, over: Standing | None = None) -> bool | None:
        """Declare a schedule; see ``Backend.declare``."""
        return self._link.run(lambda tr: schedules.declare(tr, schedule, firing, over))

    def schedules(self, queue: str | None = None) -> list[Schedule]:
        """List schedules; see ``Backend.schedules``."""
        return self._link.read(lambda tr: schedules.page(tr, queue, None, None))

    def get_schedule(self, queue: str, name: str) -> Schedule | None:
        """Read a schedule; see ``Backend.get_schedule``."""
        return self._link.read(lambda tr: schedules.get(tr, queue, name))

    def get_schedules(self, queue: str, names: Sequence[str]) -> list[Schedule | None]:
        """Read schedules; see ``Backend.get_schedules``."""
        wanted = [(queue, name) for name in names[:MAX_PAGE]]
        return self._link.read(lambda tr: schedules.get_each(tr, wanted))

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
        return self._link.run(
            lambda tr: schedules.arm(tr, (queue, name), generation, firing, state=state, over=over)
        )

    def pause_schedule(self, queue: str, name: str) -> bool:
        """Take its firing away; see ``Backend.pause_schedule``."""
        return self._link.run(lambda tr: schedules.pause(tr, queue, name))

    def resume_schedule(
        self,
        queue: str,
        name: str,
        firing: Firing,
        generation: int | None = None,
        state: bytes | None = None,
    ) -> bool:
        """Arm it again; see ``Backend.resume_schedule``."""
        return self._link.run(lambda tr: schedules.resume(tr, (queue, name), firing, generation, state))

    def remove_schedule(self, queue: str, name: str, generation: int | None = None) -> bool:
        """Forget it; see ``Backend.remove_schedule``."""
        return self._link.run(lambda tr: schedules.remove(tr, queue, name, generation))

    def history(self, queue: str, name: str) -> list[Run]:
        """Read its last runs; see ``Backend.history``."""
        return self.histories([(queue, name)])[0]

    def histories(self, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
        """Read the last runs of several; see ``Backend.histories``."""
        return self._link.read(lambda tr: schedules.histories(tr, names))

    def schedule_page(
        self, queue: str | None = None, limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[Schedule]:
        """List some schedules; see ``Backend.schedule_page``."""
        return self._link.read(lambda tr: schedules.page(tr, queue, min(limit, MAX_PAGE), after))

    def idle_schedules(self, queue: str, route: str) -> list[Schedule]:
        """List those that nothing moves on; see ``Backend.idle_schedules``."""
        chosen = [one for one in self.schedules(queue) if one.route == route and not one.paused]
        idle: list[Schedule] = []
        for start in range(0, len(chosen), schedules.IDLE_AT_ONCE):
            some = chosen[start : start + schedules.IDLE_AT_ONCE]
            idle += self._link.read(lambda tr, some=some: list(schedules.idle(tr, some)))  # type: ignore[misc]
        return idle
