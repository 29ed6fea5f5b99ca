"""Workers and pools: the list of those that live, a mailbox for each, and what is done when one is dead.

Knows that a claim carries its holder's id, and nothing else of claiming.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from skunkqueue.pools import PoolRecord
from skunkqueue.records import Command, Death, State, WorkerRecord
from skunkqueue_memory import audit, control, counters
from skunkqueue_memory.store import Store

SWEEP_LIMIT = 100
"""Firings that one ``sweep`` prunes at most."""


def beat(store: Store, worker: WorkerRecord, lease: float) -> bool:
    """List a worker until its lease ends; return whether it was listed."""
    now = store.now()
    alive = is_alive(store, worker.id, now)
    store.workers[worker.id] = replace(worker, beat=now), now + lease
    return alive


def is_alive(store: Store, worker: str, now: float) -> bool:
    """Return whether a worker is listed."""
    return worker in store.workers and store.workers[worker][1] > now


def unregister(store: Store, worker: str) -> None:
    """Take a worker off the list, with its mailbox."""
    store.workers.pop(worker, None)
    store.mailboxes.pop(worker, None)


def listed(store: Store, queue: str | None, route: str | None) -> list[WorkerRecord]:
    """List those whose lease is not over."""
    now = store.now()
    live = [record for record, _ in store.workers.values() if is_alive(store, record.id, now)]
    chosen = [record for record in live if record.listens_on(queue, route)]
    return sorted(chosen, key=lambda record: (record.started, record.id))


def reap(store: Store, worker: str, begun: Sequence[str], death: Death) -> int:
    """Give back at once what a dead worker held."""
    held = [
        entry
        for entry in store.shelf.entries.values()
        if entry.state is State.RUNNING and entry.worker == worker
    ]
    for entry in held:
        if entry.id in begun:
            store.shelf.died(entry, death, store.now())
        store.shelf.move(entry, State.PENDING)
    unregister(store, worker)
    _kill_copies_of(store, {worker})
    return len(held)


def send(store: Store, worker: str, command: Command) -> bool:
    """Put a command into the mailbox of a worker or pool."""
    now = store.now()
    if not (is_alive(store, worker, now) or is_pool_alive(store, worker, now)):
        return False
    store.mailboxes[worker].append(command)
    store.wake_all()
    return True


def sweep(store: Store) -> int:
    """Forget dead workers and pools, with the firings that only they could have run."""
    now = store.now()
    counters.sample(store)
    dead = [worker for worker in store.workers if not is_alive(store, worker, now)]
    for worker in dead:
        unregister(store, worker)
    dead_pools = [pool for pool in store.pools if not is_pool_alive(store, pool, now)]
    for pool in dead_pools:
        unregister_pool(store, pool)
    targets = {entry.firing.target for entry in store.shelf.entries.values()} - {None}
    killed = _kill_copies_of(store, {target for target in targets if target not in store.workers})
    gone = len(dead) + len(dead_pools) + audit.drop_old(store, now)
    return gone + killed + control.prune(store, None, SWEEP_LIMIT)


def _kill_copies_of(store: Store, workers: set[str | None]) -> int:
    """Kill the firings that only these workers may claim, pending or with their lease over; return how many."""
    now = store.now()
    doomed = [
        entry
        for entry in store.shelf.entries.values()
        if entry.firing.target in workers
        if entry.state is State.PENDING or entry.overdue(now)
    ]
    for entry in doomed:
        store.shelf.kill(entry, now)
    store.wake_all()
    return len(doomed)


# --- pools ----------------------------------------------------------------------------------------


def beat_pool(store: Store, pool: PoolRecord, lease: float) -> bool:
    """List a pool until its lease ends; return whether it was listed."""
    now = store.now()
    alive = is_pool_alive(store, pool.id, now)
    store.pools[pool.id] = replace(pool, beat=now), now + lease
    return alive


def is_pool_alive(store: Store, pool: str, now: float) -> bool:
    """Return whether a pool is listed."""
    return pool in store.pools and store.pools[pool][1] > now


def unregister_pool(store: Store, pool: str) -> None:
    """Take a pool off the list, with its mailbox."""
    store.pools.pop(pool, None)
    store.mailboxes.pop(pool, None)


def listed_pools(store: Store, queue: str | None) -> list[PoolRecord]:
    """List those whose lease is not over."""
    now = store.now()
    live = [record for record, _ in store.pools.values() if is_pool_alive(store, record.id, now)]
    chosen = [record for record in live if queue in (None, record.queue)]
    return sorted(chosen, key=lambda record: (record.started, record.id))
