"""Pools as the store lists them, and the commands that they hear: real pools, real jobs, real deaths."""

from __future__ import annotations

import resource
from collections.abc import Callable

import psutil
import pytest

from skunkqueue.control import Control
from skunkqueue.errors import UnknownWorkerError
from skunkqueue.pools import Entry, PoolRecord, Process
from skunkqueue.records import Command, State
from tests.acceptance.stage import PATIENCE
from tests.acceptance.workshop import Workshop, ended
from tests.support.waiting import eventually, never

HEARD_WITHIN = 10.0
"""Seconds; two on a machine that is not busy."""


@pytest.fixture
def control(shop: Workshop) -> Control:
    return Control(shop.backend, "ann@here", "a test")


def listed(shop: Workshop) -> PoolRecord:
    """Wait until the one pool is listed with all its workers ready."""

    def find() -> PoolRecord | None:
        pools = shop.backend.pools()
        ready = pools and len(pools[0].processes) == pools[0].workers
        return pools[0] if ready and all(one.state == "running" for one in pools[0].processes) else None

    found = eventually(find, PATIENCE, what="the pool is listed")
    assert found is not None
    return found


def pool_is(shop: Workshop, state: str) -> Callable[[], bool]:
    return lambda: [pool.state for pool in shop.backend.pools()] == [state]


def heard(control: Control, id_: str) -> Entry:
    """Wait until somebody has taken a command."""
    entry = eventually(
        lambda: (found := control.entry(id_)) and found.heard and found, PATIENCE, what="the command is heard"
    )
    assert isinstance(entry, Entry)
    assert entry.heard is not None
    assert entry.heard - entry.at < HEARD_WITHIN
    return entry


def carried_out(control: Control, id_: str) -> str:
    """Wait until a command is done; return what it did."""
    entry = eventually(
        lambda: (found := control.entry(id_)) and found.done and found, PATIENCE, what="the command is done"
    )
    assert isinstance(entry, Entry)
    return entry.did or ""


def test_a_pool_is_listed_with_its_workers(shop: Workshop) -> None:
    pool = shop.work("-r", "default", "-c", "2", workers=2)

    record = listed(shop)

    assert (record.pid, record.queue, record.routes, record.workers) == (
        pool.process.pid,
        "shop",
        ("default",),
        2,
    )
    assert {one.worker for one in record.processes} == {one.id for one in shop.backend.workers()}
    assert {one.pid for one in record.processes} == set(shop.pids())
    assert {one.pool for one in shop.backend.workers()} == {record.id}
    assert pool.stop() == 0
    assert shop.backend.pools() == []


def test_memory_and_time_are_measured_while_a_job_holds_the_interpreter(shop: Workshop) -> None:
    shop.work()
    firing = shop.fire("in_c", 0.3)
    shop.begun(firing)
    before = len(listed(shop).processes[0].samples)

    eventually(
        lambda: len(listed(shop).processes[0].samples) >= before + 2, PATIENCE, what="two samples more"
    )
    newest = listed(shop).processes[0].samples[-1]
    assert newest.rss > 1_000_000
    assert newest.cpu > 0


def test_a_quiet_pool_stays_listed_and_begins_nothing(shop: Workshop, control: Control) -> None:
    shop.work("-c", "2", workers=2)
    pool = listed(shop)
    did = carried_out(control, control.quiet_pool(pool.id))
    assert did == "told 2 workers to begin nothing more"
    eventually(
        lambda: [one.state for one in shop.backend.workers()] == ["quiet"] * 2,
        PATIENCE,
        what="both are quiet",
    )

    firings = [shop.fire("add", number, 0) for number in range(20)]
    # A wait that was under way may still be lent some; they are given back.
    never(lambda: any(shop.record(one).state.final for one in firings), 1.0, what="one is run")
    eventually(
        lambda: all(shop.state(one) is State.PENDING for one in firings), PATIENCE, what="all of them wait"
    )
    assert pool_is(shop, "quiet")()

    carried_out(control, control.resume_pool(pool.id))
    assert [shop.result(one) for one in firings] == list(range(20))
    eventually(pool_is(shop, "running"), PATIENCE, what="the pool is running")


def test_a_quiet_worker_ends_its_job_and_gives_the_others_back(shop: Workshop, control: Control) -> None:
    first = shop.fire("hold", "go")
    others = [shop.fire("add", number, 0) for number in range(50)]
    shop.work()
    shop.begun(first)

    carried_out(control, control.quiet_pool(listed(shop).id))
    shop.touch("go")

    assert shop.result(first) == 42
    never(lambda: any(shop.state(one) is State.COMPLETE for one in others), 1.0, what="another begins")
    assert {shop.state(one) for one in others} == {State.PENDING}


