"""What producers hold, on a real embedded store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from skunkqueue import JobHandle, JobMixin, SkunkQueue, State
from skunkqueue.call import Conjoinable
from skunkqueue.clock import VirtualClock
from skunkqueue.errors import (
    BackendError,
    FiringFailedError,
    NaiveDatetimeError,
    NameInvalidError,
    NobodyListensError,
    NoQueueError,
    PayloadTooLargeError,
    PolicyError,
    SkunkQueueError,
    UnknownFiringError,
    UnsupportedTypeError,
    WaitTimeoutError,
)
from skunkqueue.payload import Failure, decode_body, encode
from skunkqueue.records import Outcome, Verdict, WorkerRecord
from skunkqueue.serializers import get_serializer
from tests.support.jobs import on

LEASE = 60.0
declared = SkunkQueue("demo", conn_url="sqlite:////nonexistent/never-opened.db")


class Hello(JobMixin):
    def work(self, name: str = "world") -> str:
        return name


@declared.job
def add(first: int, second: int) -> int:
    return first + second


@pytest.fixture
def queue(tmp_path: Path, clock: VirtualClock) -> Iterator[SkunkQueue]:
    with SkunkQueue("demo", conn_url=f"sqlite:///{tmp_path}/q.db", clock=clock) as queue:
        yield queue


def settle(
    queue: SkunkQueue, route: str = "default", verdict: Verdict = Verdict.COMPLETE, result: object = None
) -> str:
    """Play the worker for one firing."""
    (claim,) = queue.backend.claim("demo", route, "w", 1, LEASE)
    data = get_serializer("typed").dumps(result, "it")
    if verdict is not Verdict.COMPLETE:
        data = encode(Failure("ValueError", "it broke"))
    stale = queue.backend.settle([Outcome(id=claim.id, token=claim.token, verdict=verdict, result=data)])
    assert not stale
    return claim.id


def test_a_firing_is_pending_then_complete_with_its_result(queue: SkunkQueue) -> None:
    job = on(queue, add)
    handle = job.fire(4, 5)

    assert (handle.state, handle.result) == (State.PENDING, None)
    settle(queue, result=9)
    assert (handle.state, handle.result, handle.wait(0)) == (State.COMPLETE, 9, 9)


def test_it_is_fired_once_on_each_route(queue: SkunkQueue) -> None:
    handle = on(queue, add, routes=["a", "b"]).fire(1, 2)

    assert [copy.record().route for copy in handle.copies] == ["a", "b"]
    assert len(queue.backend.claim("demo", "a", "w", 10, LEASE)) == 1


def test_adding_to_a_queue_fires_jobs_objects_calls_and_chains(queue: SkunkQueue) -> None:
    job = on(queue, add)
    hello = Hello()
    queue += hello
    queue += hello("Jed")
    queue += job(1, 2)
    queue += hello & job(3, 4)

    claims = [queue.backend.claim("demo", "default", "w", 1, LEASE)[0] for _ in range(4)]

    assert [len(decode_body(claim.body).steps) for claim in claims] == [1, 1, 1, 2]


def test_a_function_that_another_queue_fires_stays_with_its_own(queue: SkunkQueue, tmp_path: Path) -> None:
    job = on(queue, add)
    archive = SkunkQueue("archive", conn_url=f"sqlite:///{tmp_path}/archive.db")
    with archive:
        archive += job(1, 2)

        assert len(archive.backend.claim("archive", "default", "w", 1, LEASE)) == 1
        assert job.fire(3, 4).record().queue == "demo"


def test_an_object_whose_firing_is_refused_stays_without_a_queue(tmp_path: Path) -> None:
    hello = Hello()
    small = SkunkQueue("small", conn_url=f"sqlite:///{tmp_path}/q.db", max_payload=10)
    with small:
        with pytest.raises(PayloadTooLargeError):
            small += hello
        with pytest.raises(NoQueueError):
            hello.fire()


def test_an_object_added_once_can_fire_by_itself(queue: SkunkQueue) -> None:
    hello = Hello()
    queue += hello

    assert hello.fire("again").state == State.PENDING


@pytest.mark.parametrize("when", [timedelta(seconds=60), 60, 60.0])
def test_fire_at_holds_a_firing_back_until_its_time(
    queue: SkunkQueue, clock: VirtualClock, when: float
) -> None:
    on(queue, add).fire_at(when, 4, 5)

    assert not queue.backend.claim("demo", "default", "w", 1, LEASE)
    clock.advance(60)
    assert len(queue.backend.claim("demo", "default", "w", 1, LEASE)) == 1


def test_fire_at_a_moment(queue: SkunkQueue, clock: VirtualClock) -> None:
    moment = datetime.fromtimestamp(clock.now() + 60, timezone.utc)

    assert on(queue, add).fire_at(moment, 4, 5).record().due == pytest.approx(moment.timestamp())


def test_fire_at_refuses_a_naive_datetime_and_fires_nothing(queue: SkunkQueue) -> None:
    with pytest.raises(NaiveDatetimeError, match="time zone"):
        on(queue, add).fire_at(datetime(2030, 1, 1), 4, 5)  # noqa: DTZ001 - wrong on purpose
    assert not queue.backend.claim("demo", "default", "w", 1, LEASE)


def test_state_and_result_speak_of_the_firing_that_settled_last(
    queue: SkunkQueue, clock: VirtualClock
) -> None:
    job = on(queue, add)
    job.fire(4, 5)
    job.fire(1, 1)
    job.fire_at(60, 7, 7)

    assert (job.state, job.result) == (State.PENDING, None)
    settle(queue, result=9)
    clock.advance(1)
    settle(queue, result=2)
    assert (job.state, job.result) == (State.COMPLETE, 2)
    clock.advance(60)
    settle(queue, verdict=Verdict.ERROR)
    assert (job.state, job.result) == (State.ERROR, None)


def test_objects_speak_of_their_own_firings(queue: SkunkQueue) -> None:
    first, second = Hello(), Hello()
    queue += first
    queue += second
    settle(queue, result="world")

    assert (first.state, second.state) == (State.COMPLETE, State.PENDING)


def test_a_job_never_fired_has_no_state(queue: SkunkQueue) -> None:
    assert (on(queue, add).state, on(queue, add).result, Hello().state) == (None, None, None)


def test_a_chains_result_is_the_list_of_its_steps(queue: SkunkQueue) -> None:
    job = on(queue, add)
    chain = job(1, 2) & Hello()("Jed")
    handle = chain.fire()
    parts = [get_serializer("typed").dumps(value, "it") for value in (3, "Jed")]
    settle(queue, result=parts)

    assert handle.result == [3, "Jed"]
    assert chain.result == [3, "Jed"]


def test_fire_many_fires_all_in_order(queue: SkunkQueue) -> None:
    job = on(queue, add)
    handles = queue.fire_many(job(number, 1) for number in range(2_500))

    claims = queue.backend.claim("demo", "default", "w", 3_000, LEASE)
    assert [claim.id for claim in claims] == [handle.id for handle in handles]
    assert len(claims) == 2_500


def test_fire_many_of_several_kinds_fires_each_under_its_own_rules_in_order(queue: SkunkQueue) -> None:
    plain, urgent = on(queue, add), on(queue, add, priority=9)
    calls: list[Conjoinable] = [
        plain(0, 0),
        plain(1, 0),
        urgent(2, 0),
        plain(3, 0) & plain(4, 0),
        Hello(),
        plain(5, 0),
    ]
    handles = queue.fire_many([*calls, *(plain(number, 0) for number in range(6, 1_500))])

    fired = queue.backend.get([handle.id for handle in handles[:6]])
    records = [record for record in fired if record is not None]
    assert [len(decode_body(record.body).steps) for record in records] == [1, 1, 1, 2, 1, 1]
    assert [record.priority for record in records] == [5, 5, 9, 5, 5, 5]
    assert [record.job.rpartition(":")[2] for record in records] == [
        "add",
        "add",
        "add",
        "add",
        "Hello",
        "add",
    ]
    assert len({handle.id for handle in handles}) == 1_500
    assert [handle.id for handle in handles] == sorted(handle.id for handle in handles)


def test_fire_many_fires_later_what_is_to_run_later(queue: SkunkQueue, clock: VirtualClock) -> None:
    job = on(queue, add, expires=90)
    queue.fire_many([job(number, 1) for number in range(20)], 60)

    assert not queue.backend.claim("demo", "default", "w", 30, LEASE)
    clock.advance(60)
    claims = queue.backend.claim("demo", "default", "w", 30, LEASE)
    assert len(claims) == 20
    assert {claim.expires is not None for claim in claims} == {True}


def test_fire_many_keeps_copies_and_keys_apart(queue: SkunkQueue) -> None:
    job = on(queue, add, routes=["a", "b"], idempotency_key=lambda first, _second: f"k{first}")
    handles = queue.fire_many([job(1, 1), job(2, 1), job(1, 9)])

    assert [len(handle.copies) for handle in handles] == [2, 2, 2]
    assert [copy.id for copy in handles[0].copies] == [copy.id for copy in handles[2].copies]


def test_fire_many_of_nothing_is_nothing(queue: SkunkQueue) -> None:
    assert queue.fire_many([]) == []


def test_a_bad_argument_in_fire_many_fires_nothing_of_its_batch(queue: SkunkQueue) -> None:
    job = on(queue, add)
    with pytest.raises(UnsupportedTypeError, match="argument 1"):
        queue.fire_many([job(1, 2), job(object(), 2)])  # type: ignore[arg-type]  # wrong on purpose

    assert not queue.backend.claim("demo", "default", "w", 1, LEASE)


def test_a_moment_that_is_over_is_now(queue: SkunkQueue, clock: VirtualClock) -> None:
    first = on(queue, add).fire(1, 2)
    clock.advance(1.0)
    past = datetime.fromtimestamp(clock.now() - 86_400, timezone.utc)
    second = on(queue, add).fire_at(past, 3, 4)

    assert second.record().due == pytest.approx(clock.now())
    claims = queue.backend.claim("demo", "default", "w", 2, LEASE)
    assert [claim.id for claim in claims] == [first.id, second.id]


@pytest.mark.parametrize("due", ["moment", "delay"])
@pytest.mark.parametrize("expires", ["moment", "delay"])
def test_what_would_expire_before_it_may_begin_is_refused(
    queue: SkunkQueue, clock: VirtualClock, due: str, expires: str
) -> None:
    def after(seconds: float, kind: str) -> datetime | timedelta:
        start = datetime.fromtimestamp(clock.now(), timezone.utc)
        return start + timedelta(seconds=seconds) if kind == "moment" else timedelta(seconds=seconds)

    job = on(queue, add)
    with pytest.raises(PolicyError, match=r"due in 3600 s and expires in 60 s, so it could never begin"):
        job.options(expires=after(60, expires)).fire_at(after(3600, due), 1, 2)
    assert job.options(expires=after(3660, expires)).fire_at(after(3600, due), 1, 2).state is State.PENDING


def test_a_second_firing_with_the_key_is_the_first(queue: SkunkQueue) -> None:
    job = on(queue, add, idempotency_key="nightly")
    first = job.fire(1, 2)

    assert job.fire(3, 4).id == first.id
    settle(queue)
    assert job.fire(5, 6).id != first.id


def test_a_key_may_be_made_of_the_arguments(queue: SkunkQueue) -> None:
    job = on(queue, add, idempotency_key=lambda first, second: f"{first}/{second}")

    assert job.fire(1, 2).id == job.fire(1, 2).id != job.fire(1, 3).id


def test_a_chain_has_no_key_but_its_own_made_of_the_first_call_s_arguments(queue: SkunkQueue) -> None:
    job = on(queue, add, idempotency_key=lambda first, second: f"{first}/{second}")
    lone, chain = job.fire(1, 2), job(1, 2) & job(3, 4)

    assert len({lone.id, queue.fire_call(chain).id, queue.fire_call(chain).id}) == 3
    keyed = chain.options(idempotency_key=lambda first, second: f"chain {first}/{second}")
    assert queue.fire_call(keyed).id == queue.fire_call(keyed).id
    assert queue.fire_call(keyed).record().key == "chain 1/2"


def test_a_payload_over_the_limit_is_refused(tmp_path: Path) -> None:
    queue = SkunkQueue("demo", conn_url=f"sqlite:///{tmp_path}/q.db", max_payload=1_000)
    with queue:
        hello = Hello()
        with pytest.raises(PayloadTooLargeError, match="at most 1000"):
            queue += hello("x" * 1_000)
        assert not queue.backend.claim("demo", "default", "w", 1, LEASE)


def test_a_payload_over_the_limit_keeps_all_that_is_fired_with_it_out(tmp_path: Path) -> None:
    queue = SkunkQueue("demo", conn_url=f"sqlite:///{tmp_path}/q.db", max_payload=1_000)
    with queue:
        hello = Hello()
        with pytest.raises(PayloadTooLargeError, match="at most 1000"):
            queue.fire_many([hello("Ian"), hello("x" * 1_000), hello("Eve")])
        assert not queue.backend.claim("demo", "default", "w", 1, LEASE)
        assert len(queue.fire_many([hello("x" * 500), hello("Eve")])) == 2


def test_a_broadcast_reaches_every_live_worker(queue: SkunkQueue) -> None:
    for name in ("w1", "w2"):
        worker = WorkerRecord(id=name, queue="demo", route="default", pool="p", host="h", pid=1, started=0.0)
        queue.backend.register(worker, LEASE)
    handle = on(queue, add, queue_type="broadcast").fire(1, 2)

    assert sorted(str(copy.record().target) for copy in handle.copies) == ["w1", "w2"]


def test_a_broadcast_on_several_routes_reaches_each_worker_once(queue: SkunkQueue) -> None:
    for name, routes in (("both", ("a", "b")), ("one", ("b",))):
        record = WorkerRecord(
            id=name, queue="demo", route=routes[0], pool="p", host="h", pid=1, started=0.0, routes=routes
        )
        queue.backend.register(record, LEASE)
    handle = on(queue, add, queue_type="broadcast", routes=("a", "b")).fire(1, 2)

    reached = [(str(copy.record().target), str(copy.record().route)) for copy in handle.copies]
    assert sorted(reached) == [("both", "a"), ("one", "b")]


def test_a_broadcast_to_nobody_is_an_error_that_tells_the_way_out(queue: SkunkQueue) -> None:
    with pytest.raises(NobodyListensError, match="skunq work -q demo -r default"):
        on(queue, add, queue_type="broadcast").fire(1, 2)


def test_waiting_raises_what_became_of_it(queue: SkunkQueue) -> None:
    handle = on(queue, add).fire(1, 2)

    with pytest.raises(WaitTimeoutError, match="still pending"):
        handle.wait(0)
    settle(queue, verdict=Verdict.ERROR)
    with pytest.raises(FiringFailedError, match="is error: ValueError: it broke"):
        handle.wait(0)


def test_a_killed_firing_is_killed(queue: SkunkQueue) -> None:
    handle = on(queue, add).fire(1, 2)

    assert handle.kill() == State.PENDING
    with pytest.raises(FiringFailedError, match="is killed"):
        handle.wait(0)


def test_a_firing_past_its_time_counts_as_expired_though_nobody_settles_it(
    queue: SkunkQueue, clock: VirtualClock
) -> None:
    handle = on(queue, add, expires=30).fire(1, 2)
    before = handle.state
    clock.advance(31)

    assert (before, handle.state) == (State.PENDING, State.EXPIRED)
    with pytest.raises(FiringFailedError, match="is expired"):
        handle.wait(0)


def test_a_handle_can_be_had_by_id(queue: SkunkQueue) -> None:
    fired = on(queue, add).fire(1, 2)

    assert queue.handle(fired.id).state == State.PENDING
    with pytest.raises(UnknownFiringError, match="no firing 'nothing'"):
        queue.handle("nothing").record()
    assert queue.handle("nothing").state is None


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201])
def test_a_bad_queue_name_is_refused(name: str) -> None:
    with pytest.raises(NameInvalidError):
        SkunkQueue(name)


def test_a_queue_opens_its_store_only_when_used() -> None:
    queue = SkunkQueue("demo", conn_url="sqlite:////proc/no/such/place.db")

    with pytest.raises(SkunkQueueError) as caught:
        on(queue, add).fire(1, 2)
    assert isinstance(caught.value, BackendError) or "place.db" in str(caught.value)


def test_a_forked_child_fires_through_a_connection_of_its_own(queue: SkunkQueue) -> None:
    job = on(queue, add)
    job.fire(1, 1)
    child = os.fork()
    if child == 0:
        job.fire(2, 2)
        os._exit(0)
    _, status = os.waitpid(child, 0)

    assert status == 0
    job.fire(3, 3)
    assert len(queue.backend.claim("demo", "default", "w", 10, LEASE)) == 3


def test_an_ignored_firing_has_a_handle_that_says_nothing() -> None:
    handle: JobHandle[int] = JobHandle("", None, None)

    assert (handle.state, handle.result, handle.progress, handle.kill()) == (None, None, None, None)
    assert handle.wait() is None
