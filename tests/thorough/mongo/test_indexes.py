"""Which indexes the server takes: for what a claim reads, and for every other question that a verb asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast

import pytest
from pymongo.database import Database

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    firing,
    firings,
    ids,
    outcome,
)
from skunkqueue.listings import Query
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.mongodb import schema
from skunkqueue.persistence.mongodb.connection import Connection
from skunkqueue.persistence.mongodb.lines import next_in_line
from skunkqueue.persistence.mongodb.settings import settings_of
from skunkqueue.records import Firing, State, Verdict
from tests.mongo.opening import OpenStore
from tests.mongo.verbs import CALLED, every_verb, finish
from tests.support.mongo_fixtures import MongoConfigOf, NewMongoProxy
from tests.support.mongo_server import Document, MongoServer
from tests.support.waiting import eventually

SMALL = {
    "routes": "one document a route, and routes are few",
    "workers": "one document a live worker",
    "pools": "one document a live pool",
    "schedules": "one document a schedule",
    "parcels": "empty but for what is on its way, or was left half done",
    "bells": "a capped collection of four megabytes, which one reads in its own order",
    "meta": "two documents",
}
"""The collections that may be read from end to end, and why."""
Store = Database[Document]


@pytest.fixture
def config(mongod: MongoServer, mongo_config_of: MongoConfigOf) -> BackendConfig:
    return mongo_config_of(mongod)


@pytest.fixture
def store(config: BackendConfig, open_store: OpenStore) -> Backend:
    return open_store(config)


@pytest.fixture
def inside(mongod: MongoServer, config: BackendConfig) -> Store:
    """The store's database, as the test itself looks into it."""
    return mongod.client()[config.dbname]


@pytest.fixture
def connection(config: BackendConfig) -> Iterator[Connection]:
    """What pipelines are made with."""
    made = Connection(settings_of(config), SYSTEM_CLOCK)
    yield made
    made.close()


# --- what a claim reads -------------------------------------------------------------------------------


def lookups(connection: Connection, limit: int = 100, worker: str = WORKER) -> dict[str, Document]:
    """Run the question of a claim, and tell what each part of its answer has cost."""
    pipeline = next_in_line(
        connection.time, QUEUE, ROUTE, worker, limit=limit, until=connection.time.about_now()
    )
    command = {"aggregate": "routes", "pipeline": pipeline, "cursor": {}}
    said = connection.db.command("explain", command, verbosity="executionStats")
    return {stage["$lookup"]["as"]: stage for stage in said["stages"] if "$lookup" in stage}


def test_a_claim_reads_what_is_next_from_its_index_alone(store: Backend, connection: Connection) -> None:
    finish(store, 500)
    store.enqueue([*firings(500), *firings(100, delay=3_600.0), *firings(50, priority=9)])
    store.enqueue(firings(50, target="worker-9"))

    ready = lookups(connection)["ready"]

    assert ready["indexesUsed"] == [schema.CLAIMABLE]
    assert (ready["collectionScans"], ready["totalDocsExamined"], ready["nReturned"]) == (0, 0, 1)
    assert ready["totalKeysExamined"] < 110


def test_a_claim_finds_overdue_leases_by_their_index(store: Backend, connection: Connection) -> None:
    store.enqueue(firings(600))
    claim(store, 500, lease=3_600.0)
    claim(store, 20, lease=0.0)

    overdue = lookups(connection)["overdue"]

    assert overdue["indexesUsed"] == [schema.RUNNING]
    assert (overdue["collectionScans"], overdue["totalDocsExamined"]) == (0, 20)
    assert overdue["totalKeysExamined"] < 25


def cost(connection: Connection) -> tuple[int, int]:
    """Count the keys and documents that the server goes through to answer a claim of ten."""
    found = lookups(connection, 10).values()
    return (
        sum(stage["totalKeysExamined"] for stage in found),
        sum(stage["totalDocsExamined"] for stage in found),
    )


@pytest.mark.parametrize("more", ["finished", "pending", "not due yet", "running", "of another route"])
def test_a_claim_costs_the_same_however_many_more_there_are(
    store: Backend, connection: Connection, more: str
) -> None:
    store.enqueue(firings(50))
    before = cost(connection)

    if more == "finished":
        finish(store, 2_000, priority=9)
        store.enqueue(firings(50))
    elif more == "pending":
        store.enqueue(firings(2_000))
    elif more == "not due yet":
        store.enqueue(firings(2_000, delay=3_600.0))
    elif more == "running":
        store.enqueue(firings(2_000, priority=9))
        claim(store, 2_000, lease=3_600.0)
    else:
        store.enqueue(firings(2_000, route="other", priority=9))

    keys, documents = cost(connection)
    assert keys <= before[0] + 2
    assert documents == before[1]