def test_a_worker_that_is_born_in_a_quiet_pool_is_quiet(shop: Workshop, control: Control) -> None:
    shop.work()
    carried_out(control, control.quiet_pool(listed(shop).id))
    # Until then it may still be lent what it gives back at once.
    eventually(
        lambda: [one.state for one in shop.backend.workers()] == ["quiet"], PATIENCE, what="it is quiet"
    )
    firing = shop.fire("which")
    (pid,) = shop.pids()

    psutil.Process(pid).kill()

    eventually(lambda: shop.pids() and shop.pids() != [pid], PATIENCE, what="another is there")
    never(lambda: shop.state(firing) is not State.PENDING, 1.0, what="it begins")


def test_a_command_reaches_a_pool_whose_only_worker_is_dead(shop: Workshop, control: Control) -> None:
    pool = shop.work()
    record = listed(shop)
    mourn(shop)

    entry = control.stop_pool(record.id)

    heard(control, entry)
    assert ended(pool) == 0
    assert control.entry(entry) is not None
    assert carried_out(control, entry) == "the pool has ended"


def test_a_dead_worker_that_is_stopped_has_no_successor(shop: Workshop, control: Control) -> None:
    pool = shop.work()
    record = listed(shop)
    last = mourn(shop)

    did = carried_out(control, told_late(control, record, "stop", last))
    assert did == "it had died: none takes its place"

    # Nobody is left, and nobody will come.
    assert ended(pool) == 0


def test_a_dead_worker_that_is_restarted_has_a_successor_at_once(shop: Workshop, control: Control) -> None:
    shop.work()
    record = listed(shop)
    last = mourn(shop)

    did = carried_out(control, told_late(control, record, "restart", last))
    assert did == "it had died: another is started at once"

    eventually(lambda: shop.listed() == 1, PATIENCE, what="another is there")


def told_late(control: Control, pool: PoolRecord, verb: str, worker: str) -> str:
    """Send what somebody sent who saw the worker listed a moment ago."""
    with control.action(verb, f"worker {worker}") as action:
        assert control.backend.send(pool.id, Command(verb=verb, worker=worker, id=action.id))
    return action.id


def mourn(shop: Workshop) -> str:
    """Have a pool's only worker die again and again, until the pool waits before it starts another; return its id."""
    known: list[str] = []

    def is_waiting() -> bool:
        workers = shop.backend.workers()
        if workers and workers[0].id not in known:
            known.append(workers[0].id)
            shop.backend.kill([firing])
            psutil.Process(workers[0].pid).kill()
        return len(known) >= 5 and not shop.listed()

    firing = shop.fire("add", 1, 1, delay=10 * PATIENCE)
    eventually(is_waiting, 2 * PATIENCE, what="the pool waits before it starts another")
    return known[-1]


@pytest.mark.parametrize("job", ["in_c", "stubborn"])
def test_a_worker_whose_job_never_lets_go_is_ended_by_its_pool(
    shop: Workshop, control: Control, job: str
) -> None:
    shop.work("-c", "2", "--grace", "0.5", workers=2)
    pool = listed(shop)
    firing = shop.fire(job, *((0.3,) if job == "in_c" else ()))
    shop.begun(firing)
    holder = shop.record(firing).worker
    assert holder is not None

    entry = control.stop_worker(holder, rough=True)

    heard(control, entry)
    assert carried_out(control, entry).startswith("killed, since its job did not let go: killed by SIGKILL")
    assert shop.settled(firing).state is State.KILLED
    assert holder not in {one.id for one in shop.backend.workers()}
    eventually(
        lambda: [(one.id, one.workers) for one in shop.backend.pools()] == [(pool.id, 1)],
        PATIENCE,
        what="the pool goes on with one worker",
    )
    assert shop.result(shop.fire("add", 1, 2)) == 3


def test_a_worker_is_stopped_gently_and_not_replaced(shop: Workshop, control: Control) -> None:
    shop.work("-c", "2", workers=2)
    listed(shop)
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    holder = shop.record(firing).worker
    assert holder is not None

    entry = control.stop_worker(holder)
    heard(control, entry)
    never(lambda: shop.state(firing) is not State.RUNNING, 0.3, what="its job is disturbed")
    shop.touch("go")

    assert carried_out(control, entry).startswith("ended: ")
    assert shop.result(firing) == 42
    never(lambda: shop.listed() != 1, 1.0, what="another takes its place")


