"""Orders to a worker: to hold, to go on, to end for another to take its place."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from skunkqueue_memory import MemoryBackend

from skunkqueue import __version__
from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.config import resolve
from skunkqueue.ids import new_id
from skunkqueue.payload import Body, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import Entry
from skunkqueue.processes.control_pipe import BEGIN, DISMISS, HOLD
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.settings import WorkerSettings
from skunkqueue.records import Command, Firing, State
from skunkqueue.worker.worker import Worker
from tests.core.worker import jobs_of_tests as jobs
from tests.support.waiting import eventually, never


@pytest.fixture
def store() -> Iterator[Backend]:
    backend = MemoryBackend(SYSTEM_CLOCK)
    yield backend
    backend.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


def worker(store: Backend, *, holds: bool = False) -> Worker:
    settings = WorkerSettings(
        id=new_id(),
        pool="p",
        queue="shop",
        route="default",
        config=resolve(conn_url="sqlite:////nonexistent/never-opened.db"),
        allow=("tests",),
        holds=holds,
    )
    return Worker(store, settings, slice_=0.2)


def fire(store: Backend) -> str:
    firing = Firing(id=new_id(), queue="shop", route="default", body=encode(Body(jobs.add(1, 2).steps())))
    return store.enqueue([firing])[0]


def state(store: Backend, firing: str) -> State | None:
    (record,) = store.get([firing])
    return None if record is None else record.state


def ended(running: Future[Ending], one: Worker) -> Ending:
    one.stop()
    return running.result(10)


def test_a_worker_that_holds_begins_nothing_until_it_may(store: Backend, threads: ThreadPoolExecutor) -> None:
    one = worker(store)
    running = threads.submit(one.run)
    first = fire(store)
    eventually(lambda: state(store, first) is State.COMPLETE, what="it works")

    one.orders.obey_pool(HOLD)
    eventually(lambda: store.workers()[0].state == "quiet", what="it is listed as quiet")
    second = fire(store)
    never(lambda: state(store, second) is not State.PENDING, 0.5, what="it begins")

    one.orders.obey_pool(BEGIN)
    eventually(lambda: state(store, second) is State.COMPLETE, what="it works again")
    assert ended(running, one) is Ending.STOPPED


def test_a_worker_may_hold_from_its_start(store: Backend, threads: ThreadPoolExecutor) -> None:
    firing = fire(store)
    one = worker(store, holds=True)
    running = threads.submit(one.run)

    eventually(store.workers, what="it is listed")
    never(lambda: state(store, firing) is not State.PENDING, 0.5, what="it begins")

    one.orders.obey_pool(BEGIN)
    eventually(lambda: state(store, firing) is State.COMPLETE, what="it works")
    ended(running, one)


def test_a_worker_that_holds_can_be_stopped(store: Backend, threads: ThreadPoolExecutor) -> None:
    one = worker(store, holds=True)
    running = threads.submit(one.run)
    eventually(store.workers, what="it is listed")

    one.orders.obey_pool(DISMISS)

    assert running.result(10) is Ending.DISMISSED
    assert store.workers() == []


@pytest.mark.parametrize(
    ("verb", "ending", "word"),
    [("stop", Ending.DISMISSED, "without another"), ("restart", Ending.RECYCLED, "for another")],
)
def test_a_worker_obeys_what_comes_to_its_own_mailbox(
    store: Backend, threads: ThreadPoolExecutor, verb: str, ending: Ending, word: str
) -> None:
    one = worker(store)
    running = threads.submit(one.run)
    (record,) = eventually(store.workers, what="it is listed")
    store.log_entry(Entry(id=new_id(), who="ann@here", verb=verb, on=record.id))
    (entry,) = store.audit().entries

    store.send(record.id, Command(verb=verb, id=entry.id))

    assert running.result(10) is ending
    (entry,) = store.audit().entries
    assert entry.heard is not None
    assert entry.done is not None
    assert word in (entry.did or "")


def test_a_worker_is_quiet_and_goes_on_by_its_own_mailbox(
    store: Backend, threads: ThreadPoolExecutor
) -> None:
    one = worker(store)
    running = threads.submit(one.run)
    (record,) = eventually(store.workers, what="it is listed")

    store.send(record.id, Command(verb="quiet"))
    eventually(lambda: store.workers()[0].state == "quiet", what="it is listed as quiet")
    firing = fire(store)
    store.send(record.id, Command(verb="resume"))

    eventually(lambda: state(store, firing) is State.COMPLETE, what="it goes on")
    ended(running, one)


def test_an_order_that_a_worker_does_not_know_is_answered(
    store: Backend, threads: ThreadPoolExecutor
) -> None:
    one = worker(store)
    running = threads.submit(one.run)
    (record,) = eventually(store.workers, what="it is listed")
    store.log_entry(Entry(id=new_id(), who="ann@here", verb="dance", on=record.id))
    (entry,) = store.audit().entries

    store.send(record.id, Command(verb="dance", id=entry.id))

    eventually(lambda: store.audit().entries[0].done, what="the receipt is there")
    assert store.audit().entries[0].did == "nothing: this version does not know 'dance'"
    ended(running, one)


def test_a_worker_lists_all_that_it_runs_and_its_version(store: Backend, threads: ThreadPoolExecutor) -> None:
    jobs.HOOKS.clear()
    one = worker(store)
    running = threads.submit(one.run)
    firing = Firing(
        id=new_id(), queue="shop", route="default", body=encode(Body(jobs.call_hook("look").steps()))
    )
    jobs.HOOKS["look"] = lambda: seen.append(one.heartbeat.describe())
    seen: list[object] = []
    store.enqueue([firing])
    eventually(lambda: seen, what="the job has looked")
    ended(running, one)

    (record,) = seen
    assert getattr(record, "running", None) == (firing.id,)
    assert getattr(record, "version", None) == __version__
