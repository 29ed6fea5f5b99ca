"""A store that the version before has made: it is opened, its firings run, and all of it is listed.

``data/store-of-format-1.jsonl.gz`` was written on a standalone by the commit before rows came in: twenty firings of one job,
ten of them claimed, of which eight were settled, each with another verdict, and one of the others told its progress; then one
with a key, one that is not due for years, one for a worker that is not listed, on a paused route; and a schedule. Each line is one
document in MongoDB's extended JSON, after a line for each collection with its options and indexes.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import pytest
from bson import json_util
from pymongo.database import Database

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import LEASE, WORKER, bare_outcome, firing, rows_of, state
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.mongodb import schema
from skunkqueue.persistence.mongodb.backend import MongoBackend
from skunkqueue.records import Outcome, State, Verdict
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import Document, MongoServer

KEPT = Path(__file__).parent / "data" / "store-of-format-1.jsonl.gz"
FAR = datetime(2100, 1, 1, tzinfo=timezone.utc)
PLACE = ("bench", "bench")


@pytest.fixture
def inside(mongod: MongoServer, dbname: str) -> Database[Document]:
    """Put the kept store where this test's own is looked for."""
    database = mongod.client()[dbname]
    for line in gzip.decompress(KEPT.read_bytes()).splitlines():
        said = json_util.loads(line)
        if "in" in said:
            document = said["document"]
            # The server's own clock goes by these, and would remove what is some days old.
            document.update({name: FAR for name in ("gone", "void") if name in document})
            database[said["in"]].insert_one(document)
            continue
        made = database.create_collection(said["collection"], **said["options"])
        for index in said["indexes"][1:]:
            key = index.pop("key")
            made.create_index(list(key.items()), **index)
    return database


@pytest.fixture
def store(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, inside: Database[Document]
) -> Iterator[Backend]:
    """Open it a minute after it was written."""
    times = ("enqueued", "began", "finished")
    written = max(one[name] for one in inside.firings.find() for name in times if one.get(name) is not None)
    with closing(MongoBackend.open(mongo_config_of(mongod), clock=VirtualClock(written + 60.0))) as opened:
        yield opened


def test_all_its_firings_are_listed_without_the_name_of_a_job(store: Backend) -> None:
    rows = rows_of(store)

    assert len(rows) == 24
    assert {(row.job, row.tags, row.error, row.attempts) for row in rows if row.state.final} == {
        ("", (), None, 0)
    }
    states = Counter(row.state for row in rows)
    assert states == {
        State.COMPLETE: 2,
        **dict.fromkeys((State.ERROR, State.KILLED, State.EXPIRED), 1),
        State.RUNNING: 2,
        State.PENDING: 17,
    }
    assert {row.id for row in rows_of(store, job="")} == {row.id for row in rows}
    (counted, other) = store.job_counts()
    assert (counted.job, other.job) == ("", "")
    assert Counter(counted.counts) + Counter(other.counts) == states


def test_its_firings_run(store: Backend) -> None:
    lent = store.claim(*PLACE, WORKER, 50, LEASE)
    assert len(lent) == 14

    assert store.settle([bare_outcome(one) for one in lent]) == []
    assert {state(store, one.id) for one in lent} == {State.COMPLETE}


def test_a_worker_of_that_version_may_settle_what_it_holds(store: Backend) -> None:
    held = rows_of(store, states=(State.RUNNING,))
    outcomes = [Outcome(id=one.id, token=1, verdict=Verdict.COMPLETE, began=one.began) for one in held]

    assert store.settle(outcomes) == []
    assert {state(store, one.id) for one in held} == {State.COMPLETE}


def test_what_it_counted_is_told_under_no_job(store: Backend) -> None:
    (by_job,) = store.counters([PLACE], 0.0, 1e11, jobs=True)
    (hour,) = store.counters([PLACE], 0.0, 1e11, hours=True)

    assert by_job.job == ""
    assert by_job.values == hour.values
    assert (by_job.values["enqueued"], by_job.values["complete"], by_job.values["retried"]) == (23, 2, 1)
    assert store.totals() == []


def test_its_schedule_and_its_pause_are_kept(store: Backend) -> None:
    assert [one.name for one in store.schedule_page("bench")] == ["hourly"]
    assert {info.route: info.paused for info in store.routes()} == {"bench": False, "other": True}
    assert store.enqueue([firing(queue="bench", route="bench", key="a key")]) == [
        row.id for row in rows_of(store, key="a key")
    ]


def test_opening_it_makes_the_indexes_of_this_version(store: Backend, inside: Database[Document]) -> None:
    assert store.routes()
    found = set(inside.firings.index_information())
    assert found == {"_id_", *(model.document["name"] for model in schema.FIRINGS)}
