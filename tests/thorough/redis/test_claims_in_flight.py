"""Claims that are sent before they are wanted: along with a wait, or while others run."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    counts,
    firing,
    firings,
    ids,
    outcome,
    read,
)
from skunkqueue.records import State, Verdict
from tests.redis.opening import Line
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

LONG = 30.0


def test_claims_asked_for_ahead_are_lent_before_anybody_reads_them(line: Line) -> None:
    made = firings(3)
    line.near.enqueue(made)
    # A server that does not know the script yet is asked again, when the answer is read.
    assert claim(line.near, route="another") == []

    answer = line.near.claim_ahead(QUEUE, ROUTE, WORKER, 2, LEASE)

    eventually(lambda: counts(line.near) == {State.PENDING: 1, State.RUNNING: 2})
    assert answer is not None
    lent = answer()
    assert ids(lent) == ids(made[:2])
    assert line.near.settle([outcome(one) for one in lent]) == []


@pytest.mark.parametrize("fault", ["swallow_reply", "lose_request"])
def test_an_answer_that_is_lost_comes_again_and_holds_nothing_twice(line: Line, fault: str) -> None:
    made = firings(3)
    line.near.enqueue(made)
    getattr(line.proxy, fault)()

    answer = line.far.claim_ahead(QUEUE, ROUTE, WORKER, 2, LEASE)

    assert answer is not None
    assert ids(answer()) == ids(made[:2])
    assert counts(line.near) == {State.PENDING: 1, State.RUNNING: 2}


def test_asking_ahead_of_a_server_that_forgot_its_scripts_is_answered(
    line: Line, server: RedisServer
) -> None:
    made = firing()
    line.near.enqueue([made])
    server.client().script_flush()

    answer = line.near.claim_ahead(QUEUE, ROUTE, WORKER, 2, LEASE)

    assert answer is not None
    assert ids(answer()) == [made.id]


def test_a_wait_that_is_cut_off_holds_nothing(line: Line) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(line.far.claim_next, QUEUE, ROUTE, WORKER, 1, LEASE, timeout=LONG)
        threading.Event().wait(0.1)
        line.far.close()
        assert waiting.result(LONG) == []
    made = firing()
    line.near.enqueue([made])

    assert ids(claim(line.near, worker=OTHER)) == [made.id]


def test_what_the_last_wait_was_lent_goes_back_at_close(line: Line) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(line.far.claim_next, QUEUE, ROUTE, WORKER, 2, LEASE, timeout=LONG)
        threading.Event().wait(0.1)
        again = firings(2)
        line.near.enqueue(again)
        lent = ids(waiting.result(LONG))
    assert lent == ids(again)

    line.far.close()

    assert counts(line.near) == {State.PENDING: 2}
    assert [read(line.near, id_).deaths for id_ in lent] == [0, 0]
    assert ids(claim(line.near, 2, worker=OTHER)) == lent


def test_what_was_tried_before_goes_back_at_close_too(line: Line) -> None:
    tried = claimed(line.near, worker=OTHER)
    line.near.settle([outcome(tried, Verdict.RETRY)])
    assert ids(line.far.claim_next(QUEUE, ROUTE, WORKER, 1, LEASE, timeout=LONG)) == [tried.id]

    line.far.close()

    assert counts(line.near) == {State.PENDING: 1}
    assert read(line.near, tried.id).deaths == 0


def test_what_a_cancelled_wait_was_lent_goes_back_at_once(line: Line) -> None:
    awaited = line.far.begin_claim(QUEUE, ROUTE, WORKER, 1, LEASE)
    assert awaited is not None
    while awaited.fileno() < 0:
        assert awaited.answer() == []
    made = firing()
    line.near.enqueue([made])
    eventually(lambda: counts(line.near) == {State.RUNNING: 1})

    awaited.cancel()

    assert counts(line.near) == {State.PENDING: 1}
    assert read(line.near, made.id).deaths == 0
    assert ids(claim(line.near, worker=OTHER)) == [made.id]


def test_a_wake_up_that_went_to_a_cancelled_wait_is_passed_on(line: Line, server: RedisServer) -> None:
    tried = claimed(line.near, worker="first")
    # Takes the wake-up of that firing.
    assert line.near.wait(QUEUE, ROUTE, OTHER, LONG)
    awaited = line.far.begin_claim(QUEUE, ROUTE, WORKER, 1, LEASE)
    assert awaited is not None
    while awaited.fileno() < 0:
        assert awaited.answer() == []
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(line.near.claim_next, QUEUE, ROUTE, OTHER, 1, LEASE, timeout=LONG)
        eventually(lambda: server.info("clients")["blocked_clients"] == 2)
        line.near.settle([outcome(tried, Verdict.RETRY)])
        awaited.cancel()

        line.far.close()

        # Without a wake-up it looks again after 15 s.
        assert ids(waiting.result(10.0)) == [tried.id]


def test_what_the_last_wait_was_lent_and_is_settled_stays_so(line: Line) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(line.far.claim_next, QUEUE, ROUTE, WORKER, 1, LEASE, timeout=LONG)
        threading.Event().wait(0.1)
        line.near.enqueue([firing()])
        (lent,) = waiting.result(LONG)
    line.far.settle([outcome(lent)])

    line.far.close()

    assert counts(line.near) == {State.COMPLETE: 1}
