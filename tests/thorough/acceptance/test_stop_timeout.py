"""The time limit of a gentle stop, where single workers are stopped or replaced."""

from __future__ import annotations

import signal

import pytest

from skunkqueue.control import Control
from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import Shop, ended
from tests.acceptance.test_pool_commands import carried_out, control, listed
from tests.acceptance.test_stop_timeout import AT_ONCE, LEASE, check_given_back
from tests.support.waiting import eventually

__all__ = ["control"]


@pytest.mark.parametrize("job", ["sleep", "doze", "stubborn", "in_c"])
def test_the_limit_holds_where_one_worker_is_stopped(shop: Shop, control: Control, job: str) -> None:
    pool = shop.work(*AT_ONCE, "--grace", "0.5" if job in ("stubborn", "in_c") else str(10 * PATIENCE))
    (process,) = listed(shop).processes
    firing = shop.fire(job)
    shop.begun(firing)

    did = carried_out(control, control.stop_worker(process.worker))

    if job in ("sleep", "doze"):
        assert did.startswith("ended after the stop time-out: ")
    else:
        assert did.startswith("killed, since its job did not end")
    assert ended(pool) == 0
    check_given_back(shop, firing)


@pytest.mark.parametrize("whole", [True, False], ids=["pool", "worker"])
def test_the_limit_holds_for_workers_that_are_replaced(shop: Shop, control: Control, *, whole: bool) -> None:
    shop.work(*AT_ONCE)
    pool = listed(shop)
    old = pool.processes[0].worker
    firing = shop.fire("sleep")
    shop.begun(firing)

    did = carried_out(control, control.restart_pool(pool.id) if whole else control.restart_worker(old))

    assert did == "replaced 1" if whole else "; ended after the stop time-out: " in did
    (new,) = listed(shop).processes
    eventually(lambda: shop.record(firing).worker == new.worker, PATIENCE, what="it runs again")
    assert (shop.state(firing), shop.record(firing).deaths) == (State.RUNNING, 0)


def test_a_worker_that_is_stopped_roughly_gives_nothing_back(shop: Shop, control: Control) -> None:
    pool = shop.work("--stop-timeout", str(10 * PATIENCE), *LEASE, "--grace", "0.5")
    (process,) = listed(shop).processes
    firing = shop.fire("stubborn")
    shop.begun(firing)

    stop = control.stop_worker(process.worker)
    rough = control.stop_worker(process.worker, rough=True)

    assert carried_out(control, rough).startswith("killed, since its job did not end")
    assert carried_out(control, stop) == carried_out(control, rough)
    assert ended(pool) == 0
    assert shop.state(firing) is State.KILLED


def test_a_worker_that_is_stopped_roughly_in_a_pool_that_gives_back_gives_nothing_back(
    shop: Shop, control: Control
) -> None:
    # Longer than it takes to hear the command: the grace of the whole pool began before, and ends first.
    pool = shop.work(*AT_ONCE, "--grace", "5")
    (process,) = listed(shop).processes
    firing = shop.fire("stubborn")
    shop.begun(firing)
    pool.process.send_signal(signal.SIGTERM)
    shop.begun(firing, "caught")

    rough = control.stop_worker(process.worker, rough=True)

    assert carried_out(control, rough).startswith("killed, since its job did not end")
    assert ended(pool) == 0
    assert shop.state(firing) is State.KILLED
