"""Real pools that are killed at random run a schedule; on each kind of store. ``STORM_RUNS``: for how many runs.

``python -m tests.thorough.schedulers.storm`` does it on any other store.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.support.mongo_fixtures import mongod, mongod_binary, replica_set
from tests.support.mongo_replica_set import MongoReplicaSet
from tests.support.mongo_server import MongoServer
from tests.support.redis_fixtures import valkey
from tests.support.redis_server import RedisServer
from tests.thorough.schedulers.storm import Storm

pytestmark = pytest.mark.begun_first

__all__ = ["mongod", "mongod_binary", "replica_set", "valkey"]

RUNS = int(os.environ.get("STORM_RUNS", "60"))
STORES = ["sqlite", "valkey", "mongod"]


@pytest.fixture(params=STORES if RUNS < 1_000 else [*STORES, "replica_set"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/storm.db"
    server: RedisServer | MongoServer | MongoReplicaSet = request.getfixturevalue(request.param)
    return server.url()


def test_a_schedule_neither_stops_nor_doubles_while_workers_and_pools_are_killed(
    url: str, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - no secret
    # Shown where it fails.
    print(f"seed {seed}")
    with Storm(tmp_path, url, seed) as storm:
        figures = storm.run(RUNS)

    print(figures)
    figures.check()
    # Else nothing was tested.
    assert figures.workers_killed + figures.pools_killed > 0
