"""Waiting for firings that may be claimed, and for firings to finish."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence.mongodb import claim, recovery
from skunkqueue.persistence.mongodb.documents import place_of
from skunkqueue.persistence.mongodb.lines import next_due
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.persistence.mongodb.waiters import Waiter
from skunkqueue.persistence.rules import LOOK_EVERY, SHORTEST_SLEEP
from skunkqueue.records import Claim

_GATHER_EACH, _GATHER_MOST = 20e-6, 0.02
"""Seconds for which more news is gathered after the first: for each firing that is waited for, and at most."""
_AT_ONCE = 1_000
"""Firings that one request asks for."""


def wait(store: Store, queue: str, route: str, worker: str, timeout: float) -> bool:
    """Block until something may be claimable; see ``Backend.wait``."""
    return wait_any(store, queue, (route,), worker, timeout) is not None


def wait_any(store: Store, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
    """Block until something may be claimable on one of several routes; see ``Backend.wait_any``."""
    if timeout <= 0:
        return _look_at_each(store, queue, routes, worker)[0]
    end = store.clock.monotonic() + timeout
    with store.wakeups.waiter([place_of(queue, route) for route in routes], timeout=timeout) as waiter:
        return _wait(store, waiter, (queue, routes, worker), end)


def claim_next(
    store: Store, place: tuple[str, str], worker: str, limit: int, lease: float, *, timeout: float
) -> list[Claim]:
    """Lend firings as soon as there are any; see ``Backend.claim_next``. Not under a virtual clock."""
    end = monotonic() + timeout
    with store.wakeups.waiter([place_of(*place)], timeout=timeout) as waiter:
        while _wait(store, waiter, (place[0], place[1:], worker), end) is not None:
            # Empty where other workers were faster.
            claims = claim.claim(store, place, worker, limit, lease)
            if claims:
                return claims
    return []


def _wait(store: Store, waiter: Waiter, lines: tuple[str, Sequence[str], str], end: float) -> str | None:
    """Look at some routes, and again whenever the waiter is woken or something falls due; return one to claim from."""
    while not store.closed.is_set():
        try:
            found, moment = _look_at_each(store, *lines)
        except BackendUnavailableError:
            if store.closed.is_set():
                # Another thread closed it during the request, which ends a wait like any other.
                return None
            raise
        if found is not None:
            return found
        left = end - store.clock.monotonic()
        if left <= 0:
            break
        pause = left if moment is None else min(left, moment)
        if store.time.is_virtual:
            store.clock.wait(store.closed, max(pause, 0.0))
        elif waiter.wait(min(pause, LOOK_EVERY)) and len(lines[1]) == 1 and not waiter.is_early:
            # With several routes, another look finds the one that it was woken for. One that began without a stream may have
            # been woken only because there is one now.
            return None if store.closed.is_set() else lines[1][0]
    return None


def _look_at_each(
    store: Store, queue: str, routes: Sequence[str], worker: str
) -> tuple[str | None, float | None]:
    """Return a route on which something may be claimed now, and otherwise in how many seconds, if that is known."""
    moments: list[float] = []
    for route in routes:
        found, moment = _look(store, queue, route, worker)
        if found:
            return route, None
        moments += [] if moment is None else [moment]
    return None, min(moments, default=None)


def _look(store: Store, queue: str, route: str, worker: str) -> tuple[bool, float | None]:
    """Return whether something may be claimed now, and otherwise in how many seconds, if that is known."""
    recovery.recover_now_and_then(store)
    found = store.aggregate(store.routes, next_due(store.time, queue, route, worker))
    if not found or found[0]["paused"]:
        return False, None
    (seen,) = found
    now = seen["now"]
    moments = [one["due"] for one in seen["dues"]] + [one["lease"] for one in seen["leases"]]
    if not moments:
        return False, None
    first = min(moments)
    return first <= now, max(first - now, SHORTEST_SLEEP)


def wait_settled(store: Store, ids: Sequence[str], timeout: float) -> list[str]:
    """Block until one of the firings is finished or unknown; see ``Backend.wait_settled``."""
    if timeout <= 0 or not ids or store.time.is_virtual:
        found = _settled(store, ids)
        if found or timeout <= 0 or not ids:
            return found
        store.clock.wait(store.closed, timeout)
        return _settled(store, ids)
    with store.wakeups.waiter(ids=ids, timeout=timeout) as waiter:

        def look() -> list[str]:
            waiter.news.clear()
            return _settled(store, ids)

        def look_at_news() -> list[str]:
            if len(ids) > 1:
                # A change stream reports each firing by itself; of those settled together, most come within this time.
                store.closed.wait(min(_GATHER_EACH * len(ids), _GATHER_MOST))
            # The news may be something else, so the store is asked.
            return _settled(store, [id_ for id_ in ids if id_ in waiter.news])

        return store.wakeups.wait_until(waiter, look, timeout, woken=look_at_news)


def _settled(store: Store, ids: Sequence[str]) -> list[str]:
    """Return which of these firings are finished or unknown."""
    live: set[str] = set()
    for start in range(0, len(ids), _AT_ONCE):
        wanted = {
            "_id": {"$in": list(ids[start : start + _AT_ONCE])},
            "state": {"$in": ["pending", "running"]},
        }
        found = store.find(store.firings, wanted, {"_id": True})
        live |= {one["_id"] for one in found}
    return [id_ for id_ in ids if id_ not in live]
