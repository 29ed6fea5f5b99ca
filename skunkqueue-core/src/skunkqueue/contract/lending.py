"""Waiting and claiming in one: ``claim_next`` and ``begin_claim``. Under the real clock."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    firing,
    firings,
    ids,
    state,
)
from skunkqueue.contract.sleepers import (
    LONG,
    PROMPT,
    begin,
    come_soon,
    may_answer,
    until_answered,
    until_lent,
    woken,
)
from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.records import State


class LendingPromises(Kit):
    """What ``claim_next`` and ``begin_claim`` promise."""

    stage: ClassVar[int] = 1

    def test_claim_next_lends_at_once_what_is_due(self, real_backend: Backend) -> None:
        batch = firings(3)
        real_backend.enqueue(batch)
        before = time.monotonic()
        lent = real_backend.claim_next(QUEUE, ROUTE, WORKER, 2, LONG, timeout=LONG)
        assert ids(lent) == ids(batch[:2])
        assert time.monotonic() - before < PROMPT

    def test_claim_next_ends_with_its_timeout(self, real_backend: Backend) -> None:
        before = time.monotonic()
        assert real_backend.claim_next(QUEUE, ROUTE, WORKER, 1, LONG, timeout=0.1) == []
        assert 0.05 < time.monotonic() - before < PROMPT

    def test_claim_next_lends_what_comes_meanwhile(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        def measure() -> float:
            made = firing()
            found, took = woken(
                threads,
                lambda: until_lent(real_backend),
                lambda: real_backend.enqueue([made]),
            )
            assert ids(found) == [made.id]
            assert state(real_backend, made.id) is State.RUNNING
            return took

        come_soon(real_backend, measure)

    def test_claim_next_lends_what_becomes_due(self, real_backend: Backend) -> None:
        made = firing(delay=0.2)
        real_backend.enqueue([made])
        before = time.monotonic()
        assert ids(until_lent(real_backend)) == [made.id]
        assert time.monotonic() - before < PROMPT

    def test_claim_next_lends_what_another_lost(self, real_backend: Backend) -> None:
        made = firing()
        real_backend.enqueue([made])
        claim(real_backend, worker=OTHER, lease=0.2)
        before = time.monotonic()
        assert ids(until_lent(real_backend)) == [made.id]
        assert time.monotonic() - before < PROMPT

    def test_claim_next_that_was_closed_holds_nothing(
        self,
        processes: None,
        real_backend: Backend,
        tested_class: type[Backend],
        config: BackendConfig,
        threads: ThreadPoolExecutor,
    ) -> None:
        del processes
        second = tested_class.open(config)
        lent, _ = woken(
            threads,
            lambda: real_backend.claim_next(QUEUE, ROUTE, WORKER, 1, LONG, timeout=LONG),
            real_backend.close,
        )
        made = firing()
        second.enqueue([made])
        again = ids(until_lent(second, OTHER))
        second.close()
        assert (lent, again) == ([], [made.id])

    def test_a_claim_that_was_begun_lends_at_once_what_is_due(self, real_backend: Backend) -> None:
        batch = firings(2)
        real_backend.enqueue(batch)
        before = time.monotonic()
        assert ids(until_answered(begin(real_backend))) == [batch[0].id]
        assert time.monotonic() - before < PROMPT

    def test_a_claim_that_was_begun_lends_what_comes_meanwhile(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        def measure() -> float:
            made = firing()
            begun = begin(real_backend)
            found, took = woken(threads, lambda: until_answered(begun), lambda: real_backend.enqueue([made]))
            assert ids(found) == [made.id]
            assert state(real_backend, made.id) is State.RUNNING
            return took

        come_soon(real_backend, measure)

    def test_a_claim_that_was_begun_lends_what_becomes_due(self, real_backend: Backend) -> None:
        made = firing(delay=0.2)
        real_backend.enqueue([made])
        before = time.monotonic()
        assert ids(until_answered(begin(real_backend))) == [made.id]
        assert time.monotonic() - before < PROMPT

    def test_a_claim_that_was_begun_lends_what_another_lost(self, real_backend: Backend) -> None:
        made = firing()
        real_backend.enqueue([made])
        claim(real_backend, worker=OTHER, lease=0.2)
        before = time.monotonic()
        assert ids(until_answered(begin(real_backend))) == [made.id]
        assert time.monotonic() - before < PROMPT

    def test_a_claim_that_was_begun_and_ended_stays_ended(self, real_backend: Backend) -> None:
        made = firing()
        real_backend.enqueue([made])
        begun = begin(real_backend)
        assert ids(until_answered(begun)) == [made.id]
        begun.cancel()
        begun.cancel()
        assert state(real_backend, made.id) is State.RUNNING

    def test_a_cancelled_claim_holds_nothing(self, real_backend: Backend) -> None:
        begun = begin(real_backend)
        while may_answer(begun, 0.0):
            assert begun.answer() == []
        begun.cancel()
        made = firing()
        real_backend.enqueue([made])
        assert ids(until_lent(real_backend, OTHER)) == [made.id]

    def test_a_claim_cancelled_as_it_is_lent_something_gives_it_back(self, real_backend: Backend) -> None:
        begun = begin(real_backend)
        while may_answer(begun, 0.0):
            assert begun.answer() == []
        made = firing()
        real_backend.enqueue([made])
        assert may_answer(begun, LONG)
        begun.cancel()
        # As a worker does that goes on working.
        assert ids(until_lent(real_backend)) == [made.id]

    def test_what_a_cancelled_claim_was_lent_comes_with_the_next_claim(self, real_backend: Backend) -> None:
        begun = begin(real_backend)
        while may_answer(begun, 0.0):
            assert begun.answer() == []
        made = firing()
        real_backend.enqueue([made])
        assert may_answer(begun, LONG)
        begun.cancel()
        # As a worker does that is told to begin nothing more, and gives back what it gets.
        assert ids(claim(real_backend)) == [made.id]

    def test_a_claim_that_was_begun_is_asked_seldom_where_nothing_comes(self, real_backend: Backend) -> None:
        begun = begin(real_backend)
        asked, end = 0, time.monotonic() + 0.5
        while may_answer(begun, end - time.monotonic()):
            assert begun.answer() == []
            asked += 1
            assert asked < 10, "it wakes again and again"
        begun.cancel()

    def test_a_claim_that_was_begun_ends_with_close(
        self,
        processes: None,
        real_backend: Backend,
        tested_class: type[Backend],
        config: BackendConfig,
    ) -> None:
        del processes
        begun = begin(real_backend)
        second = tested_class.open(config)
        while may_answer(begun, 0.0):
            assert begun.answer() == []
        real_backend.close()
        made = firing()
        second.enqueue([made])
        again = ids(until_lent(second, OTHER))
        second.close()
        assert again == [made.id]
        assert may_answer(begun, LONG)
        with pytest.raises(BackendError):
            begun.answer()
        begun.cancel()
