"""Listings: the order of rows, pages in both directions, and what matches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skunkqueue.errors import BackendError
from skunkqueue.listings import MAX_LOOK, Query, Row, Rows
from skunkqueue.payload import Progress, encode
from skunkqueue.persistence.listing import (
    Look,
    Passed,
    Position,
    Walk,
    again_after,
    error_type,
    look_through,
    matches,
    numbers_of,
    page_of,
    position_of,
    states_of,
    waits_for,
)
from skunkqueue.records import State, Verdict


def row(number: int = 0, state: State = State.PENDING, **fields: Any) -> Row:
    given: dict[str, Any] = {
        "id": f"{number:024x}",
        "queue": "demo",
        "route": "foo",
        "job": "shop:add",
        "tags": (),
        "state": state,
        "waits": None,
        "priority": 5,
        "enqueued": 1.0,
        "due": 1.0,
        "began": None,
        "finished": 9.0 if state.final else None,
        "took": None,
        "worker": None,
        "attempts": 0,
        "deaths": 0,
        "key": None,
        "schedule": None,
        "parent": None,
        "progress": None,
        "error": None,
        "body_size": 0,
        "result_size": 0,
    }
    return Row(**{**given, **fields})


def walk_over(rows: list[Row], query: Query, most: int = MAX_LOOK) -> Walk:
    """Make the walk of a store that has these."""
    line = sorted(rows, key=position_of)

    def walk(after: Position | None, *, onward: bool, want: int) -> Look:
        found = line if onward else line[::-1]
        if after is not None:
            found = [
                one for one in found if (position_of(one) > after) == onward and position_of(one) != after
            ]
        return look_through(found, query, want, most)

    return walk


def pages(rows: list[Row], query: Query, limit: int, most: int = MAX_LOOK) -> list[Rows]:
    """Read a listing from its first page to its last."""
    found = [page_of(query, limit, None, walk_over(rows, query, most))]
    while found[-1].next is not None:
        found.append(page_of(query, limit, found[-1].next, walk_over(rows, query, most)))
        assert len(found) < 1_000
    return found


some_rows = st.lists(
    st.builds(
        row,
        st.integers(0, 500),
        st.sampled_from(State),
        due=st.sampled_from([1.0, 2.0, 3.0]),
        priority=st.integers(0, 9),
        route=st.sampled_from(["foo", "bar"]),
    ),
    max_size=40,
    unique_by=lambda one: one.id,
)


@given(some_rows, st.booleans(), st.integers(1, 7), st.sampled_from([1, 3, MAX_LOOK]))
def test_pages_in_either_direction_have_each_row_that_matches_once(
    rows: list[Row],
    newest: bool,  # noqa: FBT001 - hypothesis gives it
    limit: int,
    most: int,
) -> None:
    query = Query(route="foo", newest=newest)
    expected = sorted((one for one in rows if one.route == "foo"), key=position_of, reverse=newest)

    found = pages(rows, query, limit, most)
    assert [one for page in found for one in page.rows] == expected

    back = [found[-1]]
    while back[-1].previous is not None:
        back.append(page_of(query, limit, back[-1].previous, walk_over(rows, query, most)))
        assert len(back) < 1_000
    assert [one for page in reversed(back) for one in page.rows] == expected


def test_line_goes_from_what_finished_over_what_runs_to_what_waits() -> None:
    line = [
        row(5, State.ERROR, finished=3.0),
        row(4, State.COMPLETE, finished=8.0),
        row(3, State.COMPLETE, finished=9.0),
        row(9, State.RUNNING, priority=9, due=7.0),
        row(1, State.RUNNING, priority=5, due=1.0),
        row(8, State.PENDING, priority=6, due=9.0),
        row(2, State.PENDING, priority=5, due=1.0),
        row(7, State.PENDING, priority=5, due=1.0),
        row(6, State.PENDING, priority=5, due=2.0),
    ]
    assert sorted(line, key=position_of) == line


def test_page_that_came_to_its_bound_is_short_and_goes_on() -> None:
    rows = [row(number, route="foo" if number == 8 else "bar") for number in range(10)]
    found = pages(rows, Query(route="foo", newest=False), 5, most=4)

    assert [(len(page.rows), page.looked) for page in found] == [(0, 4), (0, 4), (1, 2)]


@pytest.mark.parametrize("number", [3, 4])
def test_nothing_more_is_asked_for_once_the_bound_is_reached(number: int) -> None:
    def candidates() -> Iterator[Row | Passed]:
        yield Passed(number, Position(2, 0.0, 0.0, "a"), more=True)
        pytest.fail("what comes after the bound was asked for")

    found = look_through(candidates(), Query(), 5, 3)

    assert (found.looked, found.at, found.ended) == (3, Position(2, 0.0, 0.0, "a"), False)


def test_look_that_ends_at_its_bound_has_ended() -> None:
    found = look_through([Passed(3, Position(2, 0.0, 0.0, "a"))], Query(), 5, 3)

    assert (found.looked, found.ended) == (3, True)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "n:0:1.0:0.0:ab",
        "n00000000:0:1.0:0.0",
        "n00000000:7:1.0:0.0:ab",
        "n00000000:0:nan:0.0:ab",
        "\ud800:::::",
    ],
)
def test_strange_cursor_is_refused(cursor: str) -> None:
    query = Query()
    with pytest.raises(BackendError, match="cursor"):
        page_of(query, 5, cursor, walk_over([], query))


def test_cursor_of_another_listing_is_refused() -> None:
    rows = [row(number) for number in range(4)]
    first = page_of(Query(), 2, None, walk_over(rows, Query()))
    other = Query(route="foo")
    with pytest.raises(BackendError, match="other filters"):
        page_of(other, 2, first.next, walk_over(rows, other))


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"queue": "a"}, {"queue": "a"}),
        ({"route": "a"}, {"route": "a"}),
        ({"state": State.ERROR}, {"states": (State.ERROR, State.KILLED)}),
        ({"job": "a:b"}, {"job": "a:b"}),
        ({"tags": ("a", "b")}, {"tag": "b"}),
        ({"key": "a"}, {"key": "a"}),
        ({"error": "KeyError: 'a'"}, {"error": "KeyError"}),
        ({"error": "KeyError"}, {"error": "KeyError"}),
        ({"schedule": "a"}, {"schedule": "a"}),
        ({"worker": "a"}, {"worker": "a"}),
        ({"enqueued": 0.5}, {"enqueued": (None, 1.0)}),
        ({"due": 5.0}, {"due": (2.0, 6.0)}),
        ({"finished": 5.0, "state": State.ERROR}, {"finished": (5.0, None)}),
    ],
)
def test_filter_takes_what_it_names_and_nothing_else(fields: dict[str, Any], asked: dict[str, Any]) -> None:
    query = Query(**asked)
    assert matches(row(**fields), query)
    assert not matches(row(), query)
    assert not matches(row(enqueued=6.0, due=6.0, finished=None), query)


def test_only_finished_firings_can_lie_in_a_time_of_finishing() -> None:
    assert states_of(Query(finished=(1.0, None))) == (
        State.COMPLETE,
        State.ERROR,
        State.KILLED,
        State.EXPIRED,
    )
    assert states_of(Query(states=(State.ERROR, State.PENDING))) == (State.PENDING, State.ERROR)
    assert states_of(Query()) == tuple(State)


@pytest.mark.parametrize(
    ("due", "paused", "again", "expected"),
    [
        (5.0, False, None, "turn"),
        (5.0, False, "retry", "turn"),
        (5.0, True, "retry", "pause"),
        (9.0, False, None, "time"),
        (9.0, False, "snooze", "snooze"),
    ],
)
def test_pending_firing_says_what_it_waits_for(
    due: float, *, paused: bool, again: str | None, expected: str
) -> None:
    assert waits_for(due=due, now=5.0, paused=paused, again=again) == expected


def test_retry_and_snooze_are_what_one_may_wait_for_again() -> None:
    assert [again_after(verdict) for verdict in (Verdict.RETRY, Verdict.SNOOZE, Verdict.RELEASE)] == [
        "retry",
        "snooze",
        None,
    ]


def test_progress_is_shown_in_numbers_where_it_can_be_read() -> None:
    assert numbers_of(encode(Progress(done=1.0, total=3.0, note="", at=0.0))) == (1.0, 3.0)
    assert numbers_of(b"damaged") is None
    assert numbers_of(None) is None


def test_error_type_is_what_stands_before_the_colon() -> None:
    assert (error_type("ValueError: a: b"), error_type("Killed"), error_type(None)) == (
        "ValueError",
        "Killed",
        None,
    )
