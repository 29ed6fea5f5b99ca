"""Real pools on a real server: ``skunq work --url mongodb://...``, what is killed, and producers that fork."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE, SKUNQ, Pool
from tests.acceptance.shop import LONG_LEASE, QUEUE, Shop, gone
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_replica_set import MongoReplicaSet
from tests.support.mongo_server import MongoServer
from tests.support.waiting import eventually

LEASE = 5.0

FORKING = """
import os
import sys
import jobs

def fire(who, number):
    handles = [jobs.add.fire(number, n) for n in range(5)]
    print(who, [handle.wait(timeout=30) for handle in handles], flush=True)

# From here on it has a connection, and a thread that listens.
fire("before", 0)
children = []
for number in (1, 2, 3):
    child = os.fork()
    if not child:
        fire("child", number)
        sys.exit(0)
    children.append(child)
fire("parent", 4)
print("ended", [os.waitpid(child, 0)[1] for child in children])
fire("after", 5)
"""


@pytest.fixture(params=["mongod", "replica_set"])
def server(request: pytest.FixtureRequest) -> MongoServer | MongoReplicaSet:
    found: MongoServer | MongoReplicaSet = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def url(server: MongoServer | MongoReplicaSet, dbname: str, mongo_config_of: MongoConfigOf) -> str:
    # Making a config has the database dropped in the end.
    mongo_config_of(server)
    return server.url(dbname)


@pytest.fixture
def shop(tmp_path: Path, url: str) -> Iterator[Shop]:
    with Shop(tmp_path, url) as made:
        yield made


def test_the_url_may_be_given_on_the_command_line(tmp_path: Path, url: str) -> None:
    with Shop(tmp_path, url) as shop:
        del shop.project.environment["SKUNKQUEUE_URL"]
        pool = shop.work("--url", url)
        handle = shop.fire("add", 4, 5)

        assert shop.result(handle) == 9
        assert pool.stop() == 0


def test_a_killed_workers_firing_runs_again_long_before_its_lease_ends(shop: Shop) -> None:
    shop.work("--lease", str(LONG_LEASE), "-c", "2", workers=2)
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    holder = shop.record(firing).worker
    (pid,) = [worker.pid for worker in shop.backend.workers() if worker.id == holder]
    (shop.folder / f"begun-{firing}").unlink()

    os.kill(pid, signal.SIGKILL)

    eventually(lambda: shop.marked("begun", firing), PATIENCE, what="begun again")
    shop.touch("go")
    assert shop.result(firing) == 42
    assert (shop.record(firing).deaths, gone(pid)()) == (1, True)


def test_a_killed_pools_firing_runs_again_in_another_within_two_leases(shop: Shop) -> None:
    doomed = shop.work("--lease", str(LEASE))
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    shop.work("--lease", str(LEASE))
    (shop.folder / f"begun-{firing}").unlink()

    kill_tree(doomed)

    eventually(lambda: shop.marked("begun", firing), 2 * LEASE, what="begun again")
    shop.touch("go")
    assert shop.result(firing) == 42


def kill_tree(pool: Pool) -> None:
    """Kill a pool and all that it started, the pool first, so that it replaces nobody."""
    tree = psutil.Process(pool.process.pid).children(recursive=True)
    pool.process.kill()
    pool.process.wait(PATIENCE)
    for process in tree:
        process.kill()
    for process in tree:
        eventually(gone(process.pid), PATIENCE, what=f"process {process.pid} is gone")


def test_a_gentle_stop_leaves_no_worker_and_nothing_running(shop: Shop) -> None:
    pool = shop.work("-c", "2", workers=2)
    firings = [shop.fire("add", number, 1) for number in range(100)]

    assert pool.stop() == 0

    assert shop.listed() == 0
    assert State.RUNNING not in {shop.state(firing) for firing in firings}


def test_a_running_job_can_be_killed(shop: Shop) -> None:
    shop.work()
    firing = shop.fire("sleep")
    shop.begun(firing)

    done = subprocess.run(
        [str(SKUNQ), "kill", firing],
        cwd=shop.folder,
        env=shop.project.environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    eventually(lambda: shop.state(firing) is State.KILLED, PATIENCE, what="it is killed")


def test_the_commands_that_read_know_the_store(shop: Shop, url: str) -> None:
    shop.work()
    firing = shop.fire("add", 4, 5)
    shop.result(firing)
    del shop.project.environment["SKUNKQUEUE_URL"]

    (route,) = shop.project.skunq("queues", "--url", url)["routes"]
    jobs = str(shop.project.skunq("jobs", "--url", url, "-q", QUEUE))
    doctor = str(shop.project.skunq("doctor", "--url", url))

    assert {state: number for state, number in route["counts"].items() if number} == {"complete": 1}
    assert firing in jobs
    assert "MongoDB" in doctor


def test_who_forks_goes_on_firing_on_both_sides(shop: Shop) -> None:
    shop.work("-c", "2", workers=2)
    script = shop.project.write("forking.py", FORKING)

    done = subprocess.run(
        # Newer Pythons warn whoever forks with threads, whatever these do.
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", str(script)],
        cwd=shop.folder,
        env=shop.project.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert said.pop(0) == "before [0, 1, 2, 3, 4]"
    assert said.pop() == "after [5, 6, 7, 8, 9]"
    assert sorted(said) == [
        *(f"child {[number + n for n in range(5)]}" for number in (1, 2, 3)),
        "ended [0, 0, 0]",
        "parent [4, 5, 6, 7, 8]",
    ]
