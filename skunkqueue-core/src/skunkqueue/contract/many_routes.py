"""Many routes: pages of them by name, searched by a text; the busiest; and the sums of all."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import QUEUE, claim, firing, outcome
from skunkqueue.listings import QueueSum
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import RouteInfo, State, Verdict

# Some sort otherwise where they are quoted, joined or folded.
QUEUES = ("a", "a b", "a:b", "ä", "Z")
ROUTES = ("x", "x:y", "x%y", "X", "mail", "mail_2", "%", "_", "*")


class ManyRoutesPromises(Kit):
    """What ``route_page`` and ``busiest`` promise."""

    @pytest.mark.parametrize("limit", [1, 7, 50])
    def test_pages_of_routes_are_all_routes(self, backend: Backend, limit: int) -> None:
        everything = fill(backend)
        found: list[RouteInfo] = []
        while page := backend.route_page(limit=limit, after=place_of(found[-1]) if found else None):
            assert len(page) <= limit
            found += page
        assert found == everything

    def test_pages_of_routes_are_those_of_one_queue(self, backend: Backend) -> None:
        everything = [info for info in fill(backend) if info.queue == "a:b"]
        first = backend.route_page("a:b", limit=3)
        assert first == everything[:3]
        assert backend.route_page("a:b", limit=50, after=place_of(first[-1])) == everything[3:]
        assert backend.route_page("nowhere") == []

    @pytest.mark.parametrize("text", ["mail", "x", "%", "_", "*", ":", "ä", "a b", "nothing", "'"])
    def test_routes_are_found_by_a_text_in_their_names(self, backend: Backend, text: str) -> None:
        everything = [info for info in fill(backend) if text in info.queue or text in info.route]
        assert backend.route_page(text=text) == everything[:50]
        half = len(everything) // 2
        if half:
            assert backend.route_page(text=text, after=place_of(everything[half - 1])) == everything[half:]

    def test_page_of_routes_begins_after_one_that_is_not_there(self, backend: Backend) -> None:
        backend.enqueue([firing(route=route) for route in ("a", "c")])
        assert [info.route for info in backend.route_page(after=(QUEUE, "b"))] == ["c"]

    def test_page_of_no_routes_is_empty(self, backend: Backend) -> None:
        assert backend.route_page() == []
        backend.enqueue([firing()])
        assert backend.route_page(limit=0) == []

    def test_busiest_routes_come_first(self, backend: Backend) -> None:
        fill(backend)
        backend.enqueue([firing(queue="a", route="mail") for _ in range(5)])
        backend.enqueue([firing(queue="Z", route="x") for _ in range(9)])
        claim(backend, 4, queue="Z", route="x")
        backend.pause("a", "mail")
        first, second, third = backend.busiest(limit=3).routes
        assert (place_of(first), place_of(second)) == (("Z", "x"), ("a", "mail"))
        assert place_of(third) == min(place_of(info) for info in backend.routes())
        assert [first, second, third] == [
            info
            for place in map(place_of, (first, second, third))
            for info in backend.routes()
            if place_of(info) == place
        ]
        assert [place_of(info) for info in backend.busiest("a", limit=1).routes] == [("a", "mail")]

    def test_all_routes_are_added_up_by_queue(self, backend: Backend, clock: VirtualClock) -> None:
        fill(backend)
        for number, verdict in enumerate((Verdict.COMPLETE, Verdict.ERROR, Verdict.RETRY)):
            for lent in claim(backend, queue="a b", route=ROUTES[number]):
                backend.settle([outcome(lent, verdict)])
        claim(backend, queue="ä", route="x")
        backend.pause("ä")
        backend.pause("a", "%")
        clock.advance(1)
        found = backend.busiest(limit=1)
        assert found.queues == tuple(added_up(backend, queue) for queue in sorted(QUEUES))
        assert backend.busiest("ä", limit=1).queues == (added_up(backend, "ä"),)
        assert backend.busiest("nowhere").queues == ()


def fill(backend: Backend) -> list[RouteInfo]:
    """Put a firing on each of many routes; return all routes."""
    backend.enqueue([firing(queue=queue, route=route) for queue in QUEUES for route in ROUTES])
    found = backend.routes()
    assert len(found) == len(QUEUES) * len(ROUTES)
    return found


def place_of(info: RouteInfo) -> tuple[str, str]:
    """Return a route's queue and name."""
    return info.queue, info.route


def added_up(backend: Backend, queue: str) -> QueueSum:
    """Add up the routes of a queue."""
    found = backend.routes(queue)
    return QueueSum(
        queue=queue,
        routes=len(found),
        paused=sum(info.paused for info in found),
        counts={state: sum(info.counts[state] for info in found) for state in State},
    )
