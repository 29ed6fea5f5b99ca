"""Firing and waiting from an event loop, which is never blocked by it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skunkqueue import JobMixin, SkunkQueue
from skunkqueue.asynchronous import side_of
from skunkqueue.errors import (
    ArgumentsError,
    BackendError,
    FiringFailedError,
    SkunkQueueError,
    WaitTimeoutError,
    WrongTypeError,
)
from skunkqueue.handle import JobHandle
from skunkqueue.payload import Failure, encode
from skunkqueue.records import Claim, Outcome, State, Verdict
from skunkqueue.serializers import get_serializer
from tests.support.waiting import eventually, pause

queue = SkunkQueue("async-firing", conn_url="sqlite:///:memory:")
PATIENCE = 60.0


@queue.job
def add(first: int, second: int) -> int:
    return first + second


@queue.job(expires=0.2)
def hurry() -> int:
    return 1


@queue.job
class Report(JobMixin):
    """A job that is a class."""

    def work(self, year: int) -> int:
        return year


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the queue of the jobs a store of the test's own."""
    path = tmp_path / "jobs.db"
    own = SkunkQueue("async-firing", conn_url=f"sqlite:///{path}")
    monkeypatch.setattr(queue, "_store", own._store)
    yield path
    queue.close()


def claims(number: int = 1) -> list[Claim]:
    return queue.backend.claim("async-firing", "default", "worker", number, 60.0)


def complete(*done: Claim, value: int = 9) -> None:
    result = get_serializer("typed").dumps(value, "a result")
    queue.backend.settle(
        [Outcome(id=one.id, token=one.token, verdict=Verdict.COMPLETE, result=result) for one in done]
    )


def fail(claim: Claim) -> None:
    failure = Failure("ValueError", "bad")
    outcome = Outcome(
        id=claim.id, token=claim.token, verdict=Verdict.ERROR, result=encode(failure), error=failure.line
    )
    queue.backend.settle([outcome])


async def all_awaited(number: int) -> None:
    """Return once so many firings are waited for."""
    side = side_of(queue)
    while len(side._awaited) < number:  # noqa: ASYNC110 - what it waits for is not told
        await asyncio.sleep(0.001)


def test_each_kind_of_call_is_fired() -> None:
    async def fire() -> list[JobHandle[Any]]:
        return [
            await add.fire_async(1, 2),
            await add.fire_at_async(60, 1, 2),
            await add(1, 2).fire_async(),
            await (add(1, 2) & add(3, 4)).fire_async(),
            await Report().fire_async(2025),
            await Report().fire_at_async(60, 2025),
            *await queue.fire_many_async(add(n, n) for n in range(3)),
        ]

    handles = asyncio.run(fire())

    assert len({handle.id for handle in handles}) == 9
    assert {handle.state for handle in handles} == {State.PENDING}


