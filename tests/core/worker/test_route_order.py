"""Turns among the routes of a worker: shares, their spread, and nobody starves."""

from __future__ import annotations

from collections import Counter

import pytest

from skunkqueue.worker.fetch.route_order import RouteOrder


def turns(order: RouteOrder, count: int, *, without: str = "") -> str:
    """Take turns on all routes but one, which has nothing; return them in a row."""
    taken = ""
    for _ in range(count):
        route = next(each for each in order.next_first() if each != without)
        order.took_turn(route)
        taken += route
    return taken


def test_earlier_routes_get_more_turns_and_the_last_gets_some() -> None:
    assert turns(RouteOrder("abc", weighted=True), 12) == "abcabaabcaba"


def test_round_robin_gives_each_route_as_many_turns() -> None:
    assert turns(RouteOrder("abc", weighted=False), 9) == "abcabcabc"


@pytest.mark.parametrize("count", [2, 3, 5, 12])
def test_shares_are_exact_by_weight_and_no_route_waits_for_long(count: int) -> None:
    routes = "abcdefghijkl"[:count]
    whole = count * (count + 1) // 2

    taken = turns(RouteOrder(routes, weighted=True), 20 * whole)

    assert Counter(taken) == {route: 20 * (count - at) for at, route in enumerate(routes)}
    # The last one has one turn in each round.
    assert max(len(part) for part in taken.split(routes[-1])) < 2 * whole


def test_a_route_that_had_nothing_has_no_turns_owing_to_it() -> None:
    order = RouteOrder("abc", weighted=True)
    assert Counter(turns(order, 300, without="a")) == {"b": 200, "c": 100}

    taken = Counter(turns(order, 60))

    # At most a turn more than its share.
    assert 30 <= taken["a"] <= 31


def test_many_turns_of_one_route_are_not_held_against_it() -> None:
    order = RouteOrder("ab", weighted=False)
    for _ in range(1_000):
        order.took_turn("b")

    assert 5 <= Counter(turns(order, 10))["a"] <= 6
