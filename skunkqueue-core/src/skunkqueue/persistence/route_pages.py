"""Some of very many routes, chosen from all of them: for stores that have no shorter way. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skunkqueue.listings import Busiest, QueueSum
from skunkqueue.records import RouteInfo, State


def page_of(
    found: Iterable[RouteInfo], text: str, limit: int, after: tuple[str, str] | None
) -> list[RouteInfo]:
    """Choose a page of routes, which come by queue and name; see ``Backend.route_page``."""
    wanted = [
        info
        for info in found
        if (after is None or (info.queue, info.route) > after) and has_text(info.queue, info.route, text)
    ]
    return wanted[: max(0, limit)]


def has_text(queue: str, route: str, text: str) -> bool:
    """Return whether a route is found by a text."""
    return text in queue or text in route


def busiest_of(found: Sequence[RouteInfo], limit: int) -> Busiest:
    """Choose the busiest routes, and add up all; see ``Backend.busiest``."""
    sums: dict[str, QueueSum] = {}
    for info in found:
        sums[info.queue] = added(sums.get(info.queue), sum_of(info))
    return Busiest(
        routes=tuple(sorted(found, key=rank_of)[: max(0, limit)]),
        queues=tuple(sums[queue] for queue in sorted(sums)),
    )


def rank_of(info: RouteInfo) -> tuple[int, str, str]:
    """Return by what routes are sorted, busiest first."""
    return -info.counts[State.PENDING] - info.counts[State.RUNNING], info.queue, info.route


def sum_of(info: RouteInfo) -> QueueSum:
    """Return one route as a sum."""
    return QueueSum(queue=info.queue, routes=1, paused=int(info.paused), counts=info.counts, exact=info.exact)


def added(left: QueueSum | None, right: QueueSum) -> QueueSum:
    """Return two sums of one queue together."""
    if left is None:
        return right
    return QueueSum(
        queue=left.queue,
        routes=left.routes + right.routes,
        paused=left.paused + right.paused,
        counts={state: left.counts[state] + right.counts[state] for state in State},
        exact=left.exact and right.exact,
    )