def test_the_loop_goes_on_while_the_store_does_not_answer(store: Path) -> None:
    queue.backend.now()
    other = sqlite3.connect(store, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")

    async def fire() -> int:
        fired = asyncio.ensure_future(add.fire_async(1, 2))
        turns = 0
        while turns < 1_000 and not fired.done():
            await asyncio.sleep(0)
            turns += 1
        assert not fired.done()
        await asyncio.get_running_loop().run_in_executor(None, other.execute, "ROLLBACK")
        await fired
        return turns

    assert asyncio.run(fire()) == 1_000
    other.close()


def test_a_handle_is_awaited_for_its_result() -> None:
    async def ask() -> int:
        handle = await add.fire_async(4, 5)
        waiting = asyncio.ensure_future(handle.wait_async())
        await asyncio.get_running_loop().run_in_executor(None, lambda: complete(*claims()))
        return await waiting + await handle

    assert asyncio.run(ask()) == 18


def test_a_failure_is_raised_where_it_is_awaited() -> None:
    async def ask() -> None:
        handle = await add.fire_async(4, 5)
        fail(*claims())
        await handle

    with pytest.raises(FiringFailedError, match="ValueError: bad"):
        asyncio.run(ask())


def test_a_wait_ends_in_time() -> None:
    async def ask() -> None:
        await (await add.fire_async(4, 5)).wait_async(0.01)

    with pytest.raises(WaitTimeoutError, match=r"is still pending after .* no worker listens"):
        asyncio.run(ask())


def test_what_expires_while_it_is_awaited_is_noticed() -> None:
    async def ask() -> None:
        await (await hurry.fire_async()).wait_async(PATIENCE)

    with pytest.raises(FiringFailedError, match="is expired"):
        asyncio.run(ask())


def test_many_are_awaited_at_the_same_time_by_few_threads() -> None:
    number = 2_500

    async def ask() -> list[int]:
        handles = await queue.fire_many_async(add(n, n) for n in range(number))
        together = asyncio.gather(*(handle.wait_async(PATIENCE) for handle in handles))
        await all_awaited(number)
        threads = [one for one in threading.enumerate() if one.name.startswith("skunkqueue-await")]
        assert len(threads) <= 4

        def work() -> None:
            while lent := claims(500):
                complete(*lent)

        await asyncio.get_running_loop().run_in_executor(None, work)
        return await together

    assert asyncio.run(ask()) == [9] * number
    eventually(lambda: side_of(queue)._threads == 0, PATIENCE)


def test_a_wait_that_is_cancelled_leaves_nothing() -> None:
    async def ask() -> None:
        handle = await add.fire_async(4, 5)
        waiting = asyncio.ensure_future(handle.wait_async())
        await all_awaited(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not side_of(queue)._awaited
        complete(*claims())

    asyncio.run(ask())
    eventually(lambda: side_of(queue)._threads == 0, PATIENCE)


def test_a_store_that_fails_is_told_to_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> list[object]:
        handles = await queue.fire_many_async(add(n, n) for n in range(3))

        def broken(_ids: object, _timeout: float) -> list[str]:
            raise BackendError("it is gone")

        monkeypatch.setattr(queue.backend, "wait_settled", broken)
        told: list[object] = await asyncio.gather(*handles, return_exceptions=True)
        return told

    assert {str(error) for error in asyncio.run(ask())} == {"it is gone"}


def test_what_else_a_store_raises_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> object:
        handle = await add.fire_async(1, 2)

        def broken(_ids: object, _timeout: float) -> list[str]:
            raise LookupError("a fault of the store's")

        monkeypatch.setattr(queue.backend, "wait_settled", broken)
        (told,) = await asyncio.gather(handle, return_exceptions=True)
        return told

    assert isinstance(asyncio.run(ask()), LookupError)
    eventually(lambda: side_of(queue)._threads == 0, PATIENCE)


def test_threads_that_cannot_be_started_are_told_to_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def ask() -> list[object]:
        handles = await queue.fire_many_async(add(n, n) for n in range(3))
        # Its own threads are there by now.
        await asyncio.gather(*(side_of(queue).call(pause, 0.01) for _ in range(4)))
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            told: list[object] = await asyncio.gather(*handles, return_exceptions=True)
        complete(*claims(3))
        return [*told, *await asyncio.gather(*handles)]

    *told, first, second, third = asyncio.run(ask())
    assert {str(error) for error in told} == {"can't start new thread"}
    assert (first, second, third) == (9, 9, 9)


def test_what_is_awaited_while_all_threads_wait_is_told_at_once() -> None:
    async def ask() -> tuple[int, set[float]]:
        handles = await queue.fire_many_async(add(n, n) for n in range(6))
        waiting = []
        for number, handle in enumerate(handles, 1):
            waiting.append(asyncio.ensure_future(handle.wait_async()))
            await all_awaited(number)
        *_, last = claims(6)
        slices: set[float] = set()
        real = queue.backend.wait_settled

        def seen(ids: list[str], timeout: float) -> list[str]:
            if last.id in ids:
                slices.add(timeout)
            return real(ids, timeout)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(queue.backend, "wait_settled", seen)
            while not slices:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)
            complete(last)
            value = await waiting[-1]
        for one in waiting:
            one.cancel()
        return value, slices

    value, slices = asyncio.run(ask())
    assert value == 9
    assert max(slices) < 1.0


def test_what_nobody_waits_for_any_more_is_let_go_with_its_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skunkqueue.asynchronous._SLICE", 0.05)
    loop = asyncio.new_event_loop()
    handle = add.fire(1, 2)
    waiting = loop.create_task(handle.wait_async())
    loop.run_until_complete(all_awaited(1))
    loop.close()

    eventually(lambda: side_of(queue)._threads == 0, PATIENCE)
    assert not side_of(queue)._awaited
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]  # that it never ends is the point


