"""Importing a job's module: people may end it, and a module that fails is imported once."""

from __future__ import annotations

from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import Shop, ended
from tests.support.waiting import eventually

SLOW = """
import time
from pathlib import Path
from jobs import mark, queue, wait_for
Path("imports.txt").open("a").write("x")
{body}
@queue.job
def quick(number):
    Path("runs.txt").open("a").write(f"{{number}} ")
    return number
@queue.job
async def quick_async(number):
    return number
"""


def write(shop: Shop, body: str) -> None:
    (shop.folder / "slow.py").write_text(SLOW.format(body=body))


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
    firing = shop.fire("slow:quick", 1, retries=3)

    assert "RuntimeError: no" in shop.failure(firing).message
    assert (shop.folder / "imports.txt").read_text() == "x"


def test_garbage_is_collected_again_once_jobs_run(shop: Shop) -> None:
    (shop.folder / "garbage.py").write_text(
        "import gc\nfrom jobs import queue\n@queue.job\ndef is_collected():\n    return gc.isenabled()\n"
    )
    shop.work()

    assert shop.result(shop.fire("garbage:is_collected")) is True
