"""Imports and rules that never end, or take longer than the job."""

from __future__ import annotations

import pytest

from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import Shop
from tests.acceptance.test_imports import write
from tests.support.waiting import eventually


@pytest.mark.parametrize("body", ["wait_for('never')", "import ctypes; ctypes.PyDLL(None).sleep(1000)"])
def test_an_import_that_never_ends_can_be_killed(shop: Shop, body: str) -> None:
    write(shop, body)
    shop.work("--grace", "0.5")
    firing = shop.fire("slow:quick", 1, timeout=0.3)
    eventually((shop.folder / "imports.txt").exists, PATIENCE, what="the import has begun")

    shop.backend.kill([firing])

    assert shop.settled(firing).state is State.KILLED
    assert shop.result(shop.fire("add", 1, 2)) == 3


def test_arguments_that_import_much_are_not_the_jobs_time(shop: Shop) -> None:
    (shop.folder / "kinds.py").write_text(
        "import dataclasses, os, time\n"
        "if os.environ.get('SLOW'): time.sleep(1)\n"
        "@dataclasses.dataclass\nclass Point:\n    x: int\n"
    )
    (shop.folder / "points.py").write_text(
        "from jobs import queue\n@queue.job(timeout=0.3)\ndef show(point):\n    return point.x\n"
    )
    (shop.folder / "fires.py").write_text(
        "import kinds, points\nprint(points.show.fire(kinds.Point(7)).id)\n"
    )
    firing = shop.project.run("fires.py").strip()
    shop.project.environment["SLOW"] = "1"
    shop.work()

    assert shop.result(firing) == 7


def test_a_backoff_that_never_answers_ends_the_attempt(shop: Shop) -> None:
    (shop.folder / "hangs.py").write_text(
        "import time\nfrom jobs import queue\n"
        "@queue.job(retries=1, backoff=lambda failures, error: time.sleep(1000))\n"
        "def fails():\n    raise ValueError\n"
    )
    shop.work()
    firing = shop.fire("hangs:fails", retries=1)

    assert "backoff" in shop.failure(firing).message
    assert shop.record(firing).deaths == 0
    assert shop.result(shop.fire("add", 1, 2)) == 3
