"""Routes: listed before the first firing, paused and resumed."""

from __future__ import annotations

from collections.abc import Iterable

from skunkqueue.clock import monotonic
from skunkqueue.persistence.mongodb.documents import place_of, route_id
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Firing

_LISTED = 60.0
"""Seconds after which a route is listed again."""


def list_routes(store: Store, firings: Iterable[Firing]) -> None:
    """List the routes of firings before these are inserted."""
    now = monotonic()
    for place in {(firing.queue, firing.route) for firing in firings}:
        # Again after a while, since a failover, or a person by hand, may have removed it.
        if now - store.listed_routes.get(place, -_LISTED) >= _LISTED:
            _list_route(store, *place)
            store.listed_routes[place] = now


def _list_route(store: Store, queue: str, route: str) -> None:
    """List one route."""
    names = {"queue": queue, "route": route}
    store.run(store.routes.update_one, {"_id": route_id(queue, route)}, {"$setOnInsert": names}, upsert=True)


def pause(store: Store, queue: str, route: str | None = None) -> None:
    """Let nothing more be claimed; see ``Backend.pause``."""
    names: Document = {"queue": queue} if route is None else {"queue": queue, "route": route}
    names["paused"] = True
    store.run(store.routes.update_one, {"_id": route_id(queue, route)}, {"$set": names}, upsert=True)


def resume(store: Store, queue: str, route: str | None = None) -> None:
    """End a pause; see ``Backend.resume``."""
    routes: Document = {"queue": queue, "paused": True, "route": {"$exists": True}}
    if route is not None:
        routes["route"] = route
    found = store.find(store.routes, {"queue": queue, "route": {"$exists": True}}, {"route": True})
    store.run(store.routes.update_many, routes, {"$set": {"paused": False}})
    if route is None:
        # Last, so that a call that is interrupted can be repeated.
        store.run(store.routes.delete_one, {"_id": route_id(queue)})
    store.wakeups.send([place_of(queue, one["route"]) for one in found if route in (None, one["route"])])
