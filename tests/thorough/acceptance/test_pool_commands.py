"""Commands to pools that have lost their workers, are changing, or are short of something."""

from __future__ import annotations

import resource

import psutil
import pytest

from skunkqueue.control import Control
from skunkqueue.pools import PoolRecord
from skunkqueue.records import Command, State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import Shop, ended
from tests.acceptance.test_pool_commands import (
    carried_out,
    control,
    ended_by_its_pool,
    heard,
    heard_after,
    listed,
    mourn,
    pool_is,
)
from tests.support.waiting import eventually, never

__all__ = ["control"]


def test_memory_and_time_are_measured_while_a_job_holds_the_interpreter(shop: Shop) -> None:
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


@pytest.mark.parametrize("is_mourning", [False, True], ids=["with a worker", "between death and birth"])
def test_a_command_reaches_a_pool_within_two_seconds(
    shop: Shop, control: Control, *, is_mourning: bool
) -> None:
    shop.work()
    pool = listed(shop)
    if is_mourning:
        mourn(shop)

    # On a busy machine one of them may take longer, but not all of them.
    took = []
    for _ in range(5):
        took += [heard_after(control, tell(pool.id)) for tell in (control.quiet_pool, control.resume_pool)]
        if min(took) < 2.0:
            break
    assert min(took) < 2.0


def test_what_holds_the_interpreter_from_its_start_is_listed_long_before_its_lease_is_extended(
    shop: Shop, control: Control
) -> None:
    shop.work("--lease", "600")
    registered = shop.backend.workers()[0].beat
    eventually(
        lambda: shop.backend.workers()[0].beat != registered, PATIENCE, what="its next beat is in seconds"
    )
    firing = shop.fire("in_c", 0.3)
    shop.begun(firing)

    eventually(
        lambda: [one.running for one in shop.backend.workers()] == [(firing,)], PATIENCE, what="it is listed"
    )
    (worker,) = shop.backend.workers()
    assert (worker.state, worker.current) == ("busy", firing)
    assert worker.rss > 1_000_000

    carried_out(control, control.quiet_worker(worker.id))
    eventually(
        lambda: [(one.state, one.running) for one in shop.backend.workers()] == [("quiet", (firing,))],
        PATIENCE,
        what="it is listed as quiet, though it has not heard it",
    )


def test_a_quiet_worker_ends_its_job_and_gives_the_others_back(shop: Shop, control: Control) -> None:
    first = shop.fire("hold", "go")
    others = [shop.fire("add", number, 0) for number in range(50)]
    shop.work()
    shop.begun(first)

    carried_out(control, control.quiet_pool(listed(shop).id))
    # Until then the worker may not have heard it.
    eventually(
        lambda: all(shop.state(one) is State.PENDING for one in others),
        PATIENCE,
        what="what it had claimed is given back",
    )
    shop.touch("go")

    assert shop.result(first) == 42
    never(lambda: any(shop.state(one) is State.COMPLETE for one in others), 1.0, what="another begins")
    assert {shop.state(one) for one in others} == {State.PENDING}


def test_a_worker_that_is_born_in_a_quiet_pool_is_quiet(shop: Shop, control: Control) -> None:
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


def test_a_dead_worker_that_is_stopped_has_no_successor(shop: Shop, control: Control) -> None:
    pool = shop.work()
    record = listed(shop)
    last = mourn(shop)

    did = carried_out(control, told_late(control, record, "stop", last))
    assert did == "it had died: none takes its place"

    # Nobody is left, and nobody will come.
    assert ended(pool) == 0


def test_a_dead_worker_that_is_restarted_has_a_successor_at_once(shop: Shop, control: Control) -> None:
    shop.work()
    record = listed(shop)
    last = mourn(shop)

    did = carried_out(control, told_late(control, record, "restart", last))
    assert did == "it had died: another is started at once"

    eventually(lambda: shop.listed() == 1, PATIENCE, what="another is there")