# --- what all verbs read ------------------------------------------------------------------------------


@contextmanager
def profiled(inside: Store) -> Iterator[list[Document]]:
    """Have the server note what it does meanwhile."""
    said: list[Document] = []
    # Once on, and large enough that nothing is overwritten.
    inside.create_collection("system.profile", capped=True, size=64 << 20)
    inside.command("profile", 2)
    try:
        yield said
    finally:
        inside.command("profile", 0)
        said += inside["system.profile"].find({"ns": {"$ne": f"{inside.name}.system.profile"}})
        inside["system.profile"].drop()


def stages(said: object) -> Iterator[Document]:
    """Walk through all that a plan consists of, but for plans that were not taken."""
    if isinstance(said, dict):
        yield said
        for name, value in said.items():
            if name not in {"rejectedPlans", "command"}:
                yield from stages(value)
    elif isinstance(said, list):
        for one in said:
            yield from stages(one)


def scans(inside: Store, entry: Document) -> list[str]:
    """Name the collections that an operation goes through from end to end."""
    collection = entry["ns"].partition(".")[2]
    found = [collection] if "COLLSCAN" in entry.get("planSummary", "") else []
    command = entry.get("command", {})
    if "pipeline" in command and entry["op"] == "command":
        # The profile says nothing of what other collections a pipeline asks.
        asked = {"aggregate": collection, "pipeline": command["pipeline"], "cursor": {}}
        said = inside.command("explain", asked, verbosity="queryPlanner")
        executed = inside.command("explain", asked, verbosity="executionStats")
        for stage in [*stages(said), *stages(executed)]:
            if stage.get("stage") == "COLLSCAN":
                found.append(cast("str", said.get("ns", collection)))
            if "$lookup" in stage and stage.get("collectionScans"):
                found.append(stage["$lookup"]["from"])
            if "$unionWith" in stage and _has_scan(stage):
                found.append(stage["$unionWith"]["coll"])
    return found


def _has_scan(stage: Document) -> bool:
    return any(one.get("stage") == "COLLSCAN" for one in stages(stage["$unionWith"]["pipeline"]))


def test_no_verb_goes_through_a_large_collection(store: Backend, inside: Store) -> None:
    with profiled(inside) as entries:
        every_verb(store)

    assert len(entries) > 200
    guilty = [
        (entry["op"], entry["ns"], entry.get("planSummary"), entry["command"])
        for entry in entries
        if not set(scans(inside, entry)) <= set(SMALL)
    ]
    assert guilty == []


def test_every_verb_was_called() -> None:
    verbs = {name for name in vars(Backend) if callable(getattr(Backend, name)) and not name.startswith("_")}

    # ``claim`` comes by the maker of that name; this backend does not claim ahead.
    others = {"claim_ahead", "begin_claim", "begin_claim_any", "enqueue_in", "remarks"}
    assert verbs - CALLED == {"open", "close", "location", "version", *others}


# --- what listings and counts read --------------------------------------------------------------------


@pytest.mark.parametrize("asked", [{"job": "rare"}, {"tag": "rare"}, {"key": "rare"}, {"error": "RareError"}])
def test_few_pending_firings_are_found_without_looking_at_the_many(
    store: Backend, asked: dict[str, str]
) -> None:
    made = firing(job="rare", tags=("rare", "other"), key="rare")
    store.enqueue([made])
    (lent,) = claim(store)
    store.settle([outcome(lent, Verdict.RETRY, began=store.now(), error="RareError: why")])
    store.enqueue([*firings(300, priority=1), *firings(300, priority=9)])

    for newest in (True, False):
        page = store.rows(Query(**asked, newest=newest))  # type: ignore[arg-type] # as the struct checks
        assert ([row.id for row in page.rows], page.next) == ([made.id], None)
        assert page.looked <= 2