def test_results_come_in_order_each_as_soon_as_it_can() -> None:
    async def ask() -> list[int]:
        handles = await queue.fire_many_async(add(n, n) for n in range(3))
        first, second, third = claims(3)
        complete(second, value=2)
        complete(first, value=1)
        found = []
        async for result in queue.results_async(handles, PATIENCE):
            found.append(result)
            if len(found) == 2:
                complete(third, value=3)
        return found

    assert asyncio.run(ask()) == [1, 2, 3]


def test_all_results_are_awaited_together() -> None:
    async def ask() -> list[int]:
        handles = await queue.fire_many_async(add(n, n) for n in range(1_500))
        while lent := claims(500):
            complete(*lent)
        return await queue.results_async(handles)

    assert asyncio.run(ask()) == [9] * 1_500


def test_results_stop_at_a_failure_or_give_it_in_its_place() -> None:
    async def ask(*, errors: bool) -> list[object]:
        handles = await queue.fire_many_async(add(n, n) for n in range(3))
        first, second, third = claims(3)
        complete(first, third)
        fail(second)
        found: list[object] = []
        try:
            async for result in queue.results_async(handles, errors=errors):
                found.append(result)  # noqa: PERF401 - what came before a failure counts
        except FiringFailedError:
            found.append("failed")
        return found

    assert asyncio.run(ask(errors=False)) == [9, "failed"]
    first, second, third = asyncio.run(ask(errors=True))
    assert (first, type(second), third) == (9, FiringFailedError, 9)


def test_results_that_do_not_come_end_in_time() -> None:
    async def ask() -> None:
        await queue.results_async([await add.fire_async(1, 2)], 0.01)

    with pytest.raises(WaitTimeoutError, match="0 of 1 results came"):
        asyncio.run(ask())


def test_without_a_loop_it_is_refused_with_the_way_out() -> None:
    with pytest.raises(SkunkQueueError, match=r"fire_async.*add.* no event loop runs: use fire\(...\) here"):
        add.fire_async(1, 2)  # type: ignore[unused-coroutine]  # it is refused
    with pytest.raises(SkunkQueueError, match=r"use fire_many\(...\) here"):
        queue.fire_many_async([add(1, 2)])  # type: ignore[unused-coroutine]  # as above


def test_wrong_arguments_and_handles_are_refused() -> None:
    async def ask() -> None:
        with pytest.raises(ArgumentsError, match="'second' is missing"):
            await add.fire_async(1)  # type: ignore[call-arg]  # it is refused
        with pytest.raises(WrongTypeError, match=r"give queue\.handle\(id\)"):
            queue.results_async(["an id"])  # type: ignore[arg-type]  # as above

    asyncio.run(ask())


def test_one_queue_serves_several_loops() -> None:
    def one() -> None:
        async def ask() -> None:
            await (await add.fire_async(1, 2)).wait_async(PATIENCE)

        asyncio.run(ask())

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    done = 0
    while done < 3:
        lent = claims(3)
        complete(*lent)
        done += len(lent)
        pause(0.005)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
