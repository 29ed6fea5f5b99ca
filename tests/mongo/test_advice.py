"""What ``skunq doctor`` says of a MongoDB server."""

from __future__ import annotations

import pytest

from skunkqueue.persistence.mongodb.advice import remarks
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer

TOTAL = 10 << 30


def disk(free: int) -> dict[str, int]:
    return {"fsTotalSize": TOTAL, "fsUsedSize": TOTAL - free}


@pytest.mark.parametrize(("free", "level"), [(2 << 30, "ok"), (900 << 20, "notice"), (90 << 20, "problem")])
def test_a_disk_that_is_nearly_full_is_found(free: int, level: str) -> None:
    (found,) = remarks({**disk(free), "storageSize": 3 << 20, "indexSize": 2 << 20})

    assert found.level == level
    assert found.text == f"{free >> 20:,} MiB are free on the server's disk, the store has 5 MiB"
    assert bool(found.cure) is (level != "ok")


def test_of_a_sharded_cluster_the_fullest_shard_counts() -> None:
    (found,) = remarks({"storageSize": 0, "raw": {"a": disk(5 << 30), "b": disk(50 << 20)}})

    assert found.level == "problem"


def test_a_server_that_does_not_tell_of_its_disk_has_no_remarks() -> None:
    assert list(remarks({})) == []


def test_a_real_server_tells_of_its_disk(
    mongod: MongoServer, open_store: OpenStore, mongo_config_of: MongoConfigOf
) -> None:
    store = open_store(mongo_config_of(mongod))

    (found,) = store.remarks()
    assert "MiB are free on the server's disk" in found.text
