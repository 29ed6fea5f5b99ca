"""The verbs about workers and pools: the list of who lives, and a mailbox for each.

Knows that a claim carries its holder's id, and nothing else of claiming.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from skunkqueue.clock import Clock
from skunkqueue.pools import PoolRecord
from skunkqueue.records import Command, Death, State, WorkerRecord
from skunkqueue_memory.audit import AuditVerbs

SWEEP_LIMIT = 100
"""Firings that one ``sweep`` prunes at most."""


class WorkerVerbs(AuditVerbs):
    """Workers come, beat, and go in one way or another."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._workers: dict[str, tuple[WorkerRecord, float]] = {}
        """Each with the time at which its own lease ends."""
        self._pools: dict[str, tuple[PoolRecord, float]] = {}
        """The same."""
        self._mailboxes: defaultdict[str, list[Command]] = defaultdict(list)

    def register(self, worker: WorkerRecord, lease: float) -> None:
        """List a worker."""
        with self._open():
            now = self.now()
            self._workers[worker.id] = replace(worker, beat=now), now + lease

    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """Keep it listed, or list it again."""
        with self._open():
            alive = self._alive(worker.id, self.now())
            self.register(worker, lease)
            return alive

    def unregister(self, worker: str) -> None:
        """Take it off the list, with its mailbox."""
        with self._open():
            self._workers.pop(worker, None)
            self._mailboxes.pop(worker, None)

    def workers(self, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
        """List those whose lease is not over."""
        with self._open():
            now = self.now()
            live = [record for record, _ in self._workers.values() if self._alive(record.id, now)]
        chosen = [record for record in live if record.listens_on(queue, route)]
        return sorted(chosen, key=lambda record: (record.started, record.id))

    def reap(self, worker: str, begun: Sequence[str], death: Death) -> int:
        """Give back what it held, at once."""
        with self._open():
            held = [
                entry
                for entry in self._shelf.entries.values()
                if entry.state is State.RUNNING and entry.worker == worker
            ]
            for entry in held:
                if entry.id in begun:
                    self._shelf.died(entry, death, self.now())
                self._shelf.move(entry, State.PENDING)
            self.unregister(worker)
            self._kill_copies_of({worker})
            self._ring()
            return len(held)

    def send(self, worker: str, command: Command) -> bool:
        """Put a command into its mailbox."""
        with self._open():
            if not (self._alive(worker, self.now()) or self._pool_alive(worker, self.now())):
                return False
            self._mailboxes[worker].append(command)
            self._ring()
            return True

    def listen(self, worker: str, timeout: float) -> list[Command]:
        """Empty its mailbox, once something is in it."""
        return self._watch(lambda _: (self._mailboxes.pop(worker, []), None), timeout)

    def sweep(self) -> int:
        """Forget the dead, and what only they could have run."""
        with self._open():
            now = self.now()
            self.sample()
            dead = [worker for worker in self._workers if not self._alive(worker, now)]
            for worker in dead:
                self.unregister(worker)
            dead_pools = [pool for pool in self._pools if not self._pool_alive(pool, now)]
            for pool in dead_pools:
                self.unregister_pool(pool)
            targets = {entry.firing.target for entry in self._shelf.entries.values()} - {None}
            killed = self._kill_copies_of({target for target in targets if target not in self._workers})
            gone = len(dead) + len(dead_pools) + self._drop_entries(now)
            return gone + killed + self.prune(limit=SWEEP_LIMIT)

    # --- pools ------------------------------------------------------------------------------------

    def register_pool(self, pool: PoolRecord, lease: float) -> None:
        """List a pool."""
        with self._open():
            now = self.now()
            self._pools[pool.id] = replace(pool, beat=now), now + lease

    def beat_pool(self, pool: PoolRecord, lease: float) -> bool:
        """Keep it listed, or list it again."""
        with self._open():
            alive = self._pool_alive(pool.id, self.now())
            self.register_pool(pool, lease)
            return alive

    def unregister_pool(self, pool: str) -> None:
        """Take it off the list, with its mailbox."""
        with self._open():
            self._pools.pop(pool, None)
            self._mailboxes.pop(pool, None)

    def pools(self, queue: str | None = None) -> list[PoolRecord]:
        """List those whose lease is not over."""
        with self._open():
            now = self.now()
            live = [record for record, _ in self._pools.values() if self._pool_alive(record.id, now)]
        chosen = [record for record in live if queue in (None, record.queue)]
        return sorted(chosen, key=lambda record: (record.started, record.id))

    def _pool_alive(self, pool: str, now: float) -> bool:
        return pool in self._pools and self._pools[pool][1] > now

    def _alive(self, worker: str, now: float) -> bool:
        return worker in self._workers and self._workers[worker][1] > now

    def _kill_copies_of(self, workers: set[str | None]) -> int:
        copies = [entry for entry in self._shelf.entries.values() if entry.firing.target in workers]
        killed = self._kill_waiting(copies, self.now())
        self._ring()
        return killed
