"""Many who wait on one route: each firing wakes all of them, and how often they get in each other's way is bounded.

Counted by the stand-in. How many milliseconds that takes is measured on a real server (the contract kit).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from skunkqueue.contract.kit import PATIENCE
from skunkqueue.contract.makers import firings, ids
from skunkqueue.contract.sleepers import until_claimed
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually

WORKERS = 4


def test_each_of_many_woken_workers_claims_one_and_gives_way_once_to_each_other(
    server: StandInServer, config_of: ConfigOf
) -> None:
    with (
        closing(StandInBackend.open(config_of(server.url()))) as store,
        ThreadPoolExecutor(WORKERS) as threads,
    ):
        asleep = server.statistics()["watches"]
        sleepers = [threads.submit(until_claimed, store, f"worker-{number}") for number in range(WORKERS)]
        eventually(lambda: server.statistics()["watches"] >= asleep + WORKERS, what="all of them wait")
        before = server.statistics()
        made = firings(WORKERS)

        store.enqueue(made)

        claimed = [sleeper.result(PATIENCE) for sleeper in sleepers]
        after = server.statistics()
    assert sorted(claimed) == [[one] for one in ids(made)]
    # The enqueue, and one claim each.
    assert after["commits"] - before["commits"] == 1 + WORKERS
    # A commit can only have come between those who had not claimed yet: three of them, then two, then one.
    assert after["conflicts"] - before["conflicts"] <= WORKERS * (WORKERS - 1) // 2
