"""Some of very many routes: a page of them by name, or the busiest; and the sums of all.

All names are read at once, and sorted here: the server keeps them without order, and quoted.
"""

from __future__ import annotations

from skunkqueue.listings import Busiest, QueueSum
from skunkqueue.persistence import route_pages
from skunkqueue.persistence.redis import routes
from skunkqueue.persistence.redis.keys import names_in
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import reader
from skunkqueue.records import RouteInfo, State

_SUMS = load("sums")
_as_sums = reader(tuple[list[tuple[str, int, int, int, int, int, int, int, int]], list[tuple[str, int]]])
_TOGETHER = 500
"""Routes that one request adds up, so that it holds the server up for some milliseconds at most."""


def page(
    link: Link, queue: str | None, text: str, limit: int, after: tuple[str, str] | None
) -> list[RouteInfo]:
    """List a page by name; see ``Backend.route_page``."""
    named = sorted((names_in(place), place) for place in routes.places(link, queue))
    wanted = [
        place
        for names, place in named
        if (after is None or names > after) and route_pages.has_text(*names, text)
    ]
    return routes.infos_at(link, wanted[: max(0, limit)])


def busiest(link: Link, queue: str | None, limit: int, route: str | None = None) -> Busiest:
    """List the busiest, and add up all (those of this name); see ``Backend.busiest``."""
    few = routes.infos_at_once(link, queue)
    if few is not None:
        return route_pages.busiest_of([info for info in few if route in (None, info.route)], limit)
    limit = max(0, limit)
    places = [place for place in routes.places(link, queue) if route in (None, names_in(place)[1])]
    sums: dict[str, QueueSum] = {}
    candidates: list[tuple[int, tuple[str, str], str]] = []
    for first in range(0, len(places), _TOGETHER):
        by_queue, busy = _as_sums(link.call(_SUMS, places[first : first + _TOGETHER], limit))
        for quoted, number, paused, *counts in by_queue:
            owner = names_in(f"{quoted}:")[0]
            part = QueueSum(
                queue=owner, routes=number, paused=paused, counts=dict(zip(State, counts, strict=True))
            )
            sums[owner] = route_pages.added(sums.get(owner), part)
        candidates += [(-live, names_in(place), place) for place, live in busy]
    chosen = [place for _, _, place in sorted(candidates)[:limit]]
    # Their order is that of the counts which are shown.
    shown = sorted(routes.infos_at(link, chosen), key=route_pages.rank_of)
    return Busiest(routes=tuple(shown), queues=tuple(sums[owner] for owner in sorted(sums)))
