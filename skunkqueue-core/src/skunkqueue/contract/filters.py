"""Filters: which firings a listing of rows finds, without looking at others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    ODD_NAMES,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    bare_outcome,
    claim,
    claimed,
    firing,
    firings,
    ids,
    outcome,
    row,
    rows_of,
    settled,
)
from skunkqueue.contract.population import populate
from skunkqueue.ids import ID_LENGTH
from skunkqueue.listings import MAX_ROWS, Query, Row
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.listing import error_type
from skunkqueue.records import FINAL_STATES, MAX_ERROR, MAX_TAG, State, Verdict

PARENT = "f" * ID_LENGTH
LABELS: dict[str, Any] = {"job": "shop:add", "tags": ("a", "b"), "key": "k", "parent": PARENT}
BY_LABEL: tuple[dict[str, Any], ...] = ({"job": "shop:add"}, {"tag": "b"}, {"key": "k"}, {"parent": PARENT})
"""Filters that find what has LABELS."""


INDEXED: tuple[dict[str, Any], ...] = (
    {"job": "rare"},
    {"tag": "rare"},
    {"key": "rare"},
    {"parent": PARENT},
    {"error": "RareError"},
    {"route": "rare"},
    {"queue": "rare"},
    {"states": (State.ERROR,)},
    {"finished": (1_750_000_050.0, None)},
    {"enqueued": (1_750_000_100.0, None)},
    {"due": (1_750_000_100.0, None), "states": (State.COMPLETE, State.ERROR)},
)
"""Filters that find finished firings without looking at others; three firings match each."""
FILTERS: dict[str, tuple[Query, Callable[[Row], bool]]] = {
    "queue": (Query(queue="other"), lambda row: row.queue == "other"),
    "route": (Query(route="bar"), lambda row: row.route == "bar"),
    "state": (Query(states=(State.PENDING,)), lambda row: row.state is State.PENDING),
    "final state": (Query(states=(State.ERROR,)), lambda row: row.state is State.ERROR),
    "states": (
        Query(states=(State.ERROR, State.RUNNING, State.COMPLETE)),
        lambda row: row.state in (State.ERROR, State.RUNNING, State.COMPLETE),
    ),
    "job": (Query(job="shop:add"), lambda row: row.job == "shop:add"),
    "no job": (Query(job=""), lambda row: not row.job),
    "tag": (Query(tag="urgent"), lambda row: "urgent" in row.tags),
    "key": (Query(key="k1"), lambda row: row.key == "k1"),
    "error": (Query(error="ValueError"), lambda row: error_type(row.error) == "ValueError"),
    "schedule": (Query(schedule="nightly"), lambda row: row.schedule == "nightly"),
    "parent": (Query(parent=f"{4:024x}"), lambda row: row.parent == f"{4:024x}"),
    "worker": (Query(worker=OTHER), lambda row: row.worker == OTHER),
    "due": (
        Query(due=(1_750_000_003.0, 1_750_000_030.0)),
        lambda row: 1_750_000_003 <= row.due < 1_750_000_030,
    ),
    "enqueued": (Query(enqueued=(None, 1_750_000_003.0)), lambda row: row.enqueued < 1_750_000_003),
    "finished": (
        Query(finished=(1_750_000_004.0, 1_750_000_009.0)),
        lambda row: row.finished is not None and 1_750_000_004 <= row.finished < 1_750_000_009,
    ),
    "finished at all": (Query(finished=(None, None)), lambda row: row.state.final),
    "job, route and state": (
        Query(job="shop:add", route=ROUTE, states=(State.COMPLETE, State.PENDING)),
        lambda row: (
            row.job == "shop:add" and row.route == ROUTE and row.state in (State.COMPLETE, State.PENDING)
        ),
    ),
    "tag, error and time": (
        Query(tag="urgent", error="ValueError", finished=(1_750_000_002.0, None)),
        lambda row: (
            "urgent" in row.tags
            and error_type(row.error) == "ValueError"
            and (row.finished or 0) >= 1_750_000_002
        ),
    ),
    "parent, job and states": (
        Query(parent=f"{0:024x}", job="shop:add", states=(State.COMPLETE, State.RUNNING, State.PENDING)),
        lambda row: (
            (row.parent, row.job) == (f"{0:024x}", "shop:add")
            and row.state in (State.COMPLETE, State.RUNNING, State.PENDING)
        ),
    ),
    "parent and tag": (
        Query(parent=f"{4:024x}", tag="urgent"),
        lambda row: row.parent == f"{4:024x}" and "urgent" in row.tags,
    ),
    "queue and key": (Query(queue="other", key="k1"), lambda row: (row.queue, row.key) == ("other", "k1")),
    "what excludes itself": (
        Query(states=(State.RUNNING,), finished=(None, None)),
        lambda row: row.state is State.RUNNING and row.finished is not None,
    ),
}
"""Each filter, and what it must find."""


class FilterPromises(Kit):
    """What ``rows`` promises about what it finds."""

    @pytest.mark.parametrize("name", FILTERS)
    def test_filter_finds_what_matches_and_nothing_else(
        self, listing_backend: Backend, clock: VirtualClock, name: str
    ) -> None:
        populate(listing_backend, clock)
        query, wanted = FILTERS[name]
        for newest in (True, False):
            everything = rows_of(listing_backend, newest=newest)
            expected = [one for one in everything if wanted(one)]
            assert expected or name == "what excludes itself"
            assert len(expected) < len(everything)
            found = listing_backend.rows(msgspec.structs.replace(query, newest=newest), 100)
            assert list(found.rows) == expected
        count = listing_backend.count(query)
        assert (count.number, count.exact) == (len(expected), True)

    def test_times_are_from_and_including_to_and_excluding(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        done = []
        for _ in range(3):
            done.append(settled(listing_backend))
            clock.advance(1)
        first, second, third = rows_of(listing_backend, newest=False)
        assert [first.id, second.id, third.id] == done
        for field in ("enqueued", "due", "finished"):
            between: dict[str, Any] = {field: (getattr(second, field), getattr(third, field))}
            found = ids(rows_of(listing_backend, **between))
            assert found == [second.id]

    @pytest.mark.parametrize("field", ["enqueued", "due", "finished"])
    def test_no_time_is_after_or_before_what_is_not_a_number(
        self, listing_backend: Backend, field: str
    ) -> None:
        settled(listing_backend)
        listing_backend.enqueue([firing(delay=5.0), firing(key="k")])
        for span in ((math.nan, None), (None, math.nan)):
            asked: dict[str, Any] = {field: span}
            assert rows_of(listing_backend, **asked) == []
            count = listing_backend.count(Query(**asked))
            assert (count.number, count.exact) == (0, True)
        asked = {field: (-math.inf, math.inf)}
        assert len(rows_of(listing_backend, **asked)) == (1 if field == "finished" else 3)

    def test_error_is_found_by_its_whole_type(self, listing_backend: Backend) -> None:
        lines = ["ValueError: a: b", "ValueError", "ValueErrors: a", "MyValueError: a", "valueerror: a"]
        listing_backend.enqueue(firings(len(lines)))
        lent = claim(listing_backend, len(lines))
        listing_backend.settle(
            [outcome(one, Verdict.ERROR, error=line) for one, line in zip(lent, lines, strict=True)]
        )
        assert sorted(one.error or "" for one in rows_of(listing_backend, error="ValueError")) == sorted(
            lines[:2]
        )

    def test_retried_firing_is_found_by_its_error_in_every_state(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(listing_backend)
        listing_backend.settle([outcome(lent, Verdict.RETRY, began=clock.now(), error="KeyError: 1")])
        assert ids(rows_of(listing_backend, error="KeyError")) == [lent.id]
        (lent,) = claim(listing_backend)
        assert ids(rows_of(listing_backend, error="KeyError")) == [lent.id]
        listing_backend.settle([outcome(lent)])
        assert ids(rows_of(listing_backend, error="KeyError", states=(State.COMPLETE,))) == [lent.id]

    def test_given_up_key_is_still_found(self, listing_backend: Backend) -> None:
        done = [settled(listing_backend, key="k") for _ in range(2)]
        waiting = firing(key="k")
        listing_backend.enqueue([waiting])
        assert ids(rows_of(listing_backend, key="k")) == [waiting.id, *reversed(done)]

    @pytest.mark.parametrize("final", FINAL_STATES)
    def test_what_is_killed_or_ends_is_found_with_its_labels(
        self, listing_backend: Backend, final: State
    ) -> None:
        if final is State.KILLED:
            made = firing(**LABELS)
            listing_backend.enqueue([made])
            listing_backend.kill([made.id])
            id_ = made.id
        else:
            id_ = settled(listing_backend, Verdict(final.value), **LABELS)
        for asked in BY_LABEL:
            assert ids(rows_of(listing_backend, states=(final,), **asked)) == [id_]

    def test_what_is_requeued_or_pruned_is_not_found_as_finished(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        first = settled(listing_backend, **LABELS)
        listing_backend.requeue([first])
        for asked in BY_LABEL:
            assert [(one.id, one.state) for one in rows_of(listing_backend, **asked)] == [
                (first, State.PENDING)
            ]
        claim(listing_backend)
        listing_backend.kill([first])
        clock.advance(100)
        listing_backend.sweep()
        (lent,) = claim(listing_backend)
        listing_backend.settle([outcome(lent, Verdict.KILLED)])
        clock.advance(10)
        assert listing_backend.prune(older=1.0) == 1
        for asked in (*BY_LABEL, {}):
            assert rows_of(listing_backend, **asked) == []

    def test_outcome_that_tells_nothing_of_its_claim_is_filed_like_others(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(listing_backend, **LABELS)
        listing_backend.settle([bare_outcome(lent, began=clock.now(), took=1.0)])
        for asked in (*BY_LABEL, {"route": ROUTE}, {"queue": QUEUE}):
            assert ids(rows_of(listing_backend, states=(State.COMPLETE,), **asked)) == [lent.id]

    @pytest.mark.parametrize("asked", INDEXED)
    def test_few_finished_firings_are_found_without_looking_at_the_many(
        self, listing_backend: Backend, clock: VirtualClock, asked: dict[str, Any]
    ) -> None:
        listing_backend.enqueue(firings(600, job="usual", tags=("usual",), key=None))
        for _ in range(3):
            listing_backend.settle([outcome(one) for one in claim(listing_backend, 200)])
        clock.advance(100)
        rare = {
            name: value for name, value in asked.items() if name in ("queue", "route", "job", "key", "parent")
        }
        made = [firing(**{"tags": ("rare",), "job": "other", **rare})]
        if "key" not in asked:
            made += firings(2, **{"tags": ("rare",), "job": "other", **rare})
        listing_backend.enqueue(made)
        lent = claim(listing_backend, 3, queue=made[0].queue, route=made[0].route)
        listing_backend.settle([outcome(one, Verdict.ERROR, error="RareError: why") for one in lent])
        page = listing_backend.rows(Query(**{"states": FINAL_STATES, **asked}), 50)
        assert sorted(ids(page.rows)) == sorted(ids(made))
        assert (page.next, page.previous) == (None, None)
        assert page.looked <= 100

    @pytest.mark.parametrize("newest", [False, True])
    @pytest.mark.parametrize("field", ["enqueued", "due"])
    def test_what_is_not_finished_or_never_was_due_is_found_by_these_times(
        self, listing_backend: Backend, clock: VirtualClock, field: str, *, newest: bool
    ) -> None:
        settled(listing_backend)
        clock.advance(100)
        since = clock.now()
        done, runs = settled(listing_backend), claimed(listing_backend).id
        killed, waits = firings(2, delay=3_600.0)
        listing_backend.enqueue([killed, waits])
        listing_backend.kill([killed.id])
        asked: dict[str, Any] = {field: (since, None), "newest": newest}
        found = ids(rows_of(listing_backend, **asked))
        assert sorted(found) == sorted([done, runs, killed.id, waits.id])

    def test_what_finished_after_the_clock_was_set_back_is_found_by_when_it_was_put_in(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(listing_backend)
        since = clock.now()
        clock.jump(-45)
        listing_backend.settle([outcome(lent)])
        assert ids(rows_of(listing_backend, enqueued=(since, None))) == [lent.id]

    def test_page_of_rows_is_bounded(self, listing_backend: Backend) -> None:
        batch = firings(MAX_ROWS + 1)
        listing_backend.enqueue(batch)
        page = listing_backend.rows(Query(newest=False), 10 * MAX_ROWS)
        assert ids(page.rows) == ids(batch)[:MAX_ROWS]
        assert page.next is not None
        rest = listing_backend.rows(Query(newest=False), 10 * MAX_ROWS, page.next)
        assert ids(rest.rows) == ids(batch)[MAX_ROWS:]

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names_are_shown_and_found(self, listing_backend: Backend, name: str) -> None:
        tags = (name[:MAX_TAG], "plain")
        lent = claimed(listing_backend, job=name, tags=tags, key=name, schedule=name, worker=name)
        other = claimed(listing_backend)
        listing_backend.settle(
            [outcome(one, Verdict.ERROR, error=f"{name}: why"[:MAX_ERROR]) for one in (lent, other)]
        )
        found = row(listing_backend, lent.id)
        assert (found.job, found.tags, found.key, found.schedule) == (name, tags, name, name)
        for field in ("job", "key", "schedule", "worker"):
            asked: dict[str, Any] = {field: name}
            assert ids(rows_of(listing_backend, **asked)) == [lent.id]
        assert ids(rows_of(listing_backend, tag=tags[0])) == [lent.id]

    @pytest.mark.parametrize("final", [*FINAL_STATES, None])
    def test_each_filter_finds_its_own(
        self, listing_backend: Backend, clock: VirtualClock, final: State | None
    ) -> None:
        backend = listing_backend
        start = clock.now()
        wanted = firing(
            queue="q", route="r", key="k", job="a:b", tags=("x", "y"), schedule="s", parent=PARENT, delay=0.5
        )
        backend.enqueue([wanted])
        clock.advance(10)
        if final is not None:
            (lent,) = claim(backend, queue="q", route="r")
            backend.settle([outcome(lent, Verdict(final.value), error="LookupError: no")])
        clock.advance(10)
        others = [firing(), firing(job="a:bc", tags=("xy",), key="k2", schedule="s2", parent=wanted.id)]
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
            "parent": PARENT,
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
