"""Results are read without the bodies of their firings, in one round trip, where handle and store allow that."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any

import pytest
from skunkqueue_memory import MemoryBackend

from skunkqueue import JobHandle, SkunkQueue, State
from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.errors import FiringFailedError, UnknownFiringError, WaitTimeoutError
from skunkqueue.handle import failed
from skunkqueue.listings import Result
from skunkqueue.payload import AttemptState, Failure, decode_body, encode
from skunkqueue.records import Death, Outcome, Record, Verdict
from skunkqueue.serializers import get_serializer
from tests.support.jobs import on
from tests.support.waiting import eventually

declared = SkunkQueue("demo", conn_url="sqlite:////nonexistent/never-opened.db")


@declared.job
def double(number: int) -> int:
    return 2 * number


class Counting(MemoryBackend):
    """Counts how often whole records are read, and results alone."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.read: list[str] = []

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        self.read.append("get")
        return super().get(ids)

    def results(self, ids: Sequence[str]) -> list[Result | None]:
        self.read.append("results")
        return super().results(ids)

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        self.read.append("wait")
        return super().wait_settled(ids, timeout)


@pytest.fixture
def store() -> Counting:
    return Counting(SYSTEM_CLOCK)


@pytest.fixture
def queue(store: Counting) -> Iterator[SkunkQueue]:
    with SkunkQueue("demo", conn_url="sqlite:////nonexistent/never-opened.db") as queue:
        # The example is not installed, so no URL leads to it.
        queue._store.opened, queue._store.pid = store, os.getpid()
        yield queue


def settle(queue: SkunkQueue, count: int, verdict: Verdict = Verdict.COMPLETE, **told: Any) -> None:
    """Play the worker: what it runs returns twice its argument, or fails."""
    for claim in queue.backend.claim("demo", "default", "w", count, 60.0):
        (argument,), _, _ = get_serializer("typed").loads(decode_body(claim.body).steps[0].args, None)
        result = get_serializer("typed").dumps(2 * argument, "it")
        if verdict is not Verdict.COMPLETE:
            result = encode(Failure("ValueError", "no such luck"))
        assert not queue.backend.settle(
            [Outcome(id=claim.id, token=claim.token, verdict=verdict, result=result, **told)]
        )


def test_results_are_read_in_one_round_trip_and_without_bodies(queue: SkunkQueue, store: Counting) -> None:
    job = on(queue, double)
    handles = queue.fire_many(job(number) for number in range(1_000))
    settle(queue, 1_000)

    assert queue.results(handles) == [2 * number for number in range(1_000)]
    assert store.read == ["results"]


def test_many_results_are_read_a_thousand_at_a_time_and_not_waited_for(
    queue: SkunkQueue, store: Counting
) -> None:
    job = on(queue, double)
    handles = queue.fire_many(job(number) for number in range(2_500))
    settle(queue, 2_500)

    assert queue.results(handles) == [2 * number for number in range(2_500)]
    assert store.read == ["results"] * 3


def test_what_is_not_finished_is_waited_for(queue: SkunkQueue, store: Counting) -> None:
    job = on(queue, double)
    handles = queue.fire_many(job(number) for number in range(1_500))
    settle(queue, 1_000)

    with pytest.raises(WaitTimeoutError, match="500 of 1500"):
        queue.results(handles, timeout=0)
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(queue.results, handles, 30)
        eventually(lambda: "wait" in store.read, what="it waits")
        settle(queue, 500)
        assert reading.result(30) == [2 * number for number in range(1_500)]


def test_a_handle_reads_no_body(queue: SkunkQueue, store: Counting) -> None:
    handle = on(queue, double).fire(4)
    assert (handle.state, handle.result) == (State.PENDING, None)
    settle(queue, 1)

    assert (handle.state, handle.result, handle.wait(0)) == (State.COMPLETE, 8, 8)
    assert set(store.read) == {"results"}


def test_a_handle_made_of_an_id_finds_out_how_its_result_is_written(queue: SkunkQueue) -> None:
    handle = queue.handle(on(queue, double).fire(4).id)
    settle(queue, 1)

    assert (handle.result, handle.wait(0), queue.results([handle])) == (8, 8, [8])


def test_failures_are_read_in_one_round_trip_and_without_bodies(queue: SkunkQueue, store: Counting) -> None:
    job = on(queue, double)
    handles = queue.fire_many(job(number) for number in range(1_000))
    settle(queue, 500)
    settle(queue, 500, Verdict.ERROR)

    found = queue.results(handles, errors=True)

    assert found[:500] == [2 * number for number in range(500)]
    failures = [one for one in found[500:] if isinstance(one, FiringFailedError)]
    assert [one.id for one in failures] == [handle.id for handle in handles[500:]]
    assert store.read == ["results"]