def test_a_worker_that_was_stopped_is_not_replaced_by_a_restart_of_its_pool(
    shop: Shop, control: Control
) -> None:
    shop.work("-c", "2", workers=2)
    pool = listed(shop)
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    holder = shop.record(firing).worker
    assert holder is not None

    stop = control.stop_worker(holder)
    heard(control, stop)
    did = carried_out(control, control.restart_pool(pool.id))
    shop.touch("go")

    assert did == "replaced 1"
    assert carried_out(control, stop).startswith("ended: ")
    assert shop.result(firing) == 42
    eventually(lambda: shop.backend.pools()[0].workers == 1, PATIENCE, what="the pool is to have one worker")
    assert len(listed(shop).processes) == 1


def test_a_restart_of_a_pool_starts_a_worker_that_had_died_at_once(shop: Shop, control: Control) -> None:
    shop.work()
    record = listed(shop)
    mourn(shop)

    did = carried_out(control, control.restart_pool(record.id))

    assert did == "replaced 0, started 1 that had died"
    assert shop.listed() == 1


def told_late(control: Control, pool: PoolRecord, verb: str, worker: str) -> str:
    """Send what somebody sent who saw the worker listed a moment ago."""
    with control.action(verb, f"worker {worker}") as action:
        assert control.backend.send(pool.id, Command(verb=verb, worker=worker, id=action.id))
    return action.id


@pytest.mark.parametrize("whole", [True, False], ids=["pool", "worker"])
def test_somebody_works_all_the_time_while_one_worker_is_replaced(
    shop: Shop, control: Control, *, whole: bool
) -> None:
    shop.work()
    pool = listed(shop)

    entry = control.restart_pool(pool.id) if whole else control.restart_worker(pool.processes[0].worker)

    def is_done() -> bool:
        assert shop.listed() >= 1
        found = control.entry(entry)
        return found is not None and found.done is not None

    eventually(is_done, PATIENCE, what="the restart is over")
    assert listed(shop).processes[0].worker != pool.processes[0].worker


@pytest.mark.parametrize(
    ("whole", "kept"), [(True, "replaced 0, the others are kept"), (False, "it is kept")]
)
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits another process")
def test_a_restart_that_cannot_start_a_worker_keeps_the_old_ones(
    shop: Shop, control: Control, *, whole: bool, kept: str
) -> None:
    pool = shop.work()
    record = listed(shop)
    process = psutil.Process(pool.process.pid)
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    # A few, with which it writes to its store, but not the six or more that the start of a worker takes.
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (process.num_fds() + 4, before[1]))

    restart = control.restart_pool(record.id) if whole else control.restart_worker(record.processes[0].worker)
    did = carried_out(control, restart)

    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
    assert did.startswith(f"failed: {kept}: a new worker cannot start: the pool may open no")
    assert getattr(control.entry(restart), "outcome", None) == "failed"
    assert [one.id for one in shop.backend.workers()] == [one.worker for one in record.processes]
    assert shop.result(shop.fire("add", 1, 2)) == 3


def test_a_pool_that_is_stopped_while_it_restarts_leaves_nobody_behind(shop: Shop, control: Control) -> None:
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


def test_a_worker_that_dies_before_another_took_its_place_is_restarted_all_the_same(
    shop: Shop, control: Control
) -> None:
    shop.work()
    (before,) = listed(shop).processes

    entry = control.restart_worker(before.worker)
    heard(control, entry)
    psutil.Process(before.pid).kill()

    carried_out(control, entry)
    eventually(
        lambda: [one.worker for one in listed(shop).processes] != [before.worker],
        PATIENCE,
        what="another works",
    )
    eventually(pool_is(shop, "running"), PATIENCE, what="the restart is over")
    assert shop.result(shop.fire("add", 1, 2)) == 3


def test_a_worker_whose_job_never_lets_go_is_ended_by_its_pool(shop: Shop, control: Control) -> None:
    ended_by_its_pool(shop, control, "stubborn")
