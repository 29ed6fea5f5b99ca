"""Copies of a worker process, which a job makes by forking in a thread: they end when their code comes back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import Shop, living_children
from tests.support.waiting import eventually

JOBS = Path(__file__).parent / "forking_jobs.py"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One pool for all cases, which leaves nothing behind."""
    folder = tmp_path_factory.mktemp("forking")
    shutil.copy(JOBS, folder / "forking.py")
    with Shop(folder) as shop:
        pool = shop.work()
        yield shop
        assert pool.stop() == 0


@pytest.mark.parametrize("job", ["to_thread", "own_thread", "pool", "thread"])
def test_copy_that_a_thread_of_a_job_makes_ends_when_its_code_comes_back(shop: Shop, job: str) -> None:
    (pid,) = shop.pids()
    firing = shop.fire(f"forking:{job}")

    assert shop.result(firing) == "forked"
    shop.begun(firing, "copy")
    eventually(lambda: living_children(pid) == [], PATIENCE, what="the copy has ended")
    processes = shop.folder / f"processes-{firing}"
    if processes.exists():
        assert processes.read_text().split() == [str(pid)] * 2


def test_copy_that_a_thread_of_a_job_makes_may_work(shop: Shop) -> None:
    assert shop.result(shop.fire("forking:at_work")) == 12
