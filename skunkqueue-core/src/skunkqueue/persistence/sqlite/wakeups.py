"""Waiting until something may be claimed on one route, or on any of several."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from skunkqueue.persistence.sqlite import claim
from skunkqueue.persistence.sqlite.fifos import route_topic
from skunkqueue.persistence.sqlite.store import Store
from skunkqueue.persistence.sqlite.waits import Moments


def wait(store: Store, queue: str, route: str, worker: str, timeout: float) -> bool:
    """Block until something may be claimable; see ``Backend.wait``."""
    look, moments = lookout(store, queue, route, worker)
    with store.fifos.listening(route_topic(queue, route)) as fd:
        return store.waits.until([fd], timeout, look, moments)


def wait_any(store: Store, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
    """Block until something may be claimable on one of several routes; see ``Backend.wait_any``."""
    lookouts = [lookout(store, queue, route, worker) for route in routes]

    def look(db: sqlite3.Connection) -> list[str]:
        return [route for route, (finds, _) in zip(routes, lookouts, strict=True) if finds(db)]

    def moments(db: sqlite3.Connection) -> Moments:
        dues, ends = zip(*(comes(db) for _, comes in lookouts), strict=True)
        return (
            min((due for due in dues if due is not None), default=None),
            min((end for end in ends if end is not None), default=None),
        )

    with ExitStack() as stack:
        fds = [stack.enter_context(store.fifos.listening(route_topic(queue, route))) for route in routes]
        found = store.waits.until(fds, timeout, look, moments)
    for route in found[1:]:
        # A wake-up meant for another wait may have been dropped before the look.
        store.wake_route(queue, route)
    return found[0] if found else None


def lookout(
    store: Store, queue: str, route: str, worker: str
) -> tuple[Callable[[sqlite3.Connection], bool], Callable[[sqlite3.Connection], Moments]]:
    """Return two queries: whether something may be claimed now, and at which moments something may be."""
    clock = store.clock

    def look(db: sqlite3.Connection) -> bool:
        number = store.known_route(queue, route, db)
        return number is not None and claim.look(db, number, worker, clock.now(), clock.monotonic())

    def moments(db: sqlite3.Connection) -> Moments:
        number = store.known_route(queue, route, db)
        return (None, None) if number is None else claim.next_moments(db, number, worker)

    return look, moments
