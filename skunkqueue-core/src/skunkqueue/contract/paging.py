"""Pages of rows: one order over routes and states, forwards and backwards; no row is skipped or repeated."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product

import pytest
from msgspec.structs import replace

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import PATIENCE, Kit
from skunkqueue.contract.makers import (
    OTHER,
    QUEUE,
    WORKER,
    claim,
    firing,
    firings,
    ids,
    outcome,
    pages_of,
    rows_of,
    settled,
)
from skunkqueue.contract.population import populate
from skunkqueue.contract.reading import BAD_CURSORS
from skunkqueue.errors import BackendError
from skunkqueue.listings import MAX_LOOK, Query, Row, Rows
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import FINAL_STATES, State, Verdict

QUERIES = (
    Query(),
    Query(route="foo"),
    Query(states=(State.PENDING,)),
    Query(states=(State.COMPLETE, State.ERROR)),
    Query(job="shop:add"),
    Query(tag="urgent"),
    Query(parent=f"{4:024x}"),
    Query(queue="other", states=(State.RUNNING, State.COMPLETE, State.PENDING)),
)
NEWER = 40
"""How often firings come and go while a listing is read."""


class PagingPromises(Kit):
    """What the pages of ``rows`` promise."""

    # --- the order --------------------------------------------------------------------------------

    def test_order_is_finished_by_time_then_running_then_pending_in_claim_order(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        populate(listing_backend, clock)
        found = rows_of(listing_backend, newest=False)
        assert {row.state for row in found} == set(State)
        assert found == sorted(found, key=place_in_line)

    @pytest.mark.parametrize("query", QUERIES)
    def test_newest_first_is_the_exact_reverse(
        self, listing_backend: Backend, clock: VirtualClock, query: Query
    ) -> None:
        populate(listing_backend, clock)
        oldest = listing_backend.rows(replace(query, newest=False), 200).rows
        assert len(oldest) > 3
        assert listing_backend.rows(replace(query, newest=True), 200).rows == oldest[::-1]

    @pytest.mark.parametrize("state", [State.COMPLETE, State.RUNNING, State.PENDING])
    def test_equals_are_ordered_by_id_over_routes_and_batches(
        self, listing_backend: Backend, clock: VirtualClock, state: State
    ) -> None:
        batch = firings(30, due=clock.now())
        routes = ("foo", "bar", "baz")
        made = [replace(one, route=routes[number % 3]) for number, one in enumerate(batch)]
        listing_backend.enqueue(made[::-1])
        if state is not State.PENDING:
            for _ in range(2):
                for route in routes:
                    lent = claim(listing_backend, 5, route=route)
                    if state.final:
                        listing_backend.settle([outcome(one) for one in lent[::-1]])
        assert ids(rows_of(listing_backend, limit=4, newest=False)) == ids(batch)
        assert ids(rows_of(listing_backend, limit=7)) == ids(batch)[::-1]

    # --- forwards and backwards -------------------------------------------------------------------

    @pytest.mark.parametrize("query", QUERIES)
    def test_pages_have_each_row_once_forwards_and_backwards(
        self, listing_backend: Backend, clock: VirtualClock, query: Query
    ) -> None:
        # Once for all: it takes longer than to read them.
        populate(listing_backend, clock)
        for newest, limit in product((True, False), (1, 2, 7)):
            assert_whole(listing_backend, replace(query, newest=newest), limit)

    def test_page_before_the_second_is_the_first(self, listing_backend: Backend) -> None:
        listing_backend.enqueue(firings(10))
        first = listing_backend.rows(Query(), 3)
        second = listing_backend.rows(Query(), 3, first.next)
        back = listing_backend.rows(Query(), 3, second.previous)
        assert back.rows == first.rows
        assert listing_backend.rows(Query(), 3, back.next).rows == second.rows

    def test_limit_may_change_from_page_to_page(self, listing_backend: Backend) -> None:
        batch = firings(10)
        listing_backend.enqueue(batch)
        first = listing_backend.rows(Query(newest=False), 3)
        assert ids(listing_backend.rows(Query(newest=False), 5, first.next).rows) == ids(batch)[3:8]

    def test_listing_without_rows_is_one_empty_page(self, listing_backend: Backend) -> None:
        listing_backend.enqueue([firing()])
        for query in (Query(job="nothing"), Query(route="nowhere"), Query(states=(State.ERROR,))):
            page = listing_backend.rows(query, 5)
            assert (page.rows, page.next, page.previous) == ((), None, None)

    def test_limit_is_a_positive_number(self, listing_backend: Backend) -> None:
        batch = firings(3)
        listing_backend.enqueue(batch)
        for limit in (0, -5):
            assert ids(listing_backend.rows(Query(), limit).rows) == [batch[2].id]
        page = listing_backend.rows(Query(), 3)
        assert (len(page.rows), page.next) == (3, None)

    # --- while the store is busy ------------------------------------------------------------------

    @pytest.mark.parametrize("newest", [True, False])
    @pytest.mark.parametrize("states", [(), (State.COMPLETE,), (State.PENDING,)])
    def test_what_stays_is_shown_once_while_others_come_and_go_between_pages(
        self, listing_backend: Backend, clock: VirtualClock, states: tuple[State, ...], *, newest: bool
    ) -> None:
        done = [settled(listing_backend) for _ in range(40)]
        waiting = firings(40, delay=1000.0)
        listing_backend.enqueue(waiting)
        doomed = {*done[::5], *ids(waiting)[::5]}
        staying = {*done, *ids(waiting)} - doomed
        query = Query(states=states, newest=newest)
        page, shown = listing_backend.rows(query, 7), list[str]()
        for _ in range(NEWER):
            shown += ids(page.rows)
            if page.next is None:
                break
            clock.advance(1)
            listing_backend.enqueue([*firings(3), firing(priority=9, delay=500.0), firing(delay=2000.0)])
            lent = claim(listing_backend, 2, lease=1e6)
            listing_backend.settle([outcome(lent[0]), outcome(lent[1], Verdict.ERROR)])
            claim(listing_backend, lease=1e6)
            if doomed:
                listing_backend.delete([doomed.pop()])
                listing_backend.kill([doomed.pop()] if doomed else [])
            page = listing_backend.rows(query, 7, page.next)
        expected = [
            row.id for row in rows_of(listing_backend, states=states, newest=newest) if row.id in staying
        ]
        assert [id_ for id_ in shown if id_ in staying] == expected

    def test_what_stays_is_shown_once_while_threads_are_at_work(
        self, listing_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        done = [settled(listing_backend, job="steady") for _ in range(60)]
        waiting = firings(60, delay=1000.0, job="steady")
        listing_backend.enqueue(waiting)

        def disturb(name: str) -> None:
            for number in range(NEWER // 2):
                made = firings(3, priority=number % 10)
                listing_backend.enqueue([*made, firing(delay=number)])
                lent = claim(listing_backend, 2, worker=name)
                listing_backend.settle([outcome(one) for one in lent])
                claim(listing_backend, worker=name)
                listing_backend.delete([made[0].id, *ids(lent[:1])])

        for newest in (True, False):
            busy = [threads.submit(disturb, name) for name in (WORKER, OTHER)]
            query = Query(newest=newest)
            shown = [row.id for page in pages_of(listing_backend, query, 9) for row in page.rows if row.job]
            back = all_before(listing_backend, query, 9, pages_of(listing_backend, query, 9)[-1])
            for one in busy:
                one.result(3 * PATIENCE)
            expected = [*done, *ids(waiting)]
            assert shown == (expected[::-1] if newest else expected)
            assert [row.id for page in back for row in page.rows if row.job] == shown

    @pytest.mark.parametrize("newest", [True, False])
    def test_cursor_goes_on_where_its_firing_is_gone(self, listing_backend: Backend, *, newest: bool) -> None:
        batch = firings(12)
        listing_backend.enqueue(batch)
        expected = ids(batch)[::-1] if newest else ids(batch)
        query = Query(newest=newest)
        first = listing_backend.rows(query, 4)
        second = listing_backend.rows(query, 4, first.next)
        listing_backend.delete([expected[3], expected[4]])
        assert ids(listing_backend.rows(query, 4, first.next).rows) == expected[5:9]
        assert ids(listing_backend.rows(query, 4, second.previous).rows) == expected[0:3]

    @pytest.mark.parametrize("newest", [True, False])
    def test_page_that_became_empty_leads_back(self, listing_backend: Backend, *, newest: bool) -> None:
        batch = firings(6)
        listing_backend.enqueue(batch)
        expected = ids(batch)[::-1] if newest else ids(batch)
        query = Query(newest=newest)
        cursor = listing_backend.rows(query, 4).next
        listing_backend.delete(expected[4:])
        page = listing_backend.rows(query, 4, cursor)
        assert (page.rows, page.next) == ((), None)
        assert ids(listing_backend.rows(query, 4, page.previous).rows) == expected[:4]

    # --- bounds and cursors -----------------------------------------------------------------------

    def test_look_is_bounded_and_goes_on(self, listing_backend: Backend) -> None:
        rare = [firing(schedule="rare"), *firings(MAX_LOOK + 50), firing(schedule="rare")]
        listing_backend.enqueue(rare[: MAX_LOOK // 2])
        listing_backend.enqueue(rare[MAX_LOOK // 2 :])
        query = Query(schedule="rare", newest=False)
        found = pages_of(listing_backend, query, 5)
        assert [row.id for page in found for row in page.rows] == [rare[0].id, rare[-1].id]
        assert all(page.looked <= MAX_LOOK for page in found)
        back = all_before(listing_backend, query, 5, found[-1])
        assert [row.id for page in back for row in page.rows] == [rare[0].id, rare[-1].id]

    @pytest.mark.parametrize("newest", [True, False])
    def test_look_goes_on_beyond_all_that_run(self, listing_backend: Backend, *, newest: bool) -> None:
        rare = [settled(listing_backend, job="m:rare") for _ in range(2)]
        listing_backend.enqueue(firings(MAX_LOOK + 50, job="m:many"))
        while claim(listing_backend, 500):
            pass
        rare += listing_backend.enqueue(firings(2, job="m:rare"))
        found = pages_of(listing_backend, Query(job="m:rare", newest=newest), 5)
        assert sorted(row.id for page in found for row in page.rows) == sorted(rare)

    @pytest.mark.parametrize(
        "query",
        [
            Query(),
            Query(newest=False),
            Query(queue=QUEUE, route="foo"),
            Query(job="shop:add"),
            Query(states=(State.PENDING,)),
            Query(states=FINAL_STATES, newest=False),
        ],
    )
    def test_page_looks_at_one_more_than_it_shows_where_all_match(
        self, listing_backend: Backend, query: Query
    ) -> None:
        listing_backend.enqueue(firings(600, job="shop:add"))
        for _ in range(2):
            listing_backend.settle([outcome(one) for one in claim(listing_backend, 150)])
        for size in (5, 130):
            first = listing_backend.rows(query, size)
            second = listing_backend.rows(query, size, first.next)
            assert [len(page.rows) for page in (first, second)] == [size, size]
            assert [page.looked for page in (first, second)] == [size + 1, size + 1]

    @pytest.mark.parametrize("cursor", BAD_CURSORS)
    def test_strange_cursor_of_rows_is_refused(self, listing_backend: Backend, cursor: str) -> None:
        listing_backend.enqueue([firing()])
        with pytest.raises(BackendError, match="cursor"):
            listing_backend.rows(Query(), 5, cursor)

    @pytest.mark.parametrize("other", [Query(newest=False), Query(job=""), Query(states=(State.PENDING,))])
    def test_cursor_of_another_query_is_refused(self, listing_backend: Backend, other: Query) -> None:
        listing_backend.enqueue(firings(5))
        page = listing_backend.rows(Query(), 2)
        second = listing_backend.rows(Query(), 2, page.next)
        for cursor in (page.next, second.previous):
            with pytest.raises(BackendError, match="cursor"):
                listing_backend.rows(other, 2, cursor)

    def test_cursor_of_rows_cut_short_is_no_crash(self, listing_backend: Backend) -> None:
        listing_backend.enqueue(firings(3))
        cursor = listing_backend.rows(Query(), 1).next
        assert cursor is not None
        for end in range(len(cursor)):
            try:
                page = listing_backend.rows(Query(), 1, cursor[:end])
            except BackendError:
                continue
            assert len(page.rows) <= 1


def place_in_line(row: Row) -> tuple[float | str, ...]:
    """Return the position of a row, as ``Query`` defines it."""
    if row.finished is not None:
        assert row.state in FINAL_STATES
        return 0, row.finished, 0.0, row.id
    return (1 if row.state is State.RUNNING else 2), -row.priority, row.due, row.id


def all_before(backend: Backend, query: Query, limit: int, last: Rows) -> list[Rows]:
    """Go back from the last page to the first; return them from the first to the last."""
    found = [last]
    while found[0].previous is not None:
        found.insert(0, backend.rows(query, limit, found[0].previous))
    return found


def assert_whole(backend: Backend, query: Query, limit: int) -> None:
    """See that the pages of this query, put together, are what one large page shows, whichever way one goes."""
    whole = list(backend.rows(query, 200).rows)
    forwards = pages_of(backend, query, limit)
    assert [row for page in forwards for row in page.rows] == whole
    assert [len(page.rows) for page in forwards[:-1]] == [limit] * (len(forwards) - 1)
    assert forwards[0].previous is None
    backwards = all_before(backend, query, limit, forwards[-1])
    assert [row for page in backwards for row in page.rows] == whole
    for page, following in pairwise(backwards):
        assert backend.rows(query, limit, page.next).rows == following.rows
