"""Many routes, queues and states as one listing: its order, and its pages while the store changes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from skunkqueue.cli import rows
from skunkqueue.cli.filters import STATES, UNFINISHED, Filter
from skunkqueue.cli.rows import CursorError, Listing
from skunkqueue.listings import Row
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Outcome, State, Verdict
from tests.core.cli.program import Skunq, begin, finish, fire, packed

ENDS = (Verdict.COMPLETE, Verdict.ERROR, Verdict.KILLED)


def listing(
    store: Backend, limit: int | None = None, after: str | None = None, wanted: Filter | None = None
) -> Listing:
    return Listing(store, wanted or Filter(), STATES, order="line", after=after, limit=limit)


def pages(store: Backend, limit: int) -> Iterator[list[Row]]:
    """Read a listing page by page, each with a cursor of the one before."""
    after: str | None = None
    while True:
        part = listing(store, limit, after)
        yield list(part)
        after = part.following
        if after is None:
            return


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
    made = [finish(store, ENDS[n % 2], route=f"r{n % 3}") for n in range(12)]
    made.append(finish(store, queue="another"))

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
    monkeypatch.setattr(rows, "PAGE", page)
    dice = random.Random(limit)  # noqa: S311 - a test's dice
    for route in "abc":
        for _ in range(dice.randrange(5)):
            finish(store, dice.choice(ENDS), route=route)
        settle_together(store, route, dice.randrange(1, 5))
        fire(store, route=route)
        begin(store, route=route)
        for _ in range(dice.randrange(4)):
            fire(store, route=route, priority=dice.randrange(10))

    told = [row for part in pages(store, limit) for row in part]
    finished = [row.finished for row in told if row.finished is not None]

    assert [row.id for row in told] == [row.id for row in listing(store)]
    assert len({row.id for row in told}) == sum(sum(info.counts.values()) for info in store.routes())
    assert finished == sorted(finished, reverse=True)
    assert [row.state for row in told][:3] == [State.RUNNING] * 3


def test_what_finishes_between_two_pages_is_not_shown_and_moves_nothing(store: Backend) -> None:
    made = [finish(store, route=route) for route in "abab"]
    several = pages(store, 2)
    shown = next(several)
    finish(store, route="a")
    finish(store, route="c")

    for part in several:
        shown += part

    assert [row.id for row in shown] == made[::-1]


def test_firings_that_end_in_one_moment_are_told_once_each_over_pages(store: Backend) -> None:
    made = settle_together(store, "a", 7) + settle_together(store, "b", 3)

    assert sorted(row.id for part in pages(store, 2) for row in part) == sorted(made)


def test_nothing_is_lost_where_the_last_one_shown_is_gone(store: Backend) -> None:
    made = settle_together(store, "a", 5)
    several = pages(store, 2)
    shown = next(several)
    assert store.requeue([shown[-1].id]) == [shown[-1].id]

    rest = [row.id for part in several for row in part]

    assert set(made) - {row.id for row in shown} <= set(rest)


def test_a_cursor_of_another_listing_is_refused(store: Backend) -> None:
    settle_together(store, "a", 3)
    part = listing(store, 2)
    list(part)
    assert part.following is not None

    with pytest.raises(CursorError):
        listing(store, 2, part.following, Filter(route="b"))
    with pytest.raises(CursorError):
        Listing(store, Filter(), STATES, order="newest", after=part.following, limit=2)
    with pytest.raises(CursorError):
        Listing(store, Filter(), UNFINISHED, order="line", after=part.following, limit=2)
    for damaged in ("", "nonsense", "W10", part.following[:-3]):
        with pytest.raises(CursorError):
            listing(store, 2, damaged)


def test_the_cursor_stays_short_over_many_routes(store: Backend) -> None:
    for number in range(60):
        finish(store, route=f"route-{number}")
    part = listing(store, 50)
    list(part)

    assert part.following is not None
    assert len(part.following) < 200


def test_all_states_are_in_one_part_or_another() -> None:
    assert set(STATES) == {state.value for state in State}
