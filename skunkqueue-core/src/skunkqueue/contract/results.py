"""Waiting for results: a wait for a firing ends once it is finished. Under the real clock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from skunkqueue.contract.kit import Kit, require
from skunkqueue.contract.makers import (
    QUEUE,
    claimed,
    declared,
    firing,
    outcome,
    settled,
    state,
)
from skunkqueue.contract.sleepers import LONG, PROMPT, come_soon, woken
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State, Verdict


class ResultPromises(Kit):
    """What ``wait_settled`` promises."""

    stage: ClassVar[int] = 1

    def test_finished_and_unknown_firings_are_told_at_once(self, real_backend: Backend) -> None:
        done, live = settled(real_backend), claimed(real_backend)
        unknown = "f" * 24
        found = real_backend.wait_settled([live.id, done, unknown], LONG)
        assert sorted(found) == sorted([done, unknown])

    def test_wait_settled_ends_with_its_timeout(self, real_backend: Backend) -> None:
        waiting, running = firing(delay=60.0), claimed(real_backend)
        real_backend.enqueue([waiting])
        assert real_backend.wait_settled([waiting.id, running.id], 0.05) == []
        assert real_backend.wait_settled([], 0.0) == []

    @pytest.mark.parametrize("final", [Verdict.COMPLETE, Verdict.ERROR, Verdict.KILLED, Verdict.EXPIRED])
    def test_settling_wakes_those_who_wait_for_results(
        self, real_backend: Backend, threads: ThreadPoolExecutor, final: Verdict
    ) -> None:
        lent = claimed(real_backend)
        found, took = woken(
            threads,
            lambda: real_backend.wait_settled([lent.id], LONG),
            lambda: real_backend.settle([outcome(lent, final)]),
        )
        assert found == [lent.id]
        assert took < PROMPT

    def test_killing_wakes_those_who_wait_for_results(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        made = firing(delay=60.0)
        real_backend.enqueue([made])
        found, took = woken(
            threads,
            lambda: real_backend.wait_settled([made.id], LONG),
            lambda: real_backend.kill([made.id]),
        )
        assert found == [made.id]
        assert took < PROMPT

    def test_purge_wakes_those_who_wait_for_results(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        made = firing(delay=60.0)
        real_backend.enqueue([made])
        found, took = woken(
            threads, lambda: real_backend.wait_settled([made.id], LONG), lambda: real_backend.purge(QUEUE)
        )
        assert found == [made.id]
        assert took < PROMPT

    @pytest.mark.parametrize("running", [False, True])
    def test_deleting_wakes_those_who_wait_for_results(
        self,
        tested_class: type[Backend],
        real_backend: Backend,
        threads: ThreadPoolExecutor,
        *,
        running: bool,
    ) -> None:
        require(tested_class, "rows")
        made = firing(delay=60.0)
        real_backend.enqueue([made])
        others = [claimed(real_backend, route="bar").id] if running else []
        found, took = woken(
            threads,
            lambda: real_backend.wait_settled([made.id, *others], LONG),
            lambda: real_backend.delete([made.id]),
        )
        assert found == [made.id]
        assert took < PROMPT

    @pytest.mark.parametrize("verb", ["pause_schedule", "remove_schedule"])
    def test_firing_that_goes_with_its_schedule_wakes_those_who_wait_for_its_result(
        self, real_backend: Backend, threads: ThreadPoolExecutor, verb: str
    ) -> None:
        _, armed = declared(real_backend)
        found, took = woken(
            threads,
            lambda: real_backend.wait_settled([armed.id], LONG),
            lambda: getattr(real_backend, verb)(QUEUE, "hourly"),
        )
        assert found == [armed.id]
        assert took < PROMPT

    def test_result_is_told_within_milliseconds(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        def measure() -> float:
            lent = claimed(real_backend)
            return woken(
                threads,
                lambda: real_backend.wait_settled([lent.id], LONG),
                lambda: real_backend.settle([outcome(lent)]),
            )[1]

        come_soon(real_backend, measure)

    def test_result_is_there_for_the_woken(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        lent = claimed(real_backend)

        def look() -> State | None:
            real_backend.wait_settled([lent.id], LONG)
            return state(real_backend, lent.id)

        found, _ = woken(threads, look, lambda: real_backend.settle([outcome(lent)]))
        assert found is State.COMPLETE