def test_a_handle_reads_no_body_of_what_failed(queue: SkunkQueue, store: Counting) -> None:
    handle = on(queue, double).fire(4)
    settle(queue, 1, Verdict.ERROR)

    with pytest.raises(FiringFailedError, match="no such luck"):
        handle.wait(0)
    with pytest.raises(FiringFailedError, match="no such luck"):
        asyncio.run(handle.wait_async(0))
    assert store.read == ["results", "results"]


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.KILLED, Verdict.EXPIRED])
def test_a_failure_says_all_that_its_record_does(queue: SkunkQueue, verdict: Verdict) -> None:
    handle = on(queue, double).fire(4)
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    queue.backend.reap("w", [claim.id], Death(cause="exit", at=0.0, worker="w"))
    settle(queue, 1, verdict, began=0.0, attempt_state=encode(AttemptState(failures=2)))

    (found,) = queue.results([handle], errors=True)

    assert isinstance(found, FiringFailedError)
    assert vars(found) == vars(failed(handle.record(), State(verdict.value)))
    assert (found.job, found.kind, found.message) == (f"{__name__}:double", "ValueError", "no such luck")
    assert found.attempts == 4
    with pytest.raises(FiringFailedError) as raised:
        handle.wait(0)
    assert vars(raised.value) == vars(found)


def test_a_failure_names_its_job_whole_though_listings_cut_it(queue: SkunkQueue, store: Counting) -> None:
    call = reduce(and_, (on(queue, double)(4) for _ in range(20)))
    handle = queue.fire_call(call)
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    queue.backend.settle([Outcome(id=claim.id, token=claim.token, verdict=Verdict.KILLED)])

    (found,) = queue.results([handle], errors=True)

    assert isinstance(found, FiringFailedError)
    assert found.job == " & ".join([f"{__name__}:double"] * 20)
    assert store.read == ["results", "get"]


def test_what_is_gone_is_unknown(queue: SkunkQueue) -> None:
    handle = on(queue, double).fire(4)
    queue.backend.purge("demo")

    with pytest.raises(UnknownFiringError):
        handle.wait(0)
    (found,) = queue.results([handle], errors=True)
    assert isinstance(found, UnknownFiringError)


def test_a_handle_knows_how_the_results_of_a_chain_are_written(plain_queue: SkunkQueue) -> None:
    handle = plain_queue.fire_call(on(plain_queue, double)(4) & on(plain_queue, double)(5))

    assert handle.serializers == ("typed", "typed")
    assert complete(plain_queue, ["eight", "ten"]) == handle.id
    assert handle.result == plain_queue.handle(handle.id).result == ["eight", "ten"]


def test_a_firing_that_another_job_s_key_led_to_is_read_as_that_job_wrote_it(plain_queue: SkunkQueue) -> None:
    chain = (on(plain_queue, double)(4) & on(plain_queue, double)(5)).options(idempotency_key="one")
    first = plain_queue.fire_call(chain)
    second = on(plain_queue, double, idempotency_key="one").fire(6)
    (third,) = plain_queue.fire_many([on(plain_queue, double, idempotency_key="one")(6)])
    complete(plain_queue, ["eight", "ten"])

    assert first.id == second.id == third.id
    assert second.serializers is third.serializers is None
    handles: list[JobHandle[Any]] = [first, second, third]
    assert plain_queue.results(handles) == [["eight", "ten"]] * 3
    assert [one.wait(0) for one in handles[1:]] == [["eight", "ten"]] * 2


@pytest.fixture
def plain_queue(tmp_path: Path) -> Iterator[SkunkQueue]:
    with SkunkQueue("demo", conn_url=tmp_path / "q.db") as queue:
        yield queue


def complete(queue: SkunkQueue, parts: list[object]) -> str:
    """Settle a chain with these results."""
    typed = get_serializer("typed")
    result = typed.dumps([typed.dumps(part, "it") for part in parts], "them")
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    queue.backend.settle([Outcome(id=claim.id, token=claim.token, verdict=Verdict.COMPLETE, result=result)])
    return claim.id


def test_of_several_that_went_wrong_the_first_is_raised(queue: SkunkQueue) -> None:
    """One that is gone is known only after a second reading, and one that failed at the first."""
    gone = queue.handle("f" * 24)
    bad = on(queue, double).fire(2)
    settle(queue, 1, Verdict.ERROR)

    with pytest.raises(UnknownFiringError):
        queue.results([gone, bad])
    with pytest.raises(FiringFailedError):
        queue.results([bad, gone])
