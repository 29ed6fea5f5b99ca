"""Pools as the store lists them, and the commands that they hear: real pools, real jobs, real deaths."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest

from skunkqueue.control import Control
from skunkqueue.errors import UnknownWorkerError
from skunkqueue.pools import Entry, PoolRecord, Process
from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import Shop, ended
from tests.support.waiting import eventually, never

HEARD_WITHIN = 10.0
"""Seconds; two on a machine that is not busy."""


@pytest.fixture
def control(shop: Shop) -> Control:
    return Control(shop.backend, "ann@here", "a test")


def listed(shop: Shop) -> PoolRecord:
    """Wait until the one pool is listed with all its workers ready."""

    def find() -> PoolRecord | None:
        pools = shop.backend.pools()
        ready = pools and len(pools[0].processes) == pools[0].workers
        return pools[0] if ready and all(one.state == "running" for one in pools[0].processes) else None

    found = eventually(find, PATIENCE, what="the pool is listed")
    assert found is not None
    return found


def pool_is(shop: Shop, state: str) -> Callable[[], bool]:
    return lambda: [pool.state for pool in shop.backend.pools()] == [state]


def heard(control: Control, id_: str) -> Entry:
    """Wait until somebody has taken a command."""
    assert heard_after(control, id_) < HEARD_WITHIN
    entry = control.entry(id_)
    assert entry is not None
    return entry


def heard_after(control: Control, id_: str) -> float:
    """Wait until somebody has taken a command; return after how many seconds, as the receipt says it."""
    entry = eventually(
        lambda: (found := control.entry(id_)) and found.heard and found, PATIENCE, what="the command is heard"
    )
    assert isinstance(entry, Entry)
    assert entry.heard is not None
    return entry.heard - entry.at


def carried_out(control: Control, id_: str) -> str:
    """Wait until a command is done; return what it did."""
    entry = eventually(
        lambda: (found := control.entry(id_)) and found.done and found, PATIENCE, what="the command is done"
    )
    assert isinstance(entry, Entry)
    return entry.did or ""


def test_a_pool_is_listed_with_its_workers(shop: Shop) -> None:
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


def test_a_quiet_pool_stays_listed_and_begins_nothing(shop: Shop, control: Control) -> None:
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


def test_one_worker_is_quiet_while_the_others_go_on(shop: Shop, control: Control) -> None:
    shop.work("-c", "2", workers=2)
    pool = listed(shop)
    quiet, other = (process.worker for process in pool.processes)
    told = "told it to begin nothing more"
    assert carried_out(control, control.quiet_worker(quiet)) == told
    eventually(lambda: state_of(shop, quiet) == "quiet", PATIENCE, what="it is quiet")

    firings = [shop.fire("add", number, 0) for number in range(20)]

    assert [shop.result(one) for one in firings] == list(range(20))
    assert {each.worker for each in map(shop.record, firings)} == {other}
    assert pool_is(shop, "running")()
    assert carried_out(control, control.resume_worker(quiet)) == "told it to begin jobs again"
    eventually(lambda: state_of(shop, quiet) == "idle", PATIENCE, what="it goes on")
    carried_out(control, control.quiet_pool(pool.id))
    assert carried_out(control, control.resume_worker(quiet)) == "nothing: its whole pool is quiet"


def state_of(shop: Shop, worker: str) -> str | None:
    return next((one.state for one in shop.backend.workers() if one.id == worker), None)


def test_a_command_reaches_a_pool_whose_only_worker_is_dead(shop: Shop, control: Control) -> None:
    pool = shop.work()
    record = listed(shop)
    mourn(shop)

    entry = control.stop_pool(record.id)

    heard(control, entry)
    assert ended(pool) == 0
    assert control.entry(entry) is not None
    assert carried_out(control, entry) == "the pool has ended"


def mourn(shop: Shop) -> str:
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


def ended_by_its_pool(shop: Shop, control: Control, job: str) -> None:
    """See that a pool ends a worker whose job never lets go, and goes on without it."""
    shop.work("-c", "2", "--grace", "0.5", workers=2)
    pool = listed(shop)
    firing = shop.fire(job, *((0.3,) if job == "in_c" else ()))
    shop.begun(firing)
    holder = shop.record(firing).worker
    assert holder is not None

    entry = control.stop_worker(holder, rough=True)

    heard(control, entry)
    assert carried_out(control, entry).startswith("killed, since its job did not end: killed by SIGKILL")
    record = shop.settled(firing)
    assert (record.state, record.began is not None) == (State.KILLED, True)
    # As long as the grace.
    assert (record.took or 0.0) >= 0.5
    assert holder not in {one.id for one in shop.backend.workers()}
    eventually(
        lambda: [(one.id, one.workers) for one in shop.backend.pools()] == [(pool.id, 1)],
        PATIENCE,
        what="the pool goes on with one worker",
    )
    assert shop.result(shop.fire("add", 1, 2)) == 3


def test_a_worker_whose_job_never_lets_go_is_ended_by_its_pool(shop: Shop, control: Control) -> None:
    ended_by_its_pool(shop, control, "in_c")


def test_a_worker_is_stopped_gently_and_not_replaced(shop: Shop, control: Control) -> None:
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


def test_a_worker_is_restarted(shop: Shop, control: Control) -> None:
    shop.work()
    (before,) = listed(shop).processes

    did = carried_out(control, control.restart_worker(before.worker))

    eventually(
        lambda: before.worker != listed(shop).processes[0].worker, PATIENCE, what="another is in its place"
    )
    (after,) = listed(shop).processes
    assert did.startswith(f"replaced by {after.worker}; ended: ")
    assert shop.result(shop.fire("which")) == after.pid


def test_a_worker_that_is_restarted_is_not_told_to_end_before_another_works(
    shop: Shop, control: Control
) -> None:
    shop.work("-c", "2", workers=2)
    first, second = (process.worker for process in listed(shop).processes)
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    holder = shop.record(firing).worker
    assert holder is not None

    entry = control.restart_worker(holder)
    eventually(lambda: shop.listed() == 3, PATIENCE, what="another works beside it")
    assert shop.state(firing) is State.RUNNING
    shop.touch("go")

    assert carried_out(control, entry).startswith("replaced by ")
    assert shop.result(firing) == 42
    left = {one.id for one in shop.backend.workers()}
    assert holder not in left
    assert left & {first, second} == {first, second} - {holder}
    eventually(pool_is(shop, "running"), PATIENCE, what="the restart is over")


def test_a_restart_under_load_loses_nothing(shop: Shop, control: Control) -> None:
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


def listed_or_not(shop: Shop) -> tuple[Process, ...]:
    pools = shop.backend.pools()
    return pools[0].processes if pools else ()


def test_a_pool_is_stopped_gently(shop: Shop, control: Control) -> None:
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


def test_a_pool_is_stopped_roughly(shop: Shop, control: Control) -> None:
    pool = shop.work()
    firing = shop.fire("sleep")
    shop.begun(firing)

    entry = control.stop_pool(listed(shop).id, rough=True)

    heard(control, entry)
    assert carried_out(control, entry) == "the pool has ended"
    assert ended(pool) == 130
    assert shop.state(firing) is State.KILLED
    assert shop.backend.pools() == []


def test_an_unknown_command_is_answered(shop: Shop, control: Control) -> None:
    shop.work()
    pool = listed(shop)

    did = carried_out(control, control._tell_pool("dance", pool.id))

    assert did == "nothing: this version does not know 'dance'"
    with pytest.raises(UnknownWorkerError):
        control.stop_worker("nobody")
