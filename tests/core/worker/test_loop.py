"""The loop as a whole: what becomes of firings, by a worker in this process and a virtual clock."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from skunkqueue import JobHandle, SkunkQueueError, current_job
from skunkqueue.call import Call, Chain
from skunkqueue.errors import BackendUnavailableError, FiringFailedError
from skunkqueue.job import Job
from skunkqueue.payload import Body, Step, decode_progress, encode
from skunkqueue.plugins import hookimpl
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.records import MAX_RUNNING, Claim, ClaimRef, Outcome, State, Verdict, WorkerRecord
from skunkqueue.serializers import get_serializer
from skunkqueue.worker.attempt import Attempt
from skunkqueue.worker.judge.evidence import read_evidence
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import Bench, with_rules
from tests.core.worker.test_settler import Faulty, as_backend
from tests.support.waiting import eventually


def test_a_result_is_stored(bench: Bench) -> None:
    firing = bench.fire(jobs.add(4, 5))

    assert bench.work() is Ending.FINISHED
    assert bench.result(firing) == 9


def test_a_thousand_firings_are_each_run_once_in_order(bench: Bench) -> None:
    firings = [bench.fire(jobs.add(number, 0)) for number in range(1000)]

    bench.work()

    assert [(number, 0) for number in range(1000)] == jobs.RAN
    assert [bench.result(firing) for firing in firings] == list(range(1000))


def test_after_a_job_no_job_runs(bench: Bench) -> None:
    bench.fire(jobs.tell())

    bench.work()

    with pytest.raises(SkunkQueueError, match="outside of a job"):
        current_job()


def test_after_a_step_that_follows_an_async_one_no_job_runs(bench: Bench) -> None:
    bench.fire(jobs.double(1) & jobs.tell())
    worker = bench.worker()

    worker.run()

    assert worker._services.scoreboard.running() == []
    with pytest.raises(SkunkQueueError, match="outside of a job"):
        current_job()


def test_a_class_gets_its_attributes_back(bench: Bench) -> None:
    firing = bench.fire(jobs.Greet("hello")("Ian"))

    bench.work()

    assert bench.result(firing) == "hello Ian"


def test_a_job_knows_itself(bench: Bench) -> None:
    firing = bench.fire(jobs.tell())

    bench.work()

    name = "tests.core.worker.jobs_of_tests:tell"
    assert bench.result(firing) == [firing, 1, "shop", "default", name]


def test_a_failure_is_retried_when_its_backoff_says(bench: Bench) -> None:
    firing = bench.fire(jobs.fail(2))
    due = []
    for _ in range(2):
        bench.work()
        due.append(bench.record(firing).due - bench.backend.now())
        bench.pass_time(due[-1])
    bench.work()

    assert due == pytest.approx([10, 20])
    assert bench.result(firing) == 3
    assert [(one.number, one.verdict) for one in bench.attempt_state(firing).history] == [
        (1, "retry"),
        (2, "retry"),
    ]


def test_the_last_failure_is_an_error_with_its_traceback(bench: Bench) -> None:
    firing = bench.fire(jobs.fail(9))
    for _ in range(4):
        bench.work()
        bench.pass_time(100)

    failure = bench.failure(firing)

    assert jobs.RAN == [1, 2, 3, 4]
    assert (failure.kind, failure.message) == ("ValueError", "not yet")
    assert 'raise ValueError("not yet")' in failure.traceback
    assert "execute.py" not in failure.traceback


@pytest.mark.parametrize(
    ("kind", "retried"), [("os", True), ("file", False), ("value", False), ("exit", False)]
)
def test_retry_on_and_give_up_on_choose_what_is_retried(bench: Bench, kind: str, *, retried: bool) -> None:
    firing = bench.fire(jobs.choosy(kind))

    bench.work()

    assert bench.state(firing) is (State.PENDING if retried else State.ERROR)


def test_retry_says_when(bench: Bench) -> None:
    firing = bench.fire(jobs.ask_again(7.0))

    bench.work()
    left = bench.record(firing).due - bench.backend.now()
    bench.pass_time(left)
    bench.work()

    assert left == pytest.approx(7.0)
    assert bench.result(firing) == 2


def test_retry_after_the_last_attempt_fails_with_its_cause(bench: Bench) -> None:
    firing = bench.fire(jobs.always_ask_again())

    bench.work()
    bench.work()

    assert bench.failure(firing).message == "the cause"


def test_a_snooze_uses_up_no_attempt(bench: Bench) -> None:
    firing = bench.fire(jobs.snooze(5.0))
    for _ in range(3):
        bench.work()
        bench.pass_time(5.0)

    assert bench.result(firing) == 1
    assert bench.attempt_state(firing).snoozes == 2


def test_a_backoff_that_fails_is_an_error_that_says_so(bench: Bench) -> None:
    firing = bench.fire(jobs.bad_backoff())

    bench.work()

    assert bench.failure(firing).kind == "ZeroDivisionError"
    assert "first" in bench.failure(firing).traceback


def test_an_exception_that_cannot_be_shown_is_an_error_all_the_same(bench: Bench) -> None:
    firing = bench.fire(jobs.speechless())

    bench.work()

    assert bench.failure(firing).kind.endswith("BadReprError")


def test_a_result_that_is_too_large_is_an_error(bench: Bench) -> None:
    firing = bench.fire(jobs.big(2000))

    bench.work(max_payload=1000)

    assert bench.failure(firing).kind == "PayloadTooLargeError"


def test_what_expired_does_not_run(bench: Bench) -> None:
    firing = bench.fire(jobs.add(1, 2), expires_in=5.0)
    bench.pass_time(6.0)

    bench.work()

    assert bench.state(firing) is State.EXPIRED
    assert jobs.RAN == []


def test_what_began_before_it_expired_is_retried(bench: Bench) -> None:
    firing = bench.fire(jobs.fail(1), expires_in=5.0)
    bench.work()
    bench.pass_time(10.0)

    bench.work()

    assert bench.result(firing) == 2


def test_a_chain_gives_the_results_of_its_steps(bench: Bench) -> None:
    firing = bench.fire(jobs.add(1, 2) & jobs.double(5) & jobs.add(3, 4))

    bench.work()

    parts = bench.result(firing)
    assert [get_serializer("typed").loads(part, None) for part in parts] == [3, 10, 7]


def test_a_chain_is_retried_from_the_step_that_failed(bench: Bench) -> None:
    firing = bench.fire(jobs.add(1, 2) & jobs.third_time() & jobs.add(3, 4))
    for _ in range(3):
        bench.work()
        bench.pass_time(0.01)

    assert bench.state(firing) is State.COMPLETE
    assert jobs.RAN == [(1, 2), "third_time", "third_time", "third_time", (3, 4)]


def test_a_chain_ends_with_the_step_that_fails_for_good(bench: Bench) -> None:
    firing = bench.fire(jobs.unstorable() & jobs.add(3, 4))

    bench.work()

    assert bench.failure(firing).kind == "UnsupportedTypeError"
    assert jobs.RAN == []


def test_a_chain_whose_store_is_out_of_step_runs_on_where_it_was(bench: Bench) -> None:
    firing = bench.fire(jobs.add(1, 2) & jobs.fail(1))
    bench.work()

    assert len(bench.attempt_state(firing).done) == 1
    assert bench.state(firing) is State.PENDING


def test_async_jobs_run_and_know_themselves(bench: Bench) -> None:
    firings = [bench.fire(jobs.double(number)) for number in range(50)]
    telling = bench.fire(jobs.tell_async())

    bench.work(concurrency=4)

    assert [bench.result(firing) for firing in firings] == [2 * number for number in range(50)]
    assert bench.result(telling) == [telling, 1]


def test_a_worker_that_runs_very_many_says_how_many_it_does_not_list(bench: Bench) -> None:
    count = MAX_RUNNING + 3
    worker = bench.worker(concurrency=count)
    seen: set[tuple[int, int]] = set()

    def all_run() -> bool:
        record = worker.heartbeat.describe()
        seen.add((len(record.running), record.more))
        return (MAX_RUNNING, 3) in seen

    jobs.HOOKS["all run"] = all_run
    firings = [bench.fire(jobs.until_hook("all run")) for _ in range(count)]

    worker.run()

    assert max(seen) == (MAX_RUNNING, 3)
    assert {bench.state(firing) for firing in firings} == {State.COMPLETE}


def test_an_async_job_runs_whose_loop_cannot_say_what_was_set_on_it(bench: Bench) -> None:
    def spoil() -> bool:
        loop: Any = asyncio.get_running_loop()
        # As a loop of a job's own policy may lack it.
        loop.get_task_factory = None
        return True

    jobs.HOOKS["spoil"] = spoil
    firings = [bench.fire(jobs.until_hook("spoil")), bench.fire(jobs.double(1))]

    bench.work(concurrency=1)

    assert [bench.state(firing) for firing in firings] == [State.COMPLETE, State.COMPLETE]


def test_a_finished_step_of_a_chain_runs_no_second_time_while_the_loop_is_full(bench: Bench) -> None:
    chains = [bench.fire(jobs.count_me(number) & jobs.tell_async()) for number in range(20)]
    jobs.RAN.clear()

    bench.work(concurrency=1)

    assert {bench.state(firing) for firing in chains} == {State.COMPLETE}
    counted = [ran for ran in jobs.RAN if isinstance(ran, str)]
    assert sorted(counted) == sorted(f"counted {number}" for number in range(20))


def test_progress_is_saved_even_if_the_job_is_short(bench: Bench) -> None:
    firing = bench.fire(jobs.report(5))

    bench.work()

    progress = decode_progress(bench.record(firing).progress or b"")
    assert (progress.done, progress.total, progress.note) == (5.0, 10.0, "so far")


def test_progress_that_is_no_number_fails_the_job(bench: Bench) -> None:
    firing = bench.fire(jobs.report("half"))

    bench.work()

    assert "half" in bench.failure(firing).message


def test_progress_that_no_float_can_hold_fails_the_job(bench: Bench) -> None:
    firing = bench.fire(jobs.report(10**400))

    bench.work()

    assert "finite numbers" in bench.failure(firing).message


def test_context_variables_that_a_job_sets_are_not_seen_by_others(bench: Bench) -> None:
    bench.fire(jobs.set_variable())
    later = [bench.fire(jobs.read_variable()), bench.fire(jobs.read_variable_async())]

    bench.work()

    assert [bench.result(firing) for firing in later] == ["unset"] * 2


def test_a_plain_function_that_returns_a_coroutine_is_an_error(bench: Bench) -> None:
    firing = bench.fire(jobs.plain_wrapper(1))

    bench.work()

    assert bench.failure(firing).kind == "UnsupportedTypeError"
    assert "is a coroutine, so its work was not done" in bench.failure(firing).message
    assert jobs.RAN == []


def test_the_log_counts_no_attempt_that_was_not_made(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    firing = bench.fire(jobs.add(1, 1))
    bench.lose(3, begun=True)

    bench.work()

    assert bench.state(firing) is State.ERROR
    assert f"error tests.core.worker.jobs_of_tests:add {firing} " in caplog.text
    assert "attempt" not in caplog.text


def test_max_jobs_ends_the_worker_to_be_replaced(bench: Bench) -> None:
    firings = [bench.fire(jobs.add(number, 0)) for number in range(10)]

    assert bench.work(max_jobs=7) is Ending.RECYCLED
    assert len(jobs.RAN) == 7
    assert {bench.state(firing) for firing in firings[7:]} == {State.PENDING}


@pytest.mark.parametrize("job", [jobs.count_me, jobs.double])
def test_a_firing_that_is_given_back_is_none_of_max_jobs(
    bench: Bench, caplog: pytest.LogCaptureFixture, job: Job[[int], int]
) -> None:
    caplog.set_level(logging.INFO, "skunkqueue.worker")
    unknown = bench.fire(jobs.add(0, 0), body=encode(Body((Step("nowhere_at_all:add", b""),))))
    known = [bench.fire(job(number)) for number in range(2)]

    assert bench.work(max_jobs=1) is Ending.RECYCLED
    assert [bench.state(each) for each in (unknown, *known)] == [
        State.PENDING,
        State.COMPLETE,
        State.PENDING,
    ]
    assert caplog.messages[-1].endswith(" has ended: it has run 1 job")


def test_a_stop_while_a_job_runs_gives_back_the_rest(bench: Bench) -> None:
    for number in range(100):
        bench.fire(jobs.add(number, 0))
    bench.work()
    stopping = bench.fire(jobs.call_hook("stop"))
    rest = [bench.fire(jobs.add(number, 0)) for number in range(10)]
    worker = bench.worker(burst=False)
    jobs.HOOKS["stop"] = worker.stop

    assert worker.run() is Ending.STOPPED
    assert bench.result(stopping) == "stop"
    assert {bench.state(firing) for firing in rest} == {State.PENDING}
    assert bench.backend.workers() == []


def test_a_kill_that_comes_with_the_claim_is_obeyed(bench: Bench) -> None:
    for number in range(50):
        bench.fire(jobs.add(number, 0))
    bench.work()
    jobs.RAN.clear()
    first = bench.fire(jobs.call_hook("kill"))
    second = bench.fire(jobs.add(1, 1))
    worker = bench.worker()
    jobs.HOOKS["kill"] = lambda: worker.in_flight.kills.update({second: bench.clock.monotonic()})
    worker.loop.batch._size = 10

    worker.run()

    assert bench.state(first) is State.COMPLETE
    assert bench.state(second) is State.KILLED
    assert jobs.RAN == []


def test_a_firing_that_was_killed_while_its_holder_was_out_of_reach_does_not_run(bench: Bench) -> None:
    firing = bench.fire(jobs.add(1, 1))
    bench.backend.claim("shop", "default", "gone", 1, 15.0)
    bench.backend.kill([firing])
    bench.pass_time(16.0)

    bench.work()

    assert bench.state(firing) is State.KILLED
    assert jobs.RAN == []


def test_a_lease_that_ended_before_its_job_had_begun_is_held_against_nobody(bench: Bench) -> None:
    firing = bench.fire(jobs.tell())
    bench.lose(5, begun=False)

    bench.work()

    assert bench.state(firing) is State.COMPLETE
    assert bench.record(firing).deaths == 5


def test_a_job_of_a_firing_with_a_past_is_known_to_begin_before_it_does(bench: Bench) -> None:
    firing = bench.fire(jobs.call_hook("die"))
    bench.lose(1, begun=False)
    said: list[Sequence[ClaimRef]] = []

    def once(claims: Sequence[ClaimRef], _lease: float) -> None:
        if said:
            raise BackendUnavailableError("the host is gone")
        said.append(claims)

    def die() -> None:
        """Take the whole host away: nothing is said any more, and the lease ends."""
        bench.pass_time(16.0)
        (lent,) = bench.backend.claim("shop", "default", "another", 1, 15.0)
        jobs.RAN.append([death.begun for death in read_evidence(lent)])

    jobs.HOOKS["die"] = die
    bench.worker(as_backend(Faulty(bench.backend, extend=once))).run()

    assert jobs.RAN == [[False, True]]
    assert bench.record(firing).worker == "another"


def test_what_has_begun_is_known_when_its_lease_is_extended(live_bench: Bench) -> None:
    bench = live_bench
    extended: list[list[bool]] = []

    def note(claims: Sequence[ClaimRef], _lease: float) -> None:
        extended.append([claim.begun for claim in claims])

    bench.fire(jobs.call_hook("wait"))
    worker = bench.worker(as_backend(Faulty(bench.backend, extend=note)), lease=0.6)
    jobs.HOOKS["wait"] = lambda: eventually(lambda: extended, what="the lease is extended")
    worker.run()

    assert extended[0] == [True]


def test_a_lease_that_ended_three_times_while_its_job_ran_puts_the_firing_aside(bench: Bench) -> None:
    firing = bench.fire(jobs.add(1, 1))
    bench.lose(3, begun=True)

    bench.work()

    assert bench.failure(firing).kind == "WorkerDiedError"
    assert bench.failure(firing).message.count("its lease ended") == 3
    assert jobs.RAN == []


def test_a_firing_that_still_runs_here_is_put_off_when_it_is_claimed_again(bench: Bench) -> None:
    bench.fire(jobs.double(1))
    worker = bench.worker()
    old, again = bench.claim_twice(worker.settings.id)
    worker.in_flight.beside[1] = Attempt(old, row=1)

    worker.runner.run(Attempt(again))

    (put_off,) = [one.outcome for one in worker.in_flight.finished]
    assert (put_off.token, put_off.verdict, put_off.delay > 0.0) == (again.token, Verdict.RELEASE, True)


def test_a_death_is_no_failure_but_an_attempt(bench: Bench) -> None:
    firing = bench.fire(jobs.tell())
    bench.backend.claim("shop", "default", "gone", 1, 15.0)
    bench.pass_time(16.0)

    bench.work()

    assert bench.result(firing)[1] == 2


def test_hooks_hear_of_everything(bench: Bench) -> None:
    heard: list[object] = []

    class Plugin:
        @hookimpl
        def skunkqueue_firing_claimed(self, claim: Claim) -> None:
            heard.append(("claimed", claim.id))

        @hookimpl
        def skunkqueue_firing_settled(self, claim: Claim, outcome: Outcome) -> None:
            heard.append((outcome.verdict.value, claim.id))

        @hookimpl
        def skunkqueue_worker_started(self, worker: WorkerRecord) -> None:
            heard.append(("started", worker.route))

        @hookimpl
        def skunkqueue_worker_stopped(self, worker: WorkerRecord, reason: str) -> None:
            heard.append((reason, worker.route))

    bench.notifier.add(Plugin(), "hears")
    firing = bench.fire(jobs.add(1, 1))

    bench.work()

    expected = [("started", "default"), ("claimed", firing), ("complete", firing), ("finished", "default")]
    assert heard == expected


def test_time_to_live_is_the_jobs_own(bench: Bench) -> None:
    firing = bench.fire(with_rules(jobs.add(1, 1), result_ttl=10.0))
    bench.work()

    bench.pass_time(11.0)
    bench.backend.prune()

    assert bench.backend.get([firing]) == [None]


@pytest.mark.parametrize("call", [jobs.add(1, 1), jobs.add(1, 1) & jobs.add(2, 2), jobs.double(1)], ids=str)
def test_no_result_is_kept_where_a_job_says_so(bench: Bench, call: Call[Any] | Chain) -> None:
    firing = bench.fire(call.options(result_ttl=0))
    bench.work()
    bench.pass_time(30.0)
    bench.backend.prune()
    found = bench.record(firing)

    assert (found.state, found.result) == (State.COMPLETE, None)
    bench.pass_time(31.0)
    bench.backend.prune()
    assert bench.backend.get([firing]) == [None]


def test_whoever_waits_learns_all_of_a_failure(bench: Bench) -> None:
    firing = bench.fire(jobs.fail(9))
    for _ in range(4):
        bench.work()
        bench.pass_time(30.0)

    with pytest.raises(FiringFailedError) as caught:
        JobHandle(firing, bench, None).wait(0)
    error = caught.value
    assert (error.id, error.job, error.state) == (firing, jobs.fail.name, State.ERROR)
    assert (error.kind, error.message, error.attempts) == ("ValueError", "not yet", 4)
    assert "jobs_of_tests.py" in error.traceback


def test_a_failure_is_kept_where_no_result_is(bench: Bench) -> None:
    firing = bench.fire(jobs.unstorable().options(result_ttl=0))
    bench.work()
    bench.pass_time(2 * 86_400.0)
    bench.backend.prune()

    assert bench.failure(firing).kind == "UnsupportedTypeError"


def test_an_idle_worker_starts_what_is_fired_later(live_bench: Bench) -> None:
    worker = live_bench.worker(burst=False)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        eventually(lambda: len(live_bench.backend.workers()) == 1)
        firing = live_bench.fire(jobs.add(2, 2))
        eventually(lambda: live_bench.state(firing) is State.COMPLETE)
    finally:
        worker.stop()
        thread.join(10)
    assert not thread.is_alive()
