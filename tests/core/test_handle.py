"""A handle outlives what it was made with: a close, a fork, a folder; and others hear of its firing."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from skunkqueue import JobHandle, SkunkQueue, State, producing
from skunkqueue.errors import (
    ConfigError,
    DamagedPayloadError,
    FiringFailedError,
    NameInvalidError,
    PolicyTypeError,
    WaitTimeoutError,
    WrongTypeError,
)
from skunkqueue.imports import default_gate
from skunkqueue.payload import AttemptState, Failure, encode
from skunkqueue.plugins import hookimpl
from skunkqueue.plugins.notify import Notifier
from skunkqueue.records import Death, Firing, Outcome, Verdict
from skunkqueue.serializers import get_serializer
from tests.support.jobs import on

declared = SkunkQueue("demo", conn_url="sqlite:////nonexistent/never-opened.db")


@declared.job
def add(first: int, second: int) -> int:
    return first + second


def test_a_handle_looks_again_after_its_queue_was_closed(queue: SkunkQueue) -> None:
    handle = on(queue, add).fire(1, 2)
    queue.close()

    assert handle.state is State.PENDING


def test_a_handle_in_a_forked_child_uses_the_childs_own_store(queue: SkunkQueue) -> None:
    handle = on(queue, add).fire(1, 2)
    parents = queue.backend
    child = os.fork()
    if not child:
        own = handle.state is State.PENDING and queue._store.opened is not parents
        os._exit(0 if own else 1)

    assert os.waitpid(child, 0)[1] == 0


def test_firing_needs_no_working_directory(
    queue: SkunkQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default_gate.cache_clear()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert on(queue, add).fire(1, 2).state is State.PENDING
    default_gate.cache_clear()


def test_a_chains_result_that_is_none_is_damage(queue: SkunkQueue) -> None:
    job = on(queue, add)
    handle = (job(1, 2) & job(3, 4)).fire()
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    data = get_serializer("typed").dumps([b"\x01", 5], "it")
    queue.backend.settle([Outcome(id=claim.id, token=claim.token, verdict=Verdict.COMPLETE, result=data)])

    with pytest.raises(DamagedPayloadError, match="not a list of its 2 steps' results"):
        _ = handle.result


def test_hook_plugins_hear_of_every_firing_that_was_put_in(
    queue: SkunkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    class Listener:
        @hookimpl
        def skunkqueue_firing_enqueued(self, firing: Firing) -> None:
            heard.append(firing.id)

    notifier = Notifier()
    notifier.add(Listener(), "listener")
    monkeypatch.setattr(producing, "default_notifier", lambda: notifier)
    job = on(queue, add, idempotency_key="one")
    first = job.fire(1, 2)
    job.fire(1, 2)
    many = queue.fire_many([on(queue, add)(i, i) for i in range(2)])

    assert heard == [first.id, *(handle.id for handle in many)]


@pytest.mark.parametrize("limit", ["1M", 0, -1, True, 1.5])
def test_a_payload_limit_that_is_no_number_of_bytes_is_refused(limit: Any) -> None:
    with pytest.raises(ConfigError, match="max_payload"):
        SkunkQueue("demo", max_payload=limit)


def conclude(queue: SkunkQueue, verdict: Verdict, result: bytes | None, *, began: bool = True) -> None:
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    when = queue.backend.now() if began else None
    outcome = Outcome(id=claim.id, token=claim.token, verdict=verdict, result=result, began=when)
    assert queue.backend.settle([outcome]) == []


def failed(handle: JobHandle[Any]) -> FiringFailedError:
    with pytest.raises(FiringFailedError) as caught:
        handle.wait(0)
    return caught.value


def test_a_failure_says_of_what_it_is(queue: SkunkQueue) -> None:
    handle = on(queue, add).fire(1, 2)
    result = encode(Failure("shop.OutOfStock", "no more", "Traceback ..."))
    conclude(queue, Verdict.ERROR, result)

    error = failed(handle)

    assert (error.id, error.job, error.state) == (handle.id, f"{__name__}:add", State.ERROR)
    assert (error.kind, error.message, error.traceback) == ("shop.OutOfStock", "no more", "Traceback ...")
    assert error.attempts == 1


def test_waiting_for_what_keeps_no_result_ends_with_none(queue: SkunkQueue) -> None:
    handle = on(queue, add, result_ttl=0).fire(1, 2)
    conclude(queue, Verdict.COMPLETE, None)

    assert handle.wait(0) is None
    assert (handle.state, handle.result) == (State.COMPLETE, None)
    kept: list[Any] = queue.results([handle])
    assert kept == [None]


def test_what_was_killed_before_it_began_was_never_tried(queue: SkunkQueue) -> None:
    handle = on(queue, add).fire(1, 2)
    handle.kill()

    error = failed(handle)

    assert (error.state, error.attempts, error.traceback) == (State.KILLED, 0, "")


def test_failures_and_deaths_are_attempts_and_snoozes_are_none(queue: SkunkQueue) -> None:
    handle = on(queue, add).fire(1, 2)
    attempt_state = encode(AttemptState(failures=2, snoozes=5))
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    queue.backend.settle(
        [Outcome(id=claim.id, token=claim.token, verdict=Verdict.SNOOZE, attempt_state=attempt_state)]
    )
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    death = Death(at=queue.backend.now(), worker="w", cause="signal", signal=9)
    queue.backend.reap("w", [claim.id], death)
    conclude(queue, Verdict.ERROR, encode(Failure("ValueError", "no")))

    assert failed(handle).attempts == 4


@pytest.mark.parametrize(("seen", "attempts"), [(0, 3), (1, 2)])
def test_a_worker_killed_for_a_timeout_counts_as_one_attempt(
    queue: SkunkQueue, seen: int, attempts: int
) -> None:
    handle = on(queue, add).fire(1, 2)
    attempt_state = encode(AttemptState(failures=2, seen_deaths=seen))
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    queue.backend.settle(
        [Outcome(id=claim.id, token=claim.token, verdict=Verdict.RETRY, attempt_state=attempt_state)]
    )
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    queue.backend.reap("w", [claim.id], Death(at=queue.backend.now(), worker="w", cause="timeout"))
    conclude(queue, Verdict.ERROR, encode(Failure("JobTimeoutError", "too long")), began=False)

    assert failed(handle).attempts == attempts


def test_a_failure_is_told_though_what_was_carried_is_damaged(queue: SkunkQueue) -> None:
    handle = on(queue, add).fire(1, 2)
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    queue.backend.settle([Outcome(id=claim.id, token=claim.token, verdict=Verdict.RETRY, attempt_state=b"?")])
    conclude(queue, Verdict.ERROR, encode(Failure("ValueError", "no")))

    assert failed(handle).attempts == 1


@pytest.mark.parametrize("timeout", [0.01, timedelta(milliseconds=10), -1, timedelta.min])
def test_patience_may_be_seconds_or_a_timedelta(queue: SkunkQueue, timeout: Any) -> None:
    handle = on(queue, add).fire(1, 2)

    with pytest.raises(WaitTimeoutError, match=r"still pending after 0(\.01)? s"):
        handle.wait(timeout)
    with pytest.raises(WaitTimeoutError, match=r"not finished after 0(\.01)? s"):
        queue.results([handle], timeout)


@pytest.mark.parametrize("timeout", [None, float("inf"), timedelta.max, 1e10])
def test_patience_may_have_no_end(queue: SkunkQueue, timeout: Any) -> None:
    handle = on(queue, add).fire(1, 2)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(handle.wait, timeout)
        conclude(queue, Verdict.COMPLETE, get_serializer("typed").dumps(3, "it"))

        assert waiting.result() == 3
    assert queue.results([handle], timeout) == [3]


@pytest.mark.parametrize("timeout", ["5", True, float("nan"), datetime.now(timezone.utc)])
def test_patience_that_is_no_time_is_refused_with_the_way_out(queue: SkunkQueue, timeout: Any) -> None:
    handle = on(queue, add).fire(1, 2)

    for wait in (handle.wait, lambda timeout: queue.results([handle], timeout)):
        with pytest.raises(WrongTypeError, match="seconds or a timedelta, or None for no limit"):
            wait(timeout)


@pytest.mark.parametrize("wrong", [None, 5, b"abc"])
def test_an_id_that_is_none_is_refused_where_the_handle_is_made(queue: SkunkQueue, wrong: Any) -> None:
    with pytest.raises(WrongTypeError, match=r"queue\.handle\(.*a string such as handle\.id"):
        queue.handle(wrong)


def test_an_empty_id_is_refused_where_the_handle_is_made(queue: SkunkQueue) -> None:
    with pytest.raises(NameInvalidError, match=r"give the firing's id"):
        queue.handle("")


@pytest.mark.parametrize("wrong", [None, "0" * 24, 3])
def test_only_handles_have_results(queue: SkunkQueue, wrong: Any) -> None:
    with pytest.raises(WrongTypeError, match=r"results are of handles.*give queue\.handle\(id\)"):
        queue.results([wrong])


@pytest.mark.parametrize("wrong", [None, 3, "the handle"])
def test_results_of_one_handle_are_refused_with_what_to_write(queue: SkunkQueue, wrong: Any) -> None:
    one: Any = queue.handle("0" * 24) if wrong == "the handle" else wrong
    for ask in (queue.results, queue.results_async):
        with pytest.raises(
            WrongTypeError, match=r"of several handles, in a list, not of .* write handle\.wait\(\)"
        ):
            ask(one)


def test_no_time_is_not_now(queue: SkunkQueue) -> None:
    with pytest.raises(PolicyTypeError, match="fire_at must be a datetime with a time zone"):
        on(queue, add).fire_at(None, 1, 2)  # type: ignore[arg-type]  # wrong on purpose
    assert not queue.backend.claim("demo", "default", "w", 1, 60.0)


@pytest.mark.parametrize(
    ("route", "cure"), [("foo", "; start one with `skunq work -q demo -r foo`"), ("a,b", "")]
)
def test_the_command_for_a_worker_is_told_where_it_can_name_the_route(
    queue: SkunkQueue, route: str, cure: str
) -> None:
    handle = on(queue, add)(1, 2).options(routes=[route]).fire()

    with pytest.raises(WaitTimeoutError) as caught:
        handle.wait(0)

    assert str(caught.value).endswith(f"no worker listens on route {route!r} of queue 'demo'{cure}")
