"""Workers on machines whose clocks are ten minutes wrong, on either side: time is the store's, so nothing begins early, late or twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE, Pool
from tests.acceptance.shop import Shop
from tests.support.fdb_server import FdbServer
from tests.support.waiting import eventually, never

WRONG = 600.0
DELAY = 3.0
EARLY, LATE = 1.0, 120.0
"""Seconds by which a start may be off on a busy machine: the store's time is known to a fraction of a second."""
LEASE = 2.0
CLOCK = """
import os, time

real, real_ns, ahead = time.time, time.time_ns, float(os.environ["WALL_AHEAD"])
time.time = lambda: real() + ahead
time.time_ns = lambda: real_ns() + int(ahead * 1e9)
"""
JOBS = """
import os, time
from pathlib import Path

from skunkqueue import Retry, SkunkQueue, current_job

queue = SkunkQueue("shop")
HERE = Path(__file__).parent


def note() -> None:
    with (HERE / f"starts-{current_job().id}").open("a") as file:
        file.write(f"{time.monotonic()} {time.time()}\\n")


@queue.job(retries=1)
def start_twice(after: float) -> None:
    note()
    if current_job().attempt == 1:
        raise Retry(after=after)


@queue.job
def hold(until: str) -> str:
    note()
    while not (HERE / until).exists():
        time.sleep(0.01)
    return "held"
"""


@pytest.fixture
def shop(tmp_path: Path, fdb_server: FdbServer, dbname: str) -> Iterator[Shop]:
    """Give a shop whose machine's clock is right."""
    with Shop(tmp_path, fdb_server.url(dbname)) as made:
        made.project.write("clock_jobs.py", JOBS)
        (tmp_path / "clock").mkdir()
        made.project.write("clock/sitecustomize.py", CLOCK)
        yield made


def work(shop: Shop, ahead: float, *arguments: str) -> Pool:
    """Start a pool of one worker, whose machine's clock is so many seconds ahead."""
    shop.project.environment.update(PYTHONPATH=str(shop.folder / "clock"), WALL_AHEAD=str(ahead))
    return shop.work("--lease", str(LEASE), *arguments)


def starts(shop: Shop, firing: str) -> list[tuple[float, float]]:
    """Tell when a firing began: on a clock that nobody sets, and by how much the wall clock there is ahead."""
    file = shop.folder / f"starts-{firing}"
    lines = file.read_text().splitlines() if file.exists() else []
    now = time.time() - time.monotonic()
    return [(float(one), float(wall) - float(one) - now) for one, wall in (line.split() for line in lines)]


@pytest.mark.parametrize("ahead", [WRONG, -WRONG])
def test_firing_begins_when_it_is_due_and_once_more_when_it_asks_for_that(shop: Shop, ahead: float) -> None:
    work(shop, ahead)
    began = time.monotonic()
    fired = [shop.fire("clock_jobs:start_twice", DELAY, retries=1, delay=DELAY) for _ in range(3)]
    for one in fired:
        assert shop.settled(one).state is State.COMPLETE
        (first, first_ahead), (second, second_ahead) = starts(shop, one)
        assert DELAY - EARLY < first - began < DELAY + LATE
        assert DELAY - EARLY < second - first < DELAY + LATE
        assert [first_ahead, second_ahead] == pytest.approx([ahead, ahead], abs=60.0)


@pytest.mark.parametrize("ahead", [WRONG, -WRONG])
def test_lease_holds_until_it_ends_whichever_clocks_its_worker_and_others_have(
    shop: Shop, ahead: float
) -> None:
    holds = work(shop, ahead)
    (pid,) = shop.pids()
    firing = shop.fire("clock_jobs:hold", "go")
    eventually(lambda: starts(shop, firing), PATIENCE, what="it has begun")
    work(shop, -ahead)
    never(lambda: len(starts(shop, firing)) > 1, during=3 * LEASE, what="it has begun once more")

    # As when its machine goes down: nobody gives its firing back.
    holds.process.send_signal(signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    holds.process.kill()
    eventually(lambda: len(starts(shop, firing)) == 2, PATIENCE, what="another worker has begun it")
    shop.touch("go")
    assert shop.result(firing) == "held"
    assert [where for _, where in starts(shop, firing)] == pytest.approx([ahead, -ahead], abs=60.0)
    assert shop.record(firing).deaths == 1
