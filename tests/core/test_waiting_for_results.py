"""Waiting for the results of many firings at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from skunkqueue import JobHandle, SkunkQueue
from skunkqueue.errors import FiringFailedError, PayloadError, UnknownFiringError, WaitTimeoutError
from skunkqueue.payload import Failure, encode
from skunkqueue.records import Claim, Outcome, Verdict
from skunkqueue.serializers import get_serializer
from tests.support.jobs import on

declared = SkunkQueue("demo", conn_url="sqlite:////nonexistent/never-opened.db")


@declared.job
def double(number: int) -> int:
    return 2 * number


def fire(queue: SkunkQueue, count: int) -> list[JobHandle[Any]]:
    job = on(queue, double)
    return queue.fire_many(job(number) for number in range(count))


def claimed(queue: SkunkQueue, count: int) -> list[Claim]:
    return queue.backend.claim("demo", "default", "w", count, 60.0)


def complete(queue: SkunkQueue, claims: list[Claim], value: int) -> None:
    result = get_serializer("typed").dumps(value, "it")
    queue.backend.settle(
        [Outcome(id=claim.id, token=claim.token, verdict=Verdict.COMPLETE, result=result) for claim in claims]
    )


def fail(queue: SkunkQueue, claim: Claim) -> None:
    result = encode(Failure("ValueError", "no such luck"))
    queue.backend.settle([Outcome(id=claim.id, token=claim.token, verdict=Verdict.ERROR, result=result)])


def test_results_come_in_the_order_of_the_handles(queue: SkunkQueue) -> None:
    handles = fire(queue, 3)
    for value, claim in enumerate(reversed(claimed(queue, 3))):
        complete(queue, [claim], value)

    assert queue.results(handles) == [2, 1, 0]
    assert queue.results(reversed(handles)) == [0, 1, 2]


def test_more_than_a_page_is_gathered(queue: SkunkQueue) -> None:
    handles = fire(queue, 2_500)
    complete(queue, claimed(queue, 2_500), 7)

    assert queue.results(handles) == [7] * 2_500


def test_gathering_waits_for_what_is_not_finished(queue: SkunkQueue) -> None:
    handles = fire(queue, 2)
    first, second = claimed(queue, 2)
    complete(queue, [second], 2)
    with ThreadPoolExecutor(1) as threads:
        gathered = threads.submit(queue.results, handles, 20.0)
        complete(queue, [first], 1)

        assert gathered.result() == [1, 2]


def test_one_handle_twice_is_answered_twice(queue: SkunkQueue) -> None:
    (handle,) = fire(queue, 1)
    complete(queue, claimed(queue, 1), 5)

    assert queue.results([handle, handle]) == [5, 5]


def test_nothing_is_gathered_from_nothing(queue: SkunkQueue) -> None:
    assert queue.results([]) == []


def test_a_failure_is_raised_though_others_are_not_finished(queue: SkunkQueue) -> None:
    handles = fire(queue, 2)
    fail(queue, claimed(queue, 1)[0])

    with pytest.raises(FiringFailedError, match=f"{handles[0].id} .*no such luck"):
        queue.results(handles)


def test_a_failure_takes_its_results_place_where_errors_are_asked_for(queue: SkunkQueue) -> None:
    handles = fire(queue, 2)
    first, second = claimed(queue, 2)
    fail(queue, first)
    complete(queue, [second], 2)

    error, value = queue.results(handles, errors=True)

    assert isinstance(error, FiringFailedError)
    assert (error.id, error.kind, error.message) == (handles[0].id, "ValueError", "no such luck")
    assert value == 2


def test_what_cannot_be_read_takes_its_results_place_as_well(queue: SkunkQueue) -> None:
    fine, damaged = fire(queue, 2)
    first, second = claimed(queue, 2)
    complete(queue, [first], 1)
    queue.backend.settle(
        [Outcome(id=second.id, token=second.token, verdict=Verdict.COMPLETE, result=b"\xc1")]
    )
    missing = queue.handle("0" * 24)

    value, unreadable, unknown = queue.results([fine, damaged, missing], errors=True)

    assert value == 1
    assert isinstance(unreadable, PayloadError)
    assert isinstance(unknown, UnknownFiringError)


def test_an_exception_that_a_job_returns_is_a_result(
    queue: SkunkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKUNKQUEUE_SECRET", "a secret that is long enough")
    handle = on(queue, double).options(serializer="pickle").fire(1)
    (claim,) = claimed(queue, 1)
    result = get_serializer("pickle").dumps(ValueError("returned"), "it")
    queue.backend.settle([Outcome(id=claim.id, token=claim.token, verdict=Verdict.COMPLETE, result=result)])

    assert repr(queue.results([handle])[0]) == "ValueError('returned')"


def test_what_was_purged_is_unknown(queue: SkunkQueue) -> None:
    handles = fire(queue, 1)
    queue.backend.purge("demo")

    with pytest.raises(UnknownFiringError, match=handles[0].id):
        queue.results(handles)


def test_patience_that_is_over_says_how_many_are_left(queue: SkunkQueue) -> None:
    handles = fire(queue, 3)
    complete(queue, claimed(queue, 1), 1)

    with pytest.raises(WaitTimeoutError, match=f"2 of 3 firings .* {handles[1].id}"):
        queue.results(handles, timeout=0.01)
