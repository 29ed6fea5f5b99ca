"""Reading firings, pages, routes and counters, always bounded."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Sequence

from skunkqueue.ids import ID_LENGTH
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.base import StoreBackend
from skunkqueue.persistence.redis.keys import names_in, place_of, quote
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.records import Page, Record, RouteInfo, State

_GET, _FIND, _PAGE, _ROUTES = map(load, ("get", "find", "page", "routes"))
_PREFIX = re.compile(rf"[0-9a-f]{{0,{ID_LENGTH}}}")
_RouteRow = tuple[str, bool, int, int, int, int, int, int, float | None]
_as_page = wire.reader(tuple[list[wire.Found], tuple[float, float | str, float | str] | None])
_as_routes = wire.reader(list[_RouteRow])


class Reading(StoreBackend, ABC):
    """The verbs that change nothing."""

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        """Read firings by id."""
        known = [id_ for id_ in ids if id_.isascii()]
        if not known:
            return [None] * len(ids)
        found = wire.as_found(self._link.call(_GET, known))
        records = {one.stored.id: wire.record_of(one) for one in found if one is not None}
        return [records.get(id_) for id_ in ids]

    def find(self, prefix: str, limit: int = 10) -> list[str]:
        """Find ids by how they begin."""
        prefix = prefix.lower()
        limit = max(0, min(limit, MAX_PAGE))
        if not _PREFIX.fullmatch(prefix) or not limit:
            return []
        return wire.as_ids(self._link.call(_FIND, prefix, limit))

    def page(self, queue: str, route: str, state: State, limit: int = 50, after: str | None = None) -> Page:
        """List firings of one state."""
        limit = max(1, min(limit, MAX_PAGE))
        shape = (float, float, str) if not state.final else (float, str, float)
        place = False if after is None else list(rules.place_in(after, state, shape))
        found, last = _as_page(self._link.call(_PAGE, place_of(queue, route), state.value, limit, place))
        following = None if last is None else rules.cursor_after(state, last)
        return Page(records=tuple(map(wire.record_of, found)), next=following)

    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        """List routes with their counts."""
        reply = self._link.call(_ROUTES, False if queue is None else quote(queue))
        rows = _as_routes(reply)
        infos = [_route(row) for row in rows]
        return sorted(infos, key=lambda info: (info.queue, info.route))


def _route(row: _RouteRow) -> RouteInfo:
    place, paused, *counts, oldest = row
    queue, route = names_in(place)
    return RouteInfo(
        queue=queue,
        route=route,
        paused=paused,
        counts=dict(zip(State, counts, strict=True)),
        oldest_due=oldest,
    )
