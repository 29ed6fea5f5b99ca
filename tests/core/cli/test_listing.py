"""Many routes, queues and states as one list: its order, and its pages while the store changes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from skunkqueue.cli import listing
from skunkqueue.cli.listing import Listing, Place
from skunkqueue.cli.rows import CursorError
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Outcome, Record, State, Verdict
from tests.core.cli.program import Skunq, begin, body, end, fire, packed

ENDS = (Verdict.COMPLETE, Verdict.ERROR, Verdict.KILLED)


def everywhere(store: Backend) -> dict[Place, int]:
    """Tell every place there is."""
    return {
        Place(info.queue, info.route, state): count
        for info in store.routes()
        for state, count in info.counts.items()
    }


def pages(store: Backend, limit: int) -> Iterator[list[Record]]:
    """Read a listing page by page, each with a cursor of the one before."""
    after: str | None = None
    while True:
        part = Listing(store, everywhere(store), after, limit)
        yield list(part)
        after = part.following
        if after is None:
            return


def see_through(store: Backend, route: str, verdict: Verdict = Verdict.COMPLETE) -> str:
    """Put in a firing of a route and end it."""
    fire(store, route=route)
    return end(store, begin(store, route=route), verdict)


def settle_together(store: Backend, route: str, count: int) -> list[str]:
    """End several firings in one moment."""
    for _ in range(count):
        fire(store, route=route)
    claims = store.claim("demo", route, "w", count, 60.0)
    outcomes = [
        Outcome(id=one.id, token=one.token, verdict=Verdict.COMPLETE, result=packed(1), began=one.claimed)
        for one in claims
    ]
    assert store.settle(outcomes) == []
    return [one.id for one in claims]


def test_the_newest_finished_firing_comes_first_whatever_its_route_queue_and_state(
    store: Backend, skunq: Skunq
) -> None:
    made = [see_through(store, f"r{n % 3}", ENDS[n % 2]) for n in range(12)]
    fire(store, queue="another")
    made.append(end(store, begin(store, queue="another")))

    told = [each["id"] for each in skunq.json("jobs", "--limit", "5")["jobs"]]

    assert told == made[::-1][:5]


def test_pending_firings_of_several_routes_are_in_the_order_of_their_line(
    store: Backend, skunq: Skunq
) -> None:
    late = fire(store, route="a", delay=1_000.0)
    second = fire(store, route="b")
    third = fire(store, route="a")
    first = fire(store, route="b", priority=9, delay=500.0)

    assert [each["id"] for each in skunq.json("jobs")["jobs"]] == [first, second, third, late]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("page", [1, 2, 500])
def test_pages_of_a_random_store_are_the_whole_listing(
    store: Backend, monkeypatch: pytest.MonkeyPatch, limit: int, page: int
) -> None:
    monkeypatch.setattr(listing, "LISTING_PAGE", page)
    monkeypatch.setattr(listing, "SMALLEST_PAGE", page)
    dice = random.Random(limit)  # noqa: S311 - a test's dice
    for route in "abc":
        for _ in range(dice.randrange(5)):
            see_through(store, route, dice.choice(ENDS))
        settle_together(store, route, dice.randrange(1, 5))
        fire(store, route=route)
        begin(store, route=route)
        for _ in range(dice.randrange(4)):
            fire(store, body("shop:sell"), route=route, priority=dice.randrange(10))

    told = [record for part in pages(store, limit) for record in part]
    finished = [record.finished for record in told if record.finished is not None]

    assert sorted(record.id for record in told) == sorted(
        record.id for place in everywhere(store) for record in store.page(*place, 1_000).records
    )
    assert finished == sorted(finished, reverse=True)


def test_what_finishes_between_two_pages_is_not_shown_and_moves_nothing(store: Backend) -> None:
    made = [see_through(store, route) for route in "abab"]
    several = pages(store, 2)
    shown = next(several)
    see_through(store, "a")
    see_through(store, "c")

    for part in several:
        shown += part

    assert [record.id for record in shown] == made[::-1]


def test_firings_that_end_in_one_moment_are_told_once_each_over_pages(store: Backend) -> None:
    made = settle_together(store, "a", 7) + settle_together(store, "b", 3)

    assert sorted(record.id for part in pages(store, 2) for record in part) == sorted(made)


def test_nothing_is_lost_where_the_last_one_shown_is_gone(store: Backend) -> None:
    made = settle_together(store, "a", 5)
    several = pages(store, 2)
    shown = next(several)
    assert store.requeue([shown[-1].id]) == [shown[-1].id]

    rest = [record.id for part in several for record in part]

    assert set(made) - {record.id for record in shown} <= set(rest)


def test_routes_without_firings_of_a_state_are_not_asked_for_them(store: Backend) -> None:
    see_through(store, "a")
    places = dict.fromkeys(everywhere(store), 0)

    assert list(Listing(store, places, None, None)) == []


def test_a_cursor_of_other_places_is_refused(store: Backend) -> None:
    settle_together(store, "a", 3)
    fire(store, route="b")
    part = Listing(store, everywhere(store), None, 2)
    list(part)
    others = {place: count for place, count in everywhere(store).items() if place.route == "b"}
    unfinished = {place: count for place, count in everywhere(store).items() if not place.state.final}

    for places in (others, unfinished, {}):
        with pytest.raises(CursorError):
            Listing(store, places, part.following, 2)


def test_the_cursor_stays_short_over_many_routes(store: Backend) -> None:
    for number in range(60):
        see_through(store, f"route-{number}")
    part = Listing(store, everywhere(store), None, 50)
    list(part)

    assert part.following is not None
    assert len(part.following) < 200


def test_finished_states_are_those_of_the_last_group() -> None:
    assert {state for group in listing.GROUPS for state in group} == set(State)
