"""Listings of rows: their order, every filter, pages in both directions, and that nothing large is in them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import PATIENCE, Kit
from skunkqueue.contract.makers import (
    LEASE,
    ODD_NAMES,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    death,
    firing,
    firings,
    ids,
    outcome,
    read,
    ref,
    rows_of,
    settled,
)
from skunkqueue.errors import BackendError
from skunkqueue.listings import Query, Row
from skunkqueue.payload import Progress, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.listing import position_of
from skunkqueue.records import FINAL_STATES, MAX_ERROR, MAX_TAG, State, Verdict

TAGGED: dict[str, Any] = {
    "job": "shop:charge",
    "tags": ("eu", "vip"),
    "schedule": "hourly",
    "parent": "a" * 24,
}


def mixed(backend: Backend, clock: VirtualClock) -> None:
    """Have firings in every state, on two routes of one queue and one of another, of three jobs."""
    for number, verdict in enumerate(
        (Verdict.COMPLETE, Verdict.ERROR, Verdict.KILLED, Verdict.EXPIRED, Verdict.COMPLETE)
    ):
        settled(backend, verdict, route=("foo", "bar")[number % 2], job=f"shop:{number % 3}", priority=number)
        clock.advance(1)
    settled(backend, queue="other", job="shop:0")
    for number in range(3):
        claimed(backend, route=("foo", "bar")[number % 2], job=f"shop:{number % 3}", priority=9 - number)
    backend.enqueue(
        [
            firing(
                route=("foo", "bar")[number % 2],
                job=f"shop:{number % 3}",
                priority=number,
                delay=60.0 * number,
            )
            for number in range(6)
        ]
    )


def one_row(backend: Backend, **asked: Any) -> Row:
    """Read the only row that matches."""
    (found,) = rows_of(backend, **asked)
    return found


class RowPromises(Kit):
    """What ``rows``, ``count``, ``job_counts`` and ``results`` promise of firings."""

    # --- what is in a row -------------------------------------------------------------------------

    def test_name_and_tags_travel_with_a_firing(self, listing_backend: Backend) -> None:
        lent = claimed(listing_backend, **TAGGED)
        record = read(listing_backend, lent.id)
        for found in (lent, record, one_row(listing_backend)):
            assert {name: getattr(found, name) for name in TAGGED} == TAGGED

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names_and_tags_are_kept(self, listing_backend: Backend, name: str) -> None:
        listing_backend.enqueue([firing(job=name, tags=(name[:MAX_TAG],), key=name)])
        row = one_row(listing_backend, job=name, tag=name[:MAX_TAG], key=name)
        assert (row.job, row.tags, row.key) == (name, (name[:MAX_TAG],), name)

    def test_pending_row_says_what_it_waits_for(self, listing_backend: Backend) -> None:
        backend = listing_backend
        backend.enqueue([firing(body=b"12345", priority=7, key="k", expires_in=99.0, delay=9.0)])
        row, (record,) = one_row(backend), backend.get([one_row(backend).id])
        assert record is not None
        assert (row.state, row.waits, row.priority, row.key) == (State.PENDING, "time", 7, "k")
        assert (row.queue, row.route, row.enqueued, row.due) == (QUEUE, ROUTE, record.enqueued, record.due)
        assert (row.body_size, row.result_size, row.expires) == (5, 0, record.expires)
        assert (row.job, row.tags, row.attempts, row.deaths, row.worker) == ("", (), 0, 0, None)
        assert (row.began, row.finished, row.took, row.error, row.progress) == (None, None, None, None, None)

    def test_what_a_pending_one_waits_for_follows_its_life(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        backend = listing_backend
        lent = claimed(backend)
        seen = [one_row(backend).waits]
        for verdict in (Verdict.RETRY, Verdict.SNOOZE, Verdict.RELEASE):
            backend.settle([outcome(lent, verdict, delay=9.0)])
            seen.append(one_row(backend).waits)
            clock.advance(10)
            seen.append(one_row(backend).waits)
            (lent,) = claim(backend)
        backend.settle([outcome(lent, Verdict.RETRY, delay=9.0)])
        backend.pause(QUEUE, ROUTE)
        seen.append(one_row(backend).waits)
        assert seen == [None, "retry", "turn", "snooze", "turn", "time", "turn", "pause"]

    def test_row_of_what_runs_and_of_what_has_ended(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        backend = listing_backend
        lent = claimed(backend)
        backend.progress(ref(lent), encode(Progress(done=1.0, total=4.0, note="x" * 500, at=0.0)))
        row = one_row(backend)
        assert (row.state, row.worker, row.attempts, row.progress) == (State.RUNNING, WORKER, 1, (1.0, 4.0))
        clock.advance(2)
        error = "ValueError: bad"
        backend.settle(
            [outcome(lent, Verdict.ERROR, began=clock.now(), took=1.5, result=b"123", error=error)]
        )
        row = one_row(backend)
        assert (row.state, row.worker, row.attempts, row.took) == (State.ERROR, WORKER, 1, 1.5)
        assert (row.error, row.result_size) == (error, 3)
        assert row.began == pytest.approx(clock.now(), abs=0.002)
        assert row.finished == pytest.approx(clock.now(), abs=0.002)

    def test_attempts_count_what_began_and_what_died(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        backend = listing_backend
        lent = claimed(backend)
        backend.settle([outcome(lent, Verdict.RETRY, began=clock.now(), error="OSError: once")])
        assert (one_row(backend).attempts, one_row(backend).error) == (1, "OSError: once")
        (lent,) = claim(backend)
        backend.settle([outcome(lent, Verdict.RELEASE)])
        assert one_row(backend).attempts == 1
        claim(backend)
        backend.bury(WORKER, [lent.id], death(clock.now()))
        (lent,) = claim(backend)
        assert (one_row(backend).attempts, one_row(backend).deaths) == (3, 1)
        backend.settle([outcome(lent, began=clock.now())])
        assert (one_row(backend).attempts, one_row(backend).deaths) == (3, 1)
        backend.requeue([lent.id])
        row = one_row(backend)
        assert (row.attempts, row.deaths, row.error, row.took) == (0, 0, None, None)

    def test_page_of_a_hundred_is_small_whatever_is_in_the_firings(self, listing_backend: Backend) -> None:
        backend = listing_backend
        large = b"x" * 20_000
        backend.enqueue(
            firings(100, body=large, job="j" * 200, tags=("t" * MAX_TAG,) * 2, schedule="s" * 100)
        )
        backend.settle(
            [
                outcome(lent, Verdict.ERROR, result=large, carry=large, error="e" * MAX_ERROR)
                for lent in claim(backend, 100)
            ]
        )
        page = backend.rows(Query(), 100)
        assert len(page.rows) == 100
        assert len(msgspec.json.encode(page)) < 100 * 1024

    # --- order and pages --------------------------------------------------------------------------

    @pytest.mark.parametrize("newest", [True, False])
    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"queue": QUEUE},
            {"route": "bar"},
            {"states": (State.COMPLETE, State.ERROR)},
            {"states": (State.RUNNING, State.PENDING)},
            {"job": "shop:1"},
        ],
        ids=lambda asked: "-".join(asked) or "all",
    )
    def test_rows_come_in_one_line_through_time(
        self, listing_backend: Backend, clock: VirtualClock, *, asked: dict[str, Any], newest: bool
    ) -> None:
        mixed(listing_backend, clock)
        everything = rows_of(listing_backend)
        assert len(everything) == 15
        expected = [
            row
            for row in sorted(everything, key=position_of, reverse=newest)
            if all(
                row.state in value if name == "states" else getattr(row, name) == value
                for name, value in asked.items()
            )
        ]
        assert expected
        for limit in (1, 2, 50):
            assert rows_of(listing_backend, limit, newest=newest, **asked) == expected

    @pytest.mark.parametrize("newest", [True, False])
    def test_one_pages_backwards_as_forwards(
        self, listing_backend: Backend, clock: VirtualClock, *, newest: bool
    ) -> None:
        mixed(listing_backend, clock)
        query = Query(newest=newest)
        pages = [listing_backend.rows(query, 4)]
        assert pages[0].previous is None
        while pages[-1].next is not None:
            pages.append(listing_backend.rows(query, 4, pages[-1].next))
        cursor, back = pages[-1].previous, []
        while cursor is not None:
            back.append(listing_backend.rows(query, 4, cursor))
            cursor = back[-1].previous
        forwards = [row.id for page in pages[:-1] for row in page.rows]
        assert [row.id for page in reversed(back) for row in page.rows] == forwards

    def test_what_finishes_in_one_moment_is_paged_without_gap(self, listing_backend: Backend) -> None:
        listing_backend.enqueue([firing(route=route) for route in ("foo", "bar") for _ in range(10)])
        lent = claim(listing_backend, 10) + claim(listing_backend, 10, route="bar")
        listing_backend.settle([outcome(one) for one in lent])
        for newest in (True, False):
            assert sorted(ids(rows_of(listing_backend, 3, newest=newest))) == sorted(ids(lent))

    def test_limit_is_a_positive_number_up_to_the_largest(self, listing_backend: Backend) -> None:
        listing_backend.enqueue(firings(3))
        assert len(listing_backend.rows(Query(), 0).rows) == 1
        assert len(listing_backend.rows(Query(), 10**9).rows) == 3
        assert listing_backend.rows(Query(), 3).next is None

    @pytest.mark.parametrize("cursor", ["", "x", "n:0:1:2:3", "☃", "n" * 500])
    def test_strange_cursor_is_refused(self, listing_backend: Backend, cursor: str) -> None:
        with pytest.raises(BackendError, match="cursor"):
            listing_backend.rows(Query(), 5, cursor)

    def test_cursor_belongs_to_its_filters(self, listing_backend: Backend) -> None:
        listing_backend.enqueue(firings(3))
        cursor = listing_backend.rows(Query(), 1).next
        with pytest.raises(BackendError, match="cursor"):
            listing_backend.rows(Query(route=ROUTE), 1, cursor)

    def test_none_is_skipped_or_repeated_while_the_store_is_busy(
        self, listing_backend: Backend, clock: VirtualClock, threads: ThreadPoolExecutor
    ) -> None:
        backend = listing_backend
        backend.enqueue(firings(40, job="shop:kept"))
        backend.settle([outcome(lent) for lent in claim(backend, 40)])
        kept = set(ids(rows_of(backend, states=(State.COMPLETE,))))
        waiting = set(backend.enqueue(firings(40, delay=3600.0, job="shop:kept")))
        clock.advance(1)

        def disturb() -> None:
            for number in range(60):
                backend.enqueue([firing(route="bar"), firing(job="shop:other")])
                lent = claim(backend, 2, route="bar")
                backend.settle([outcome(one) for one in lent])
                if number % 3 == 0:
                    backend.delete(ids(lent))

        busy = threads.submit(disturb)
        while True:
            for newest in (True, False):
                found = ids(rows_of(backend, 7, job="shop:kept", newest=newest))
                assert len(found) == len(set(found)) == 80
                assert set(found) == kept | waiting
            if busy.done():
                break
        busy.result(PATIENCE)

    # --- filters ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("final", [*FINAL_STATES, None])
    def test_each_filter_finds_its_own(
        self, listing_backend: Backend, clock: VirtualClock, final: State | None
    ) -> None:
        backend = listing_backend
        start = clock.now()
        wanted = firing(queue="q", route="r", key="k", job="a:b", tags=("x", "y"), schedule="s", delay=0.5)
        backend.enqueue([wanted])
        clock.advance(10)
        if final is not None:
            (lent,) = claim(backend, queue="q", route="r")
            backend.settle([outcome(lent, Verdict(final.value), error="LookupError: no")])
        clock.advance(10)
        others = [firing(), firing(job="a:bc", tags=("xy",), key="k2", schedule="s2")]
        backend.enqueue(others)
        backend.settle(
            [
                outcome(lent, Verdict.ERROR, error="LookupErrors: no")
                for lent in claim(backend, 2, worker=OTHER)
            ]
        )
        asked: dict[str, Any] = {
            "queue": "q",
            "route": "r",
            "key": "k",
            "job": "a:b",
            "tag": "y",
            "schedule": "s",
            "enqueued": (start - 1, start + 1),
            "due": (start, start + 5),
        }
        if final is not None:
            asked |= {
                "error": "LookupError",
                "worker": WORKER,
                "finished": (start + 5, start + 15),
            }
        for name, value in asked.items():
            assert ids(rows_of(backend, **{name: value})) == [wanted.id], name
            assert backend.count(Query(**{name: value})).number == 1, name
        assert ids(rows_of(backend, **asked)) == [wanted.id]
        assert rows_of(backend, **{**asked, "job": "nobody's"}) == []

    def test_time_includes_its_beginning_and_not_its_end(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        for _ in range(3):
            settled(listing_backend)
            clock.advance(10)
        moments = sorted(row.finished or 0.0 for row in rows_of(listing_backend))
        found = rows_of(listing_backend, finished=(moments[1], moments[2]))
        assert [row.finished for row in found] == [moments[1]]

    def test_running_ones_are_found_by_every_worker_that_holds_them(self, listing_backend: Backend) -> None:
        lent = claimed(listing_backend)
        claimed(listing_backend, worker=OTHER)
        assert ids(rows_of(listing_backend, worker=WORKER, states=(State.RUNNING,))) == [lent.id]

    def test_rare_matches_are_found_page_by_page(self, listing_backend: Backend) -> None:
        listing_backend.enqueue(firings(300))
        rare = firing(tags=("rare",), delay=60.0)
        listing_backend.enqueue([rare])
        assert ids(rows_of(listing_backend, tag="rare", newest=False)) == [rare.id]

    # --- counts -----------------------------------------------------------------------------------

    def test_counts_are_exact_where_there_are_few(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        mixed(listing_backend, clock)
        for asked, expected in (
            ({}, 15),
            ({"queue": QUEUE}, 14),
            ({"states": (State.PENDING,)}, 6),
            ({"job": "shop:1", "states": (State.PENDING, State.RUNNING)}, 3),
            ({"route": "nowhere"}, 0),
        ):
            found = listing_backend.count(Query(**asked))
            assert (found.number, found.exact) == (expected, True), asked

    def test_count_says_at_least_so_many_where_it_came_to_its_bound(self, listing_backend: Backend) -> None:
        listing_backend.enqueue(firings(20, tags=("t",)))
        found = listing_backend.count(Query(tag="t"), 5)
        assert not found.exact
        assert found.number <= 5

    def test_jobs_are_counted_by_route_and_state(self, listing_backend: Backend, clock: VirtualClock) -> None:
        mixed(listing_backend, clock)
        found = listing_backend.job_counts(QUEUE)
        assert [(one.queue, one.route, one.job) for one in found] == [
            (QUEUE, route, f"shop:{number}") for route in ("bar", "foo") for number in range(3)
        ]
        for one in found:
            rows = rows_of(listing_backend, queue=QUEUE, route=one.route, job=one.job)
            assert one.counts == {state: sum(row.state is state for row in rows) for state in State}, one.job
        assert [one.route for one in listing_backend.job_counts(QUEUE, "foo")] == ["foo"] * 3

    # --- results ----------------------------------------------------------------------------------

    def test_results_come_in_order_without_bodies(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        backend = listing_backend
        done = settled(backend)
        lent = claimed(backend)
        backend.settle([outcome(lent, Verdict.ERROR, result=b"\x00r", error="E: m")])
        running = claimed(backend)
        waiting = firing(expires_in=5.0)
        backend.enqueue([waiting])
        found = backend.results([waiting.id, "0" * 24, lent.id, running.id, done])
        assert [None if one is None else one.state for one in found] == [
            State.PENDING,
            None,
            State.ERROR,
            State.RUNNING,
            State.COMPLETE,
        ]
        first, _, second, third, _ = found
        assert first is not None
        assert first.expires == pytest.approx(clock.now() + 5, abs=0.002)
        assert second is not None
        assert (second.id, second.result, second.error) == (lent.id, b"\x00r", "E: m")
        assert third is not None
        assert third.result is None

    def test_results_of_nothing_are_nothing(self, listing_backend: Backend) -> None:
        assert listing_backend.results([]) == []

    def test_outcome_that_does_not_say_where_it_belongs_is_settled_and_listed(
        self, listing_backend: Backend
    ) -> None:
        lent = claimed(listing_backend, lease=LEASE, **TAGGED, key="k")
        bare = outcome(lent, queue="", route="", was_due=None, job="", tags=(), key=None)
        assert listing_backend.settle([bare]) == []
        row = one_row(listing_backend, job="shop:charge", states=(State.COMPLETE,))
        assert (row.id, row.tags, row.key) == (lent.id, ("eu", "vip"), "k")
        assert ids(rows_of(listing_backend, tag="vip")) == [lent.id]
