"""Waits end under a clock that a test has frozen, as users' tests do."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import pytest
from freezegun import freeze_time

from skunkqueue import SkunkQueue
from skunkqueue.clock import SYSTEM_CLOCK, monotonic
from skunkqueue.errors import WaitTimeoutError
from skunkqueue.handle import JobHandle
from skunkqueue.records import Firing, Outcome, State, Verdict
from skunkqueue.testing import advance, assert_fired, divert, now, run_for, run_pending
from tests.core.testing import shop

THEN = "2021-03-04 05:06:07"


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[SkunkQueue]:
    with SkunkQueue("q", conn_url=f"sqlite:///{tmp_path}/q.db") as queue:
        yield queue


def fired(queue: SkunkQueue) -> JobHandle[object]:
    firing = Firing(id="0" * 24, queue="q", route="r", body=b"")
    return queue.handle(queue.backend.enqueue([firing])[0])


def settle(queue: SkunkQueue) -> None:
    (lent,) = queue.backend.claim("q", "r", "w", 1, 60.0)
    assert queue.backend.settle([Outcome(id=lent.id, token=lent.token, verdict=Verdict.COMPLETE)]) == []


def test_monotonic_time_goes_on() -> None:
    with freeze_time(THEN):
        before = monotonic()
        while monotonic() == before:
            pass
        assert SYSTEM_CLOCK.monotonic() > before
        assert SYSTEM_CLOCK.now() == datetime(2021, 3, 4, 5, 6, 7, tzinfo=timezone.utc).timestamp()


def test_wait_for_one_ends(queue: SkunkQueue) -> None:
    with freeze_time(THEN):
        handle = fired(queue)
        with pytest.raises(WaitTimeoutError, match=r"pending after 0\.05 s"):
            handle.wait(0.05)


def test_wait_for_several_ends(queue: SkunkQueue) -> None:
    with freeze_time(THEN):
        handle = fired(queue)
        with pytest.raises(WaitTimeoutError):
            queue.results([handle], timeout=0.05)


def test_wait_hears_of_the_result(queue: SkunkQueue) -> None:
    with freeze_time(THEN), ThreadPoolExecutor(1) as threads:
        handle = fired(queue)
        waiting = threads.submit(queue.backend.wait_settled, [handle.id], 60.0)
        settle(queue)
        assert waiting.result(60) == [handle.id]
        assert handle.state is State.COMPLETE


def test_worker_waits_for_its_time(queue: SkunkQueue) -> None:
    with freeze_time(THEN):
        assert not queue.backend.wait("q", "r", "w", 0.05)
        assert queue.backend.listen("w", 0.05) == []


def test_the_clock_of_a_tests_store_is_the_frozen_one() -> None:
    with freeze_time(THEN) as frozen, divert():
        shop.add.fire_at(3600, 1)
        assert now() == datetime.fromisoformat(f"{THEN}+00:00")
        assert assert_fired(shop.add).due == datetime.fromisoformat("2021-03-04 06:06:07+00:00")

        frozen.tick(3599)
        assert run_pending() == []
        frozen.tick(1)
        assert len(run_pending()) == 1


@pytest.mark.parametrize("delay", [0.1, 0.3, 3600.7, 1e6 / 3, 86_400])
def test_a_tests_store_runs_at_its_moment_under_a_frozen_clock(delay: float) -> None:
    with freeze_time(THEN), divert():
        shop.add.fire_at(delay, 1)
        advance(delay)
        assert len(run_pending()) == 1

        shop.add.fire_at(delay, 1)
        assert len(run_for(days=4)) == 1
