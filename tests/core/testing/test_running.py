"""What ``run_pending`` runs, when, and how: as a worker would, by a clock that the test moves."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from skunkqueue import State, current_job
from skunkqueue.errors import (
    FiringFailedError,
    PolicyError,
    SkunkQueueError,
    TestModeError,
    UnsupportedTypeError,
    WrongTypeError,
)
from skunkqueue.plugins import hookimpl, notify
from skunkqueue.plugins.notify import Notifier
from skunkqueue.records import Claim, Firing, Outcome, Verdict
from skunkqueue.scheduler import TimeScheduler
from skunkqueue.testing import JobStore, advance, as_attempt, diversion, fired, now, run_for, run_pending
from tests.core.testing import shop

pytestmark = pytest.mark.usefixtures("job_store")


def test_what_is_due_is_run_and_its_result_kept() -> None:
    handle = shop.add.fire(4, 5)

    (attempted,) = run_pending(shop.queue)

    assert (attempted.job, attempted.result, attempted.state) == (handle.record().job, 9, State.COMPLETE)
    assert handle.wait(60) == 9
    assert (shop.add.state, shop.add.result) == (State.COMPLETE, 9)


def test_a_result_is_written_and_read_as_by_a_worker() -> None:
    with pytest.raises(UnsupportedTypeError):
        shop.add.fire(object())  # type: ignore[arg-type]  # what the test is about


def test_what_a_job_fires_is_run_too() -> None:
    shop.fire_another.fire(7)

    assert [one.job.rpartition(":")[2] for one in run_pending()] == ["fire_another", "add"]


def test_only_the_queue_that_is_asked_for_is_run() -> None:
    shop.send.fire("ann")
    shop.add.fire(1)

    assert [one.result for one in run_pending(shop.mail)] == ["ann"]
    assert [one.result for one in run_pending()] == [2]


def test_an_async_job_is_run() -> None:
    shop.double.fire(4)

    assert [one.result for one in run_pending()] == [8]


def test_a_class_is_run_with_its_attributes() -> None:
    shop.Report("Sales").fire(2025)

    assert [one.result for one in run_pending()] == ["Sales 2025, attempt 1"]


def test_a_chain_is_run_in_order() -> None:
    (shop.add(1, 2) & shop.double(4) & shop.Report("Tax")(2024)).fire()

    (attempted,) = run_pending()

    assert attempted.result == [3, 8, "Tax 2024, attempt 1"]


def test_many_are_run() -> None:
    handles = shop.queue.fire_many(shop.add(number, 0) for number in range(300))

    run_pending()

    assert shop.queue.results(handles) == list(range(300))


def test_a_delay_is_waited_for_by_the_clock() -> None:
    shop.add.fire_at(timedelta(hours=3), 1)

    assert run_pending() == []
    advance(hours=2, minutes=59)
    assert run_pending() == []
    advance(60)
    assert [one.result for one in run_pending()] == [2]


def test_a_moment_that_has_come_is_due() -> None:
    shop.add.fire_at(datetime.now(timezone.utc), 1)

    assert len(run_pending()) == 1


def test_a_retry_in_an_hour_is_run_an_hour_later() -> None:
    shop.flaky.fire(2)

    (first,) = run_pending()
    early = run_pending()
    advance(hours=1)
    (second,) = run_pending()

    assert (first.verdict, first.again_in, first.error) == (
        Verdict.RETRY,
        timedelta(hours=1),
        "ValueError: not yet",
    )
    assert early == []
    assert (second.attempt, second.result) == (2, 2)


def test_a_snooze_costs_no_attempt() -> None:
    shop.snooze_once.fire()

    (first,) = run_pending()
    advance(timedelta(days=1))
    (second,) = run_pending()

    assert (first.verdict, first.again_in) == (Verdict.SNOOZE, timedelta(days=1))
    assert (second.attempt, second.result) == (1, "done")


def test_what_asks_for_a_retry_gets_it_then() -> None:
    shop.ask_again.fire()

    assert [one.again_in for one in run_pending()] == [timedelta(hours=2)]


def test_run_for_runs_every_retry_at_its_time() -> None:
    shop.flaky.fire(3)
    began = now()

    found = run_for(hours=5)

    assert [one.attempt for one in found] == [1, 2, 3]
    assert now() - began >= timedelta(hours=5)
    assert now() - began < timedelta(hours=6)


def test_run_for_runs_each_run_of_a_schedule() -> None:
    with TimeScheduler(shop.queue, timedelta(hours=3)) as schedule:
        schedule << shop.add(1, 1)

    assert len(run_for(days=1)) in (8, 9)


def test_what_expires_does_not_run() -> None:
    shop.hasty.fire()
    advance(minutes=2)

    assert [one.state for one in run_pending()] == [State.EXPIRED]
    assert shop.RAN == []


def test_a_failure_for_good_is_raised_with_the_jobs_own_exception() -> None:
    shop.fail.fire("nothing there")
    shop.add.fire(1)

    with pytest.raises(FiringFailedError, match="LookupError: nothing there") as raised:
        run_pending()

    assert isinstance(raised.value.__cause__, LookupError)
    assert shop.add.result == 2, "what came after it was run as well"


def test_errors_are_returned_where_the_test_wants_them() -> None:
    shop.fail.fire("nothing there")

    (attempted,) = run_pending(errors=True)

    assert (attempted.state, attempted.error) == (State.ERROR, "LookupError: nothing there")


def test_the_applications_handlers_hear_of_failures() -> None:
    shop.fail.fire("nothing there")

    run_pending(errors=True)

    assert [str(one.exception) for one in shop.HEARD] == ["nothing there"]


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @hookimpl
    def skunkqueue_firing_enqueued(self, firing: Firing) -> None:
        self.heard.append(f"enqueued {firing.id}")

    @hookimpl
    def skunkqueue_firing_settled(self, claim: Claim, outcome: Outcome) -> None:
        self.heard.append(f"{outcome.verdict.value} {claim.id}")


def test_hook_plugins_hear_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    listener, notifier = Listener(), Notifier()
    notifier.add(listener, "listener")
    monkeypatch.setattr(notify, "_default", lambda: SimpleNamespace(notifier=notifier))

    handle = shop.add.fire(1)
    run_pending()

    assert listener.heard == [f"enqueued {handle.id}", f"complete {handle.id}"]


def test_it_works_while_an_event_loop_runs() -> None:
    async def test() -> int | None:
        handle = shop.double.fire(4)
        run_pending()
        return handle.result

    assert asyncio.run(test()) == 8


def test_awaiting_what_nobody_runs_is_refused_at_once() -> None:
    async def test() -> None:
        await (await shop.add.fire_async(1)).wait_async(60)

    with pytest.raises(TestModeError, match=r"call run_pending\(\) before"):
        asyncio.run(test())


def test_eager_runs_what_an_event_loop_fires(job_store: JobStore) -> None:
    async def test() -> tuple[int, int]:
        return await (await shop.add.fire_async(4, 5)), await (await shop.double.fire_async(4))

    with job_store.eager():
        assert asyncio.run(test()) == (9, 8)


def test_an_async_job_may_await_another_on_its_route() -> None:
    shop.await_another.fire()

    assert sorted(one.result for one in run_pending()) == [8, 8]


def test_an_async_job_that_awaits_another_route_is_told(job_store: JobStore) -> None:
    job_store.backend.patience = 0.1
    shop.await_another_route.fire()

    assert "is waited for and does not begin" in (run_pending(errors=True)[0].error or "")


def test_a_thread_may_wait_for_what_another_runs() -> None:
    handle = shop.hold_on.fire()
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(run_pending)
        assert shop.BEGUN.wait(60)
        waiting = pool.submit(handle.wait, 60)
        shop.GO_ON.set()

        assert waiting.result(60) == "held on"
        assert len(running.result(60)) == 1


def test_eager_threads_do_not_wait_for_each_other_for_ever(job_store: JobStore) -> None:
    with job_store.eager(), ThreadPoolExecutor(4) as pool:
        handles = list(pool.map(shop.add.fire, range(40)))

        assert [one.state for one in handles] == [State.COMPLETE] * 40


def test_what_a_jobs_own_thread_fires_is_run_when_the_job_has_ended(job_store: JobStore) -> None:
    with job_store.eager():
        handle = shop.fire_from_a_thread.fire()

    assert shop.queue.handle(str(handle.result)).state is State.COMPLETE


def test_a_time_limit_holds() -> None:
    shop.hang.fire()

    assert [one.error for one in run_pending(errors=True)] == [
        "JobTimeoutError: the job ran longer than its timeout of 0.05 s"
    ]


def test_a_tests_own_failure_within_a_job_fails_the_test() -> None:
    shop.give_up.fire()

    with pytest.raises(FiringFailedError, match="from within a job"):
        run_pending()


def test_a_paused_route_is_not_run() -> None:
    shop.add.fire(1)
    shop.queue.backend.pause("shop", "default")

    assert run_pending() == []
    shop.queue.backend.resume("shop", "default")
    assert len(run_pending()) == 1


def test_a_broadcast_reaches_one_worker_on_each_route() -> None:
    handle = shop.tell.fire("hello")

    assert [one.result for one in run_pending()] == ["hello", "hello"]
    assert [copy.record().route for copy in handle.copies] == ["a", "b"]
    shop.tell.fire("again")
    assert len(run_pending()) == 2


def test_a_broadcast_for_later_reaches_them_as_well(job_store: JobStore) -> None:
    shop.tell.fire("now")
    shop.tell.fire_at(timedelta(days=1), "later")
    run_pending()
    advance(days=1)
    job_store.backend.sweep()

    assert [one.result for one in run_pending()] == ["later", "later"]


def test_what_fires_itself_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversion, "MOST", 20)
    shop.fire_itself.fire()

    with pytest.raises(TestModeError, match=r"20 attempts were made and more is due, such as .*:fire_itself"):
        run_pending()


def test_waiting_for_what_nobody_runs_is_refused_at_once() -> None:
    handle = shop.add.fire(1)

    with pytest.raises(TestModeError, match=rf"firing {handle.id} .* call run_pending\(\) before"):
        handle.wait(60)
    with pytest.raises(TestModeError, match=r"call run_pending\(\) before"):
        shop.queue.results([handle], timeout=60)


def test_a_job_that_waits_for_another_is_told() -> None:
    shop.wait_for_another.fire()

    attempted = run_pending(errors=True)[0]

    assert "a job waits for firing" in (attempted.error or "")


def test_the_clock_is_not_moved_by_a_job() -> None:
    shop.advance_the_clock.fire()

    with pytest.raises(FiringFailedError, match=r"advance\(\) is called by a job"):
        run_pending()


def test_after_a_run_the_test_is_not_a_job() -> None:
    shop.add.fire(1)
    run_pending()

    with pytest.raises(SkunkQueueError, match="outside of a job"):
        current_job()


@pytest.mark.parametrize("span", [-1, float("nan"), 1e12])
def test_time_is_moved_by_a_length_of_time(span: float) -> None:
    with pytest.raises(PolicyError, match="the hours of advance must be between 0"):
        advance(hours=span)


def test_a_queue_is_named_by_itself() -> None:
    with pytest.raises(WrongTypeError, match=r"run_pending\('shop'\): give the SkunkQueue"):
        run_pending("shop")  # type: ignore[arg-type]  # what the test is about


# --- eager ------------------------------------------------------------------------------------------


def test_eager_runs_before_fire_returns(job_store: JobStore) -> None:
    with job_store.eager():
        assert shop.add.fire(4, 5).result == 9
        assert shop.double.fire(4).wait(60) == 8
        assert shop.Report("Tax").fire(2024).result == "Tax 2024, attempt 1"

    assert shop.add.fire(1).state is State.PENDING


def test_eager_runs_what_a_job_fires_after_it(job_store: JobStore) -> None:
    with job_store.eager():
        handle = shop.fire_another.fire(7)

    assert shop.queue.handle(str(handle.result)).result == 7


def test_eager_raises_a_failure_out_of_fire(job_store: JobStore) -> None:
    with job_store.eager(), pytest.raises(FiringFailedError, match="nothing there"):
        shop.fail.fire("nothing there")


def test_eager_keeps_a_failure_where_the_test_wants_it(job_store: JobStore) -> None:
    with job_store.eager(errors=True):
        assert shop.fail.fire("nothing there").state is State.ERROR


def test_eager_leaves_what_is_not_due(job_store: JobStore) -> None:
    with job_store.eager():
        handle = shop.add.fire_at(60, 1)
        assert handle.state is State.PENDING


# --- current_job ------------------------------------------------------------------------------------


def test_a_job_whose_work_is_called_knows_itself() -> None:
    assert shop.flaky.work(1) == 1
    assert shop.Report("Tax").work(2024) == "Tax 2024, attempt 1"


def test_a_test_says_which_attempt_it_is() -> None:
    with as_attempt(3):
        assert shop.flaky.work(3) == 3
    with pytest.raises(ValueError, match="not yet"):
        shop.flaky.work(3)


def test_outside_of_a_job_there_is_none() -> None:
    with pytest.raises(SkunkQueueError, match="outside of a job"):
        current_job()


@pytest.mark.parametrize("attempt", [0, True, "2"])
def test_an_attempt_is_a_number(attempt: int) -> None:
    with pytest.raises(TestModeError, match="give the number of an attempt"), as_attempt(attempt):
        pass


# --- Ctrl-C -----------------------------------------------------------------------------------------


@pytest.fixture
def python_hears_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("python_hears_ctrl_c")
def test_ctrl_c_in_a_job_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pressing(list[object]):
        def append(self, _: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(shop, "RAN", Pressing())
    shop.add.fire(1)
    shop.tell.fire("other route")

    with pytest.raises(KeyboardInterrupt):
        run_pending()
    assert len(fired()) == 3
