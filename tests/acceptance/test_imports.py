"""Importing a job's module is not the job's time: no limit holds, leases are kept, and people may end it."""

from __future__ import annotations

import pytest

from skunkqueue.ids import new_id
from skunkqueue.payload import Body, Step, encode
from skunkqueue.records import Firing, State
from skunkqueue.serializers import get_serializer
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import QUEUE, Shop, ended
from tests.support.waiting import eventually

SLOW = """
import time
from pathlib import Path
from jobs import mark, queue, wait_for
Path("imports.txt").open("a").write("x")
{body}
@queue.job(timeout=0.3)
def quick(number):
    Path("runs.txt").open("a").write(f"{{number}} ")
    return number
@queue.job(timeout=0.3)
async def quick_async(number):
    return number
"""


def write(shop: Shop, body: str) -> None:
    (shop.folder / "slow.py").write_text(SLOW.format(body=body))


@pytest.mark.parametrize("job", ["quick", "quick_async"])
def test_a_job_is_not_timed_while_its_module_is_imported(shop: Shop, job: str) -> None:
    # Busy, so that an interrupt would find Python code; and longer than the lease.
    write(shop, "end = time.monotonic() + 2.5\nwhile time.monotonic() < end: pass")
    shop.work("--lease", "1")
    firings = [shop.fire(f"slow:{job}", number, timeout=0.3) for number in range(3)]

    assert [shop.result(firing) for firing in firings] == [0, 1, 2]
    first = shop.record(firings[0])
    assert (first.deaths, (shop.folder / "imports.txt").read_text()) == (0, "x")
    assert first.finished is not None
    assert first.began is not None
    assert first.finished - first.began < 2.5


def test_a_rough_stop_ends_an_import(shop: Shop) -> None:
    write(shop, "wait_for('never')")
    pool = shop.work()
    firing = shop.fire("slow:quick", 1)
    eventually((shop.folder / "imports.txt").exists, PATIENCE, what="the import has begun")

    pool.process.send_signal(2)

    assert ended(pool) == 130
    assert shop.settled(firing).state is State.KILLED


def test_a_module_that_fails_is_imported_once_for_a_firing(shop: Shop) -> None:
    write(shop, "raise RuntimeError('no')")
    shop.work()
    firing = shop.fire("slow:quick", 1, timeout=0.3, retries=3)

    assert "RuntimeError: no" in shop.failure(firing).message
    assert (shop.folder / "imports.txt").read_text() == "x"


def test_each_step_of_a_chain_is_timed_from_its_own_code_on(shop: Shop) -> None:
    write(shop, "end = time.monotonic() + 1\nwhile time.monotonic() < end: pass")
    steps = []
    for job in ("jobs:add", "slow:quick", "slow:quick_async"):
        arguments = (1, 2) if job == "jobs:add" else (1,)
        steps.append(Step(job, get_serializer("typed").dumps_call(arguments, {}, None), 0, 0.5))
    firing = Firing(id=new_id(), queue=QUEUE, route="default", body=encode(Body(tuple(steps))))
    shop.work()
    shop.backend.enqueue([firing])

    assert shop.settled(firing.id).state is State.COMPLETE, shop.failure(firing.id)
