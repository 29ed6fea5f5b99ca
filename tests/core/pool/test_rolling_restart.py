"""Restarts of slots whose workers end otherwise, and of slots whose new workers do not get ready."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from skunkqueue.clock import monotonic
from skunkqueue.pool.child_process import ChildProcess, End
from skunkqueue.pool.crew import Crew
from skunkqueue.pool.plugin_deaths import PluginDeaths
from skunkqueue.pool.respawn import Respawn
from skunkqueue.pool.rolling_restart import RollingRestart
from skunkqueue.pool.slot import Slot
from skunkqueue.pool.starter import Starter
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.settings import PoolSettings
from tests.core.worker.bench import Bench
from tests.support.waiting import eventually


def end(child: ChildProcess) -> None:
    child.kill("stop", ())
    eventually(child.reap, what="it has ended")
    child.close()


@pytest.fixture
def start(bench: Bench) -> Iterator[Callable[[], ChildProcess]]:
    """Return what starts a process, and kills it before it can say that it is ready."""
    started: list[ChildProcess] = []

    def make() -> ChildProcess:
        child = ChildProcess(bench.settings())
        child.kill("stop", ())
        started.append(child)
        return child

    yield make
    for child in started:
        end(child)


@pytest.fixture
def worker(start: Callable[[], ChildProcess]) -> ChildProcess:
    return start()


@pytest.fixture
def crew(bench: Bench, start: Callable[[], ChildProcess]) -> Crew:
    """Return the crew of a pool of two workers."""
    crew = Crew(PoolSettings(queue="shop", config=bench.config, processes=2))
    for slot in crew.slots:
        slot.take(start())
    return crew


class Restart(RollingRestart):
    """One whose new workers are these, and that keeps what it noted."""

    def __init__(self, crew: Crew, *new: ChildProcess) -> None:
        self.noted: list[tuple[str, str]] = []
        coming = iter(new)
        super().__init__(crew, lambda _routes: next(coming), lambda *note: self.noted.append(note))


def test_a_new_worker_that_does_not_get_ready_is_named_once(
    bench: Bench, worker: ChildProcess, caplog: pytest.LogCaptureFixture
) -> None:
    crew = Crew(PoolSettings(queue="shop", config=bench.config))
    crew.slots[0].child = old = ChildProcess(bench.settings())
    restart = RollingRestart(crew, lambda _routes: worker, lambda _entry, _did: None)
    try:
        with caplog.at_level(logging.WARNING):
            restart.begin(None)
            restart.go_on(worker.began)
            restart.go_on(worker.began + 59.0)
            assert caplog.messages == []
            restart.go_on(worker.began + 61.0)
            restart.go_on(worker.began + 90.0)
    finally:
        end(old)

    (message,) = caplog.messages
    assert message.startswith(f"restart: {worker} has been starting for 61 s")
    assert f"kill -9 {worker.pid}" in message
    assert restart.is_active
    assert not old.is_leaving


def test_a_worker_that_was_stopped_is_not_replaced(crew: Crew, worker: ChildProcess) -> None:
    stopped, other = crew.slots
    assert stopped.child is not None
    stopped.child.is_dismissed = True
    restart = Restart(crew, worker)

    restart.begin("entry")
    restart.go_on(0.0)
    worker.scoreboard.ready(0.0)
    restart.go_on(0.0)
    crew.leaving.clear()
    restart.go_on(0.0)

    assert other.child is worker
    assert stopped.child.replaced_by is None
    assert restart.noted == [("entry", "replaced 1")]


def test_a_worker_that_is_stopped_while_another_starts_for_it_is_not_replaced(
    crew: Crew, worker: ChildProcess
) -> None:
    slot = crew.slots[0]
    restart = Restart(crew, worker)
    restart.replace(slot, "entry")
    restart.go_on(0.0)
    stopped = slot.child
    assert stopped is not None

    stopped.is_dismissed = True
    worker.scoreboard.ready(0.0)
    restart.go_on(0.0)

    assert slot.child is stopped
    assert crew.leaving == [worker]
    assert worker.is_leaving
    # Written once that worker has ended.
    assert (stopped.receipts, restart.noted) == (["entry"], [])


@pytest.mark.parametrize("is_ready", [True, False], ids=["ready", "starting"])
@pytest.mark.parametrize("whole", [True, False], ids=["pool", "worker"])
def test_the_old_worker_is_kept_where_the_new_one_is_stopped(
    crew: Crew, worker: ChildProcess, *, whole: bool, is_ready: bool
) -> None:
    slot, other = crew.slots
    other.closed, other.child = True, None
    old = slot.child
    assert old is not None
    restart = Restart(crew, worker)
    begin_one(restart, slot, whole=whole)

    worker.is_dismissed = True
    if is_ready:
        worker.scoreboard.ready(0.0)
    restart.go_on(0.0)

    assert (slot.child, old.is_leaving) == (old, False)
    assert (crew.leaving, crew.successor) == ([worker], None)
    assert restart.noted == [("entry", kept_for_a_stop(whole=whole))]
    assert not restart.is_active


@pytest.mark.parametrize("whole", [True, False], ids=["pool", "worker"])
def test_a_new_worker_that_was_stopped_is_not_reported_as_one_that_cannot_start(
    crew: Crew, worker: ChildProcess, caplog: pytest.LogCaptureFixture, *, whole: bool
) -> None:
    slot, other = crew.slots
    other.closed, other.child = True, None
    restart = Restart(crew, worker)
    begin_one(restart, slot, whole=whole)

    worker.is_dismissed = True
    crew.successor = None
    restart.lost(worker, End(Ending.DISMISSED, 0, None, 0), 0.0)
    restart.go_on(0.0)

    assert restart.noted == [("entry", kept_for_a_stop(whole=whole))]
    assert "cannot start" not in caplog.text


def begin_one(restart: Restart, slot: Slot, *, whole: bool) -> None:
    """Begin to restart a pool of one slot, or its worker."""
    if whole:
        restart.begin("entry")
    else:
        restart.replace(slot, "entry")
    restart.go_on(0.0)


def kept_for_a_stop(*, whole: bool) -> str:
    if whole:
        return "nothing: replaced 0, kept 1, since the new worker was stopped"
    return "nothing: the new worker was stopped"


def test_a_reload_does_not_replace_a_worker_that_was_stopped(crew: Crew) -> None:
    slot = crew.slots[0]
    stopped = slot.child
    assert stopped is not None
    stopped.is_dismissed = True

    crew.vacate(slot)

    assert slot.child is stopped
    assert not crew.leaving


def wait_after_deaths(slot: Slot) -> None:
    slot.child = None
    slot.why = "it died"
    for _ in range(9):
        slot.back_off()


def test_a_slot_that_waits_after_deaths_is_filled_at_once(crew: Crew, worker: ChildProcess) -> None:
    waiting = crew.slots[0]
    wait_after_deaths(waiting)
    crew.slots[1].closed = True
    restart = Restart(crew)

    restart.begin("entry")
    assert waiting.is_due(0.0)
    restart.go_on(monotonic())
    waiting.take(worker)
    restart.go_on(monotonic())
    assert restart.noted == []
    worker.scoreboard.ready(0.0)
    restart.go_on(monotonic())

    assert restart.noted == [("entry", "replaced 0, started 1 that had died")]
    assert not restart.is_active


def test_each_worker_that_does_not_get_ready_where_others_had_died_is_named_once(
    crew: Crew, start: Callable[[], ChildProcess], caplog: pytest.LogCaptureFixture
) -> None:
    for slot in crew.slots:
        wait_after_deaths(slot)
    restart = Restart(crew)
    restart.begin("entry")
    for slot in crew.slots:
        slot.take(start())
    slow = crew.children()

    with caplog.at_level(logging.WARNING):
        restart.go_on(slow[0].began + 59.0)
        assert caplog.messages == []
        restart.go_on(slow[1].began + 61.0)
        restart.go_on(slow[1].began + 90.0)

    assert [message.partition(" has been starting")[0] for message in caplog.messages] == [
        f"restart: {one}" for one in slow
    ]
    assert restart.is_active


def test_a_restart_has_failed_where_a_slot_that_waited_after_deaths_has_to_wait_again(
    crew: Crew, worker: ChildProcess
) -> None:
    waiting = crew.slots[0]
    wait_after_deaths(waiting)
    restart = Restart(crew, worker)

    restart.begin("entry")
    restart.go_on(monotonic())
    wait_after_deaths(waiting)
    worker.scoreboard.ready(0.0)
    restart.go_on(monotonic())
    crew.leaving.clear()
    restart.go_on(monotonic())

    assert restart.noted == [("entry", "failed: replaced 1; 1 that had died cannot start: it died")]


@pytest.mark.parametrize("ended", [Ending.DISMISSED, Ending.FINISHED], ids=["by command", "as a burst does"])
def test_a_restart_does_not_fail_where_a_new_worker_has_ended_as_it_should(
    bench: Bench, crew: Crew, worker: ChildProcess, ended: Ending
) -> None:
    slot = crew.slots[0]
    wait_after_deaths(slot)
    crew.slots[1].closed = True
    starter = Starter(PoolSettings(queue="shop", config=bench.config), "pool")
    respawn = Respawn(crew, starter, PluginDeaths(), burst=ended is Ending.FINISHED)
    restart = Restart(crew)
    restart.begin("entry")
    restart.go_on(monotonic())
    assert restart.noted == []

    worker.scoreboard.ready(0.0)
    respawn.ended(slot, worker, End(ended, 0, None, 0), is_ordered=ended is Ending.DISMISSED)
    restart.go_on(monotonic())

    assert restart.noted == [("entry", "replaced 0")]


def test_a_restart_does_not_wait_for_a_new_worker_that_is_stopped(crew: Crew, worker: ChildProcess) -> None:
    slot = crew.slots[0]
    wait_after_deaths(slot)
    crew.slots[1].closed = True
    restart = Restart(crew)
    restart.begin("entry")
    slot.take(worker)
    restart.go_on(monotonic())
    assert restart.noted == []

    worker.is_dismissed = True
    restart.go_on(monotonic())

    assert restart.noted == [("entry", "replaced 0")]


def take_over(restart: Restart, crew: Crew, new: ChildProcess) -> None:
    """Let a new worker get ready, and the one before it end."""
    new.scoreboard.ready(0.0)
    restart.go_on(0.0)
    crew.leaving.clear()
    restart.go_on(0.0)


@pytest.mark.parametrize("whole", [True, False], ids=["pool", "worker"])
def test_a_new_worker_that_was_starting_already_is_replaced_in_its_turn(
    crew: Crew, start: Callable[[], ChildProcess], *, whole: bool
) -> None:
    slot, other = crew.slots
    other.closed, other.child = True, None
    early, late = start(), start()
    restart = Restart(crew, early, late)
    begin_one(restart, slot, whole=whole)
    assert crew.successor is early

    # It may have read the code that was there before.
    begin_one(restart, slot, whole=whole)
    take_over(restart, crew, early)
    assert slot.child is early
    take_over(restart, crew, late)

    assert slot.child is late
    assert early.is_leaving
    assert not restart.is_active


def test_a_new_worker_is_replaced_too_that_was_starting_for_one_that_died(
    crew: Crew, start: Callable[[], ChildProcess]
) -> None:
    slot, other = crew.slots
    other.closed, other.child = True, None
    early, between, late = start(), start(), start()
    restart = Restart(crew, early, late)
    begin_one(restart, slot, whole=True)
    slot.child = None

    begin_one(restart, slot, whole=True)
    slot.take(between)
    take_over(restart, crew, early)
    take_over(restart, crew, late)

    assert slot.child is late
    assert early.is_leaving
    assert not restart.is_active


@pytest.mark.parametrize("whole", [True, False], ids=["pool", "worker"])
def test_a_restart_is_over_where_all_end_while_it_waits_to_try_again(
    crew: Crew, worker: ChildProcess, *, whole: bool
) -> None:
    slot = crew.slots[0]
    crew.slots[1].closed, crew.slots[1].child = True, None
    restart = Restart(crew, worker)
    begin_one(restart, slot, whole=whole)
    crew.successor = None
    restart.lost(worker, End(Ending.FAULT, 1, None, 0), 0.0)

    # As by a command: the pool ends then.
    slot.child = None
    slot.close()
    restart.go_on(0.0)

    did = "replaced 0" if whole else "nothing: that worker has ended already"
    assert restart.noted == [("entry", did)]
    assert not restart.is_active