@pytest.mark.parametrize("newest", [True, False])
@pytest.mark.parametrize("state", [State.PENDING, State.COMPLETE])
def test_pages_over_several_routes_read_little_more_than_they_show(
    store: Backend, inside: Store, state: State, *, newest: bool
) -> None:
    for route in ("a", "b", "c"):
        for _ in range(3):
            store.enqueue(firings(200, route=route))
        while state is State.COMPLETE and (lent := claim(store, 200, route=route)):
            store.settle([outcome(one) for one in lent])
    query = Query(states=(state,), newest=newest)

    with profiled(inside) as entries:
        page, seen = store.rows(query, 20), 20
        while page.next is not None and seen < 100:
            page = store.rows(query, 20, page.next)
            seen += len(page.rows)

    assert seen == 100
    assert sum(entry.get("keysExamined", 0) for entry in entries) < 5 * seen


def test_counts_of_routes_read_each_pending_firing_once(store: Backend, inside: Store) -> None:
    store.enqueue([one for priority in range(10) for one in firings(100, priority=priority)])

    with profiled(inside) as entries:
        (info,) = store.routes()

    assert info.counts[State.PENDING] == 1_000
    assert 1_000 <= sum(entry.get("keysExamined", 0) for entry in entries) < 1_100


def test_sweep_counts_a_small_route_from_the_indexes_alone(store: Backend, inside: Store) -> None:
    store.enqueue(firings(1_000))

    with profiled(inside) as entries:
        store.sweep()

    assert sum(entry.get("docsExamined", 0) for entry in entries) < 100


# --- the indexes themselves ---------------------------------------------------------------------------

EXPECTED: dict[str, Sequence[Any]] = {
    "firings": schema.FIRINGS,
    "commands": schema.COMMANDS,
    "minutes": schema.COUNTERS,
    "tallies": schema.COUNTERS,
    "audit": schema.AUDIT,
    "parcels": schema.STAGED,
}


def test_all_indexes_are_there_by_their_names(store: Backend, inside: Store) -> None:
    store.enqueue([firing()])

    found = {name: set(inside[name].index_information()) for name in EXPECTED}

    assert found == {
        name: {"_id_", *(model.document["name"] for model in models)} for name, models in EXPECTED.items()
    }


def test_opening_a_store_again_makes_no_index(
    mongod: MongoServer, new_mongo_proxy: NewMongoProxy, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    proxy = new_mongo_proxy(mongod)
    config = mongo_config_of(mongod, mongod.url(port=proxy.port))
    open_store(config).enqueue([firing()])
    made = proxy.commands["createIndexes"]

    open_store(config).enqueue([firing()])

    assert (made, proxy.commands["createIndexes"], proxy.commands["create"]) == (len(EXPECTED), made, 1)


def test_many_may_open_a_new_store_at_once(
    config: BackendConfig, open_store: OpenStore, inside: Store
) -> None:
    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(lambda _: open_store(config), range(8)))

    assert [store.enqueue([firing()]) != [] for store in opened] == [True] * 8
    assert len(inside.firings.index_information()) == len(schema.FIRINGS) + 1


# --- what expires -------------------------------------------------------------------------------------


def test_what_expired_vanishes_by_itself(
    new_mongod: Callable[..., MongoServer], mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    server = new_mongod(parameters={"ttlMonitorEnabled": "true", "ttlMonitorSleepSecs": "1"})
    config = mongo_config_of(server)
    store = open_store(config)
    inside = server.client()[config.dbname]
    made: list[Firing] = firings(5)
    late, lately, void, running, waiting = ids(made)
    store.enqueue(made)
    store.settle([outcome(one) for one in claim(store, 3)])
    claim(store, 1, lease=0.0)
    ago = [{"$set": {"gone": {"$subtract": ["$$NOW", 1_000 * (schema.GRACE + 60)]}}}]
    a_little = [{"$set": {"gone": {"$subtract": ["$$NOW", 1_000 * 60]}}}]
    inside.firings.update_one({"_id": lately}, a_little)
    inside.firings.update_one(
        {"_id": void}, [{"$replaceWith": {"_id": "$_id", "state": "void", "void": "$$NOW"}}]
    )
    inside.tallies.update_many({"gone": {"$exists": True}}, a_little)
    inside.firings.update_one({"_id": late}, ago)

    eventually(lambda: {one["_id"] for one in inside.firings.find()} == {lately, running, waiting}, 30.0)
    eventually(lambda: not inside.tallies.count_documents({"gone": {"$exists": True}}), 30.0)
