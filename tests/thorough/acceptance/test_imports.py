"""Importing a job's module is not the job's time: no limit holds, and leases are kept. Imports and rules that never end."""

from __future__ import annotations

import pytest

from skunkqueue.ids import new_id
from skunkqueue.payload import Body, Step, encode
from skunkqueue.records import Firing, State
from skunkqueue.serializers import get_serializer
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import QUEUE, Shop
from tests.acceptance.test_imports import write
from tests.support.waiting import eventually

LIMIT = 10.0
"""Seconds that a job may take, and that a lease lasts."""
SLOW = f"end = time.monotonic() + {LIMIT + 1}\nwhile time.monotonic() < end: time.sleep(0.01)"
"""An import that takes longer. It runs Python code again and again, which an interrupt would find."""
TIME = PATIENCE + LIMIT


def test_a_job_is_not_timed_while_its_module_is_imported(shop: Shop) -> None:
    write(shop, SLOW)
    shop.work("--lease", f"{LIMIT}")
    jobs = ["quick", "quick", "quick_async"]
    firings = [shop.fire(f"slow:{job}", number, timeout=LIMIT) for number, job in enumerate(jobs)]

    assert [shop.result(firing, TIME) for firing in firings] == [0, 1, 2]
    first = shop.record(firings[0])
    assert (first.deaths, (shop.folder / "imports.txt").read_text()) == (0, "x")
    assert first.finished is not None
    assert first.began is not None
    assert first.finished - first.began < LIMIT


def test_each_step_of_a_chain_is_timed_from_its_own_code_on(shop: Shop) -> None:
    write(shop, SLOW)
    steps = []
    for job in ("jobs:add", "slow:quick", "slow:quick_async"):
        arguments = (1, 2) if job == "jobs:add" else (1,)
        steps.append(Step(job, get_serializer("typed").dumps_call(arguments, {}, None), 0, LIMIT))
    firing = Firing(id=new_id(), queue=QUEUE, route="default", body=encode(Body(tuple(steps))))
    shop.work()
    shop.backend.enqueue([firing])

    assert shop.settled(firing.id, TIME).state is State.COMPLETE, shop.failure(firing.id)


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
        "if os.environ.get('SLOW'): time.sleep(11)\n"
        "@dataclasses.dataclass\nclass Point:\n    x: int\n"
    )
    (shop.folder / "points.py").write_text(
        "from jobs import queue\n@queue.job(timeout=10)\ndef show(point):\n    return point.x\n"
    )
    (shop.folder / "fires.py").write_text(
        "import kinds, points\nprint(points.show.fire(kinds.Point(7)).id)\n"
    )
    firing = shop.project.run("fires.py").strip()
    shop.project.environment["SLOW"] = "1"
    shop.work()

    assert shop.result(firing, TIME) == 7


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
