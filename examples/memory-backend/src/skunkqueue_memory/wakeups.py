"""Waiting: for something to claim, for firings to finish, and for commands. These run without the store's lock."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.records import Command, State
from skunkqueue_memory.store import Store


def wait_any(store: Store, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
    """Sleep until a change, or until something falls due or a lease ends; return the route where."""

    def look(now: float) -> tuple[str | None, float | None]:
        moments = [
            (entry.due if entry.state is State.PENDING else entry.lease_end, route)
            for route in routes
            if not store.is_paused((queue, route))
            for entry in store.shelf.live[queue, route].values()
            if entry.firing.target in (None, worker)
        ]
        first, route = min(moments, default=(None, None))
        return route if first is not None and first <= now else None, first

    return store.wait_until(look, timeout)


def wait_settled(store: Store, ids: Sequence[str], timeout: float) -> list[str]:
    """Sleep until one of the firings is finished or unknown."""

    def look(_: float) -> tuple[list[str], None]:
        live = {entry.id for entry in store.shelf.known(ids) if not entry.state.final}
        return [id_ for id_ in ids if id_ not in live], None

    return store.wait_until(look, timeout)


def listen(store: Store, worker: str, timeout: float) -> list[Command]:
    """Sleep until a command is in the mailbox, and empty it."""
    return store.wait_until(lambda _: (store.mailboxes.pop(worker, []), None), timeout)
