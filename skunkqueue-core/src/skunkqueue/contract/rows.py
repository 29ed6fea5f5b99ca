"""Rows: what a listing shows for each firing, and that it holds nothing large."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    death,
    firing,
    ids,
    outcome,
    pages_of,
    read,
    ref,
    row,
    rows_of,
)
from skunkqueue.contract.population import populate
from skunkqueue.listings import Query, Row
from skunkqueue.payload import Progress, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import MAX_ERROR, MAX_JOB, MAX_TAG, MAX_TAGS, State, Verdict

LARGE = b"large " * 20_000
"""What must not be in a page: 120 kB."""


class RowPromises(Kit):
    """What ``rows`` promises about single rows."""

    # --- what a row shows -------------------------------------------------------------------------

    def test_firings_fields_for_people_travel(self, listing_backend: Backend) -> None:
        told: dict[str, Any] = {
            "job": "shop:add",
            "tags": ("a", "b"),
            "schedule": "hourly",
            "parent": "f" * 24,
        }
        lent = claimed(listing_backend, **told)
        for shown in (lent, read(listing_backend, lent.id), row(listing_backend, lent.id)):
            assert {name: getattr(shown, name) for name in told} == told

    def test_fields_of_what_follows_travel(self, listing_backend: Backend) -> None:
        following = firing(route="bar", job="shop:send", tags=("a",), parent="f" * 24)
        listing_backend.settle([outcome(claimed(listing_backend), follow=(following,))])
        (lent,) = claim(listing_backend, route="bar")
        assert (lent.job, lent.tags, lent.parent) == ("shop:send", ("a",), "f" * 24)

    def test_old_firing_without_a_name_is_listed(self, listing_backend: Backend) -> None:
        lent = claimed(listing_backend)
        assert (lent.job, lent.tags, lent.schedule, lent.parent) == ("", (), None, None)
        assert row(listing_backend, lent.id).job == ""

    def test_row_shows_what_a_record_knows(self, listing_backend: Backend, clock: VirtualClock) -> None:
        populate(listing_backend, clock)
        found = rows_of(listing_backend)
        assert len(found) > 20
        for one, record in zip(found, listing_backend.get(ids(found)), strict=True):
            assert record is not None
            same = set(Row.__struct_fields__) & set(type(record).__struct_fields__) - {"progress"}
            assert len(same) > 15
            assert {name: getattr(one, name) for name in same} == {
                name: getattr(record, name) for name in same
            }
            assert one.body_size == len(record.body)
            assert one.result_size == len(record.result or b"")

    def test_row_of_a_finished_firing_tells_how_it_went(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(listing_backend, body=b"12345")
        clock.advance(2)
        began = clock.now()
        clock.advance(3)
        listing_backend.settle([outcome(lent, result=b"123", began=began, took=2.5)])
        found = row(listing_backend, lent.id)
        assert found.state is State.COMPLETE
        assert (found.worker, found.attempts, found.deaths, found.waits) == (WORKER, 1, 0, None)
        assert (found.body_size, found.result_size) == (5, 3)
        assert found.began == pytest.approx(began, abs=0.002)
        assert found.finished == pytest.approx(clock.now(), abs=0.002)
        assert found.took == pytest.approx(2.5, abs=0.002)

    def test_what_never_began_took_no_time(self, listing_backend: Backend) -> None:
        lent = claimed(listing_backend)
        assert row(listing_backend, lent.id).took is None
        listing_backend.settle([outcome(lent, Verdict.EXPIRED)])
        found = row(listing_backend, lent.id)
        assert (found.began, found.took, found.attempts) == (None, None, 0)

    @pytest.mark.parametrize(
        ("verdict", "delay", "expected"),
        [
            (None, 0.0, "turn"),
            (None, 5.0, "time"),
            (Verdict.RETRY, 5.0, "retry"),
            (Verdict.RETRY, 0.0, "turn"),
            (Verdict.SNOOZE, 5.0, "snooze"),
            (Verdict.RELEASE, 5.0, "time"),
        ],
    )
    def test_pending_firing_tells_what_it_waits_for(
        self,
        listing_backend: Backend,
        clock: VirtualClock,
        verdict: Verdict | None,
        delay: float,
        expected: str,
    ) -> None:
        if verdict is None:
            listing_backend.enqueue([firing(delay=delay)])
        else:
            listing_backend.settle(
                [outcome(claimed(listing_backend), verdict, delay=delay, began=clock.now())]
            )
        (found,) = rows_of(listing_backend)
        assert (found.waits, found.began, found.took) == (expected, None, None)
        clock.advance(10)
        (found,) = rows_of(listing_backend)
        assert found.waits == "turn"

    def test_what_was_a_retry_once_is_none_after_another_verdict(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        listing_backend.settle([outcome(claimed(listing_backend), Verdict.RETRY, began=clock.now())])
        (lent,) = claim(listing_backend)
        listing_backend.settle([outcome(lent, Verdict.RELEASE, delay=5.0)])
        assert row(listing_backend, lent.id).waits == "time"

    @pytest.mark.parametrize("paused", [ROUTE, None])
    @pytest.mark.parametrize("delay", [0.0, 60.0])
    def test_paused_firing_waits_for_the_end_of_the_pause(
        self, listing_backend: Backend, paused: str | None, delay: float
    ) -> None:
        listing_backend.enqueue([firing(delay=delay), firing(queue="other", delay=delay)])
        listing_backend.pause(QUEUE, paused)
        found = {one.queue: one.waits for one in rows_of(listing_backend)}
        assert found == {QUEUE: "pause", "other": "time" if delay else "turn"}
        listing_backend.resume(QUEUE, paused)
        assert row(listing_backend, rows_of(listing_backend, queue=QUEUE)[0].id).waits == (
            "time" if delay else "turn"
        )

    def test_only_pending_firings_wait(self, listing_backend: Backend) -> None:
        lent = claimed(listing_backend)
        listing_backend.pause(QUEUE)
        assert row(listing_backend, lent.id).waits is None
        listing_backend.settle([outcome(lent, Verdict.ERROR)])
        assert row(listing_backend, lent.id).waits is None

    def test_attempts_are_outcomes_that_began_deaths_and_what_runs_now(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        made = firing()
        listing_backend.enqueue([made])
        seen = [row(listing_backend, made.id).attempts]
        for verdict, began in ((Verdict.RETRY, True), (Verdict.RELEASE, False), (Verdict.SNOOZE, True)):
            (lent,) = claim(listing_backend)
            seen.append(row(listing_backend, made.id).attempts)
            listing_backend.settle([outcome(lent, verdict, began=clock.now() if began else None)])
            seen.append(row(listing_backend, made.id).attempts)
        assert seen == [0, 1, 1, 2, 1, 2, 2]
        claim(listing_backend)
        listing_backend.reap(WORKER, [made.id], death(clock.now()))
        assert row(listing_backend, made.id).attempts == 3
        (lent,) = claim(listing_backend)
        listing_backend.settle([outcome(lent, Verdict.ADVANCE, began=clock.now())])
        assert row(listing_backend, made.id).attempts == 4
        listing_backend.settle([outcome(lent, began=clock.now())])
        assert row(listing_backend, made.id).attempts == 4

    @pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.SNOOZE, Verdict.RELEASE])
    @pytest.mark.parametrize("delay", [0.0, 5.0])
    def test_pending_firing_keeps_the_error_line_that_it_was_given_back_with(
        self, listing_backend: Backend, verdict: Verdict, delay: float
    ) -> None:
        lent = claimed(listing_backend)
        listing_backend.settle([outcome(lent, verdict, delay=delay, error="JobNotFoundError: no such job")])
        found = row(listing_backend, lent.id)
        assert (found.state, found.error) == (State.PENDING, "JobNotFoundError: no such job")
        (record,) = listing_backend.page(QUEUE, lent.route, State.PENDING, 10).records
        assert read(listing_backend, lent.id).error == record.error == found.error
        assert rows_of(listing_backend, error="JobNotFoundError") == [found]

    def test_error_line_stays_until_another_takes_its_place(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(listing_backend)
        listing_backend.settle([outcome(lent, Verdict.RETRY, began=clock.now(), error="KeyError: 'a'")])
        assert row(listing_backend, lent.id).error == read(listing_backend, lent.id).error == "KeyError: 'a'"
        (lent,) = claim(listing_backend)
        listing_backend.settle([outcome(lent, Verdict.RELEASE)])
        assert row(listing_backend, lent.id).error == "KeyError: 'a'"
        (lent,) = claim(listing_backend)
        listing_backend.settle([outcome(lent, Verdict.ERROR, began=clock.now(), error="ValueError: ☃")])
        assert row(listing_backend, lent.id).error == read(listing_backend, lent.id).error == "ValueError: ☃"

    def test_requeued_firing_has_no_error_no_attempts_and_took_no_time(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(listing_backend, job="shop:add", tags=("a",), schedule="hourly", parent="f" * 24)
        listing_backend.settle([outcome(lent, Verdict.ERROR, began=clock.now(), took=2.0, error="KeyError")])
        assert listing_backend.requeue([lent.id]) == [lent.id]
        found = row(listing_backend, lent.id)
        assert (found.error, found.took, found.attempts, found.result_size) == (None, None, 0, 0)
        assert (found.job, found.tags, found.schedule, found.parent) == (
            "shop:add",
            ("a",),
            "hourly",
            "f" * 24,
        )
        assert rows_of(listing_backend, error="KeyError") == []

    def test_progress_is_shown_in_numbers(self, listing_backend: Backend) -> None:
        lent = claimed(listing_backend)
        assert row(listing_backend, lent.id).progress is None
        listing_backend.progress(ref(lent), encode(Progress(done=3.0, total=8.0, note="n", at=1.0)))
        assert row(listing_backend, lent.id).progress == (3.0, 8.0)
        listing_backend.progress(ref(lent), b"\x00 nothing that can be read")
        assert row(listing_backend, lent.id).progress is None

    @pytest.mark.parametrize("names", ["usual", "longest", "quoted"])
    def test_page_of_a_hundred_is_small_whatever_bodies_results_and_names_are(
        self, listing_backend: Backend, names: str
    ) -> None:
        longest = names == "longest"
        long = {
            "job": "j" * MAX_JOB,
            "tags": tuple(f"{number}" * MAX_TAG for number in range(MAX_TAGS)),
            "schedule": "s" * 200,
            "parent": "f" * 24,
        }
        usual = {"job": "j" * 40, "tags": ("one", "two", "three"), "schedule": "s" * 20, "parent": "f" * 24}
        batch = [
            firing(
                body=LARGE,
                **(long if longest else usual),
                key=f"{number:0{200 if longest else 40}}" + ('"' * 200 if names == "quoted" else ""),
            )
            for number in range(100)
        ]
        listing_backend.enqueue(batch)
        error = {"usual": "E" * 100, "longest": "E" * MAX_ERROR, "quoted": '"' * MAX_ERROR}[names]
        lent = claim(listing_backend, 60)
        listing_backend.settle(
            [
                outcome(one, Verdict.ERROR, result=LARGE, attempt_state=LARGE, error=error, began=one.claimed)
                for one in lent
            ]
        )
        (held,) = claim(listing_backend)
        listing_backend.progress(
            ref(held), encode(Progress(done=1.0, total=2.0, note="large " * 200, at=0.0))
        )
        page = listing_backend.rows(Query(), 100)
        # With the longest names, fewer fit on a page.
        assert len(page.rows) >= (100 if names == "usual" else 40)
        encoded = msgspec.json.encode(page)
        assert len(encoded) < 100_000
        assert b"large" not in encoded
        following = pages_of(listing_backend, Query(), 100)
        assert sorted(row.id for page in following for row in page.rows) == sorted(ids(batch))
        assert all(len(msgspec.json.encode(page)) < 100_000 for page in following)
