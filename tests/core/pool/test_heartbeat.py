"""A pool's place on the list, its samples and its mailbox, over a store in this process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from skunkqueue_memory import MemoryBackend

from skunkqueue.clock import SYSTEM_CLOCK, monotonic
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.pool.heartbeat import PoolHeartbeat, Seen, View
from skunkqueue.pool.shared_store import SharedStore
from skunkqueue.pools import MAX_SAMPLES, PoolRecord
from skunkqueue.records import Command
from tests.support.waiting import eventually

LEASE = 60.0
POOL = PoolRecord(id="p", host="here", pid=1, queue="shop", routes=("default",), workers=2, started=0.0)
ME = Seen("w", os.getpid(), ("default",), "running", monotonic())


class MemoryLink(SharedStore):
    """Leads to a store of this process; at times it is away."""

    def __init__(self, store: Backend) -> None:
        super().__init__(BackendConfig(backend="memory"))
        self._store = store
        self.away = 0
        """How many times it is still away."""
        self.hang: threading.Event | None = None
        """What it waits for, if it does not answer."""

    def backend(self) -> Backend:
        if self.hang is not None:
            self.hang.wait(60.0)
        if self.away:
            self.away -= 1
            raise BackendUnavailableError("away")
        return self._store


@pytest.fixture
def store() -> Iterator[Backend]:
    backend = MemoryBackend(SYSTEM_CLOCK)
    yield backend
    backend.close()


@pytest.fixture
def link(store: Backend) -> MemoryLink:
    return MemoryLink(store)


def reporter(link: SharedStore, heard: list[Command] | None = None) -> PoolHeartbeat:
    return PoolHeartbeat(link, POOL, LEASE, ([] if heard is None else heard).append)


def found(store: Backend) -> PoolRecord | None:
    pools = store.pools()
    return pools[0] if pools else None


def test_a_pool_is_listed_until_it_ends(store: Backend, link: MemoryLink) -> None:
    one = reporter(link)
    one.show(View("running", 2, (Seen("w", os.getpid(), ("default",), "running", monotonic()),)))

    record = eventually(lambda: found(store), what="it is listed")
    assert record is not None
    assert (record.id, record.state, record.workers) == ("p", "running", 2)
    assert record.started > 1_000_000_000
    (process,) = record.processes
    assert (process.worker, process.pid, process.route, process.state) == (
        "w",
        os.getpid(),
        "default",
        "running",
    )
    assert abs(process.started - record.started) < 60
    assert process.samples[0].rss > 1_000_000

    one.finish(10.0)
    assert store.pools() == []


def test_what_changes_is_listed_soon(store: Backend, link: MemoryLink) -> None:
    one = reporter(link)
    one.show(View("running", 2, (ME,)))
    eventually(lambda: found(store), what="it is listed")

    one.show(View("quiet", 1, ()))

    eventually(lambda: (it := found(store)) and (it.state, it.workers, it.processes) == ("quiet", 1, ()))
    one.finish(10.0)


def test_commands_are_heard(store: Backend, link: MemoryLink) -> None:
    heard: list[Command] = []
    one = reporter(link, heard)
    one.show(View("running", 2, ()))
    eventually(lambda: found(store), what="it is listed")

    assert store.send("p", Command(verb="quiet"))
    assert store.send("p", Command(verb="stop", worker="w"))

    eventually(lambda: len(heard) == 2, what="both are heard")
    assert [(command.verb, command.worker) for command in heard] == [("quiet", None), ("stop", "w")]
    one.finish(10.0)


def test_a_store_that_was_away_lists_the_pool_when_it_is_back(store: Backend, link: MemoryLink) -> None:
    heard: list[Command] = []
    link.away = 3
    one = reporter(link, heard)
    one.show(View("running", 2, ()))

    eventually(lambda: found(store), what="it is listed")
    link.away = 2
    store.send("p", Command(verb="quiet"))

    eventually(lambda: heard, what="the command is heard")
    one.finish(10.0)


def test_a_store_that_does_not_answer_holds_nobody_up(link: MemoryLink) -> None:
    link.hang = threading.Event()
    one = reporter(link)
    began = monotonic()

    one.show(View("running", 2, ()))
    one.show(View("quiet", 2, ()))
    one.finish(0.2)

    assert monotonic() - began < 10.0
    link.hang.set()


def test_a_store_that_lists_no_pools_is_asked_no_more(link: MemoryLink) -> None:
    class Plain(MemoryBackend):
        capabilities = frozenset()

    link._store = Plain(SYSTEM_CLOCK)
    one = reporter(link)
    one.show(View("running", 2, ()))

    eventually(lambda: one._threads and not one._threads[0].is_alive(), what="the thread ends")
    one.finish(10.0)


def test_a_large_pool_shows_fewer_samples_of_each_process(link: MemoryLink) -> None:
    one = reporter(link)
    many = tuple(
        Seen(f"w{number}", os.getpid(), ("default",), "running", monotonic()) for number in range(1_000)
    )

    for moment in range(2 * MAX_SAMPLES):
        one._view = View("running", 1, many[:1])
        record = one._describe(2_000_000_000.0 + moment)
    assert len(record.processes[0].samples) == MAX_SAMPLES
    for moment in range(10):
        one._view = View("running", 1_000, many)
        record = one._describe(2_100_000_000.0 + moment)
    assert sum(len(process.samples) for process in record.processes) <= 3_000
    assert record.processes[0].samples[-1].at == 2_100_000_009.0


def test_nothing_is_kept_of_those_that_are_gone(link: MemoryLink) -> None:
    one = reporter(link)
    for number in range(10):
        one._view = View("running", 1, (ME._replace(worker=f"w{number}"),))
        one._describe(2_000_000_000.0 + number)

    assert (len(one._samples), len(one._started)) == (1, 1)


def test_samples_go_on_when_the_clock_was_set_back(link: MemoryLink) -> None:
    one = reporter(link)
    one._view = View("running", 1, (ME,))
    for moment in (2_000_000_000.0, 2_000_000_600.0):
        one._describe(moment)

    (process,) = one._describe(2_000_000_300.0).processes

    assert [sample.at for sample in process.samples] == [2_000_000_000.0, 2_000_000_300.0]
