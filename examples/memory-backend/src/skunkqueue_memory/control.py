"""What people do to firings and routes: kill, requeue, delete, run now, purge, pause, resume, prune."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skunkqueue.records import Command, State
from skunkqueue_memory import audit, workers
from skunkqueue_memory.shelf import Entry
from skunkqueue_memory.store import Store


def kill(store: Store, ids: Sequence[str]) -> dict[str, State | None]:
    """Kill pending firings at once, and send a command to the workers of running ones."""
    before: dict[str, State | None] = dict.fromkeys(ids)
    for entry in store.shelf.known(ids):
        before[entry.id] = entry.state
        if entry.state is State.RUNNING:
            entry.kill_requested = True
            workers.send(store, entry.worker or "", Command(verb="kill", firing=entry.id))
        elif entry.state is State.PENDING:
            store.shelf.kill(entry, store.now())
    store.wake_all()
    return before


def requeue(store: Store, ids: Sequence[str]) -> list[str]:
    """Start finished firings over."""
    done = []
    for entry in store.shelf.known(ids):
        if not entry.state.final or store.shelf.key_holder(entry) is not None:
            continue
        store.shelf.start_over(entry, store.now())
        done.append(entry.id)
    store.wake_all()
    return done


def delete(store: Store, ids: Sequence[str]) -> dict[str, State | None]:
    """Remove what does not run."""
    before: dict[str, State | None] = dict.fromkeys(ids)
    for entry in store.shelf.known(ids):
        before[entry.id] = entry.state
        if entry.state is not State.RUNNING:
            store.shelf.remove(entry)
    store.wake_all()
    return before


def run_now(store: Store, ids: Sequence[str]) -> dict[str, State | None]:
    """Make pending firings due."""
    before: dict[str, State | None] = dict.fromkeys(ids)
    for entry in store.shelf.known(ids):
        before[entry.id] = entry.state
        if entry.state is State.PENDING:
            entry.due = min(entry.due, store.now())
    store.wake_all()
    return before


def purge(store: Store, queue: str, route: str | None) -> int:
    """Remove what is pending."""
    return _remove(
        store,
        [
            entry
            for place in list(store.shelf.live)
            if place[0] == queue and route in (None, place[1])
            for entry in store.shelf.pending(place)
        ],
    )


def pause(store: Store, queue: str, route: str | None) -> None:
    """Note a pause."""
    store.paused[queue].add(route)


def resume(store: Store, queue: str, route: str | None) -> None:
    """Remove the note of a pause; that of a queue with those of all its routes."""
    if route is None:
        store.paused[queue].clear()
    else:
        store.paused[queue].discard(route)
    store.wake_all()


def prune(store: Store, older: float | None, limit: int) -> int:
    """Remove what was kept long enough."""
    now = store.now()
    doomed = [
        entry
        for entry in store.shelf.entries.values()
        if entry.state.final
        and (entry.kept_until() <= now if older is None else entry.finished < now - older)
    ][:limit]
    store.shelf.tallies.drop(now)
    audit.drop_old(store, now)
    return _remove(store, doomed)


def _remove(store: Store, entries: Iterable[Entry]) -> int:
    doomed = list(entries)
    for one in doomed:
        store.shelf.remove(one)
    store.wake_all()
    return len(doomed)