def test_a_worker_is_restarted(shop: Workshop, control: Control) -> None:
    shop.work()
    (before,) = listed(shop).processes

    assert carried_out(control, control.restart_worker(before.worker)).startswith("ended: ")

    eventually(
        lambda: before.worker != listed(shop).processes[0].worker, PATIENCE, what="another is in its place"
    )
    assert shop.result(shop.fire("which")) == listed(shop).processes[0].pid


def test_a_restart_under_load_loses_nothing(shop: Workshop, control: Control) -> None:
    shop.work("-c", "2", workers=2)
    pool = listed(shop)
    before = set(shop.pids())
    slow = shop.fire("hold", "go")
    shop.begun(slow)
    firings = [shop.fire("tally") for _ in range(100)]

    entry = control.restart_pool(pool.id)
    heard(control, entry)
    while not before.isdisjoint({one.pid for one in listed_or_not(shop) if one.state == "running"}):
        firings += [shop.fire("tally") for _ in range(5)]
        assert shop.listed() >= 1
    shop.touch("go")

    assert carried_out(control, entry) == "replaced 2"
    assert shop.result(slow) == 42
    for firing in firings:
        shop.result(firing)
        assert len((shop.folder / f"tally-{firing}").read_text().split()) == 1
    assert before.isdisjoint(shop.pids())
    assert listed(shop).id == pool.id
    eventually(pool_is(shop, "running"), PATIENCE, what="the restart is over")


def listed_or_not(shop: Workshop) -> tuple[Process, ...]:
    pools = shop.backend.pools()
    return pools[0].processes if pools else ()


def test_somebody_works_all_the_time_while_one_worker_is_replaced(shop: Workshop, control: Control) -> None:
    shop.work()
    pool = listed(shop)

    entry = control.restart_pool(pool.id)

    def is_done() -> bool:
        assert shop.listed() >= 1
        found = control.entry(entry)
        return found is not None and found.done is not None

    eventually(is_done, PATIENCE, what="the restart is over")
    assert listed(shop).processes[0].worker != pool.processes[0].worker


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits another process")
def test_a_restart_that_cannot_start_a_worker_keeps_the_old_ones(shop: Workshop, control: Control) -> None:
    pool = shop.work()
    record = listed(shop)
    process = psutil.Process(pool.process.pid)
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (process.num_fds() + 1, before[1]))

    did = carried_out(control, control.restart_pool(record.id))

    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
    assert did.startswith("replaced 0, the others are kept: a new worker cannot start: the pool may open no")
    assert [one.id for one in shop.backend.workers()] == [one.worker for one in record.processes]
    assert shop.result(shop.fire("add", 1, 2)) == 3


def test_a_pool_that_is_stopped_while_it_restarts_leaves_nobody_behind(
    shop: Workshop, control: Control
) -> None:
    pool = shop.work("-c", "2", workers=2)
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    restart = control.restart_pool(listed(shop).id)
    heard(control, restart)
    eventually(pool_is(shop, "restarting"), PATIENCE, what="the pool restarts")

    stop = control.stop_pool(shop.backend.pools()[0].id)
    heard(control, stop)
    shop.touch("go")

    assert ended(pool) == 0
    assert shop.result(firing) == 42
    assert "the pool was told to stop" in carried_out(control, restart)
    assert carried_out(control, stop) == "the pool has ended"
    assert shop.listed() == 0


def test_a_pool_is_stopped_gently(shop: Workshop, control: Control) -> None:
    pool = shop.work()
    firing = shop.fire("hold", "go")
    shop.begun(firing)

    entry = control.stop_pool(listed(shop).id)
    heard(control, entry)
    eventually(pool_is(shop, "stopping"), PATIENCE, what="the pool is stopping")
    shop.touch("go")

    assert ended(pool) == 0
    assert shop.result(firing) == 42
    assert carried_out(control, entry) == "the pool has ended"


def test_a_pool_is_stopped_roughly(shop: Workshop, control: Control) -> None:
    pool = shop.work()
    firing = shop.fire("sleep")
    shop.begun(firing)

    control.stop_pool(listed(shop).id, rough=True)

    assert ended(pool) == 130
    assert shop.state(firing) is State.KILLED
    assert shop.backend.pools() == []


def test_an_unknown_command_is_answered(shop: Workshop, control: Control) -> None:
    shop.work()
    pool = listed(shop)

    did = carried_out(control, control._tell_pool("dance", pool.id))

    assert did == "nothing: this version does not know 'dance'"
    with pytest.raises(UnknownWorkerError):
        control.stop_worker("nobody")
