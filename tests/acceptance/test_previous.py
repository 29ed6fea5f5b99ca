"""Chains whose steps take what the step before returned, and jobs that wait for what only their own worker runs."""

from __future__ import annotations

import pytest

from skunkqueue import SkunkQueue
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import Shop

FIRE = """
from jobs import add, twice, twice_async
from pathlib import Path
chain = {chain}
Path("id.txt").write_text(chain.fire().id)
"""


def fired(shop: Shop, chain: str) -> str:
    shop.project.write("fire.py", FIRE.format(chain=chain))
    shop.project.run("fire.py")
    return (shop.folder / "id.txt").read_text()


def results_of(shop: Shop, firing: str) -> object:
    with SkunkQueue("shop", conn_url=shop.project.environment["SKUNKQUEUE_URL"]) as queue:
        return queue.handle(firing).wait(PATIENCE)


@pytest.mark.parametrize(
    ("chain", "results"),
    [
        ("add(1, 2) & twice.with_previous()", [3, 6]),
        ("add(1, 2) & twice(10).with_previous()", [3, 16]),
        ("add(1, 2) & twice.with_previous(10)", [3, 16]),
        ("add(1, 2) & twice(plus=5).with_previous() & twice_async(1).with_previous()", [3, 11, 23]),
        ("twice_async(1) & twice.with_previous() & twice(7)", [2, 4, 14]),
    ],
)
def test_a_step_takes_what_the_step_before_it_returned(shop: Shop, chain: str, results: list[int]) -> None:
    firing = fired(shop, chain)
    shop.work()

    assert results_of(shop, firing) == results


def test_a_step_that_is_tried_again_takes_the_same_result(shop: Shop) -> None:
    text = "import jobs\n@jobs.queue.job(retries=1, backoff=0.0)\ndef fickle(given):\n    if jobs.current_job().attempt == 1:\n"
    shop.project.write("fickle.py", f"{text}        raise OSError\n    return given\n")
    shop.project.write(
        "fire.py", FIRE.format(chain="add(1, 2) & __import__('fickle').fickle.with_previous()")
    )
    shop.project.run("fire.py")
    shop.work()

    assert results_of(shop, (shop.folder / "id.txt").read_text()) == [3, 3]


def test_a_job_that_waits_for_its_own_worker_is_warned_of(shop: Shop) -> None:
    pool = shop.work()

    assert shop.result(shop.fire("wait_for_own", 0.1)) == "too late"
    pool.says("a job waits for its own worker")


def test_a_job_that_waits_for_another_worker_is_not_warned_of(shop: Shop) -> None:
    pool = shop.work("-c", "2", workers=2)

    assert shop.result(shop.fire("wait_for_own", 60.0)) == "in time"
    assert "waits for its own worker" not in pool.said
