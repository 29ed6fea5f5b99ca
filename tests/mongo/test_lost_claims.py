"""A claim that is lost with its server, since it waits for no other: it is a lease that ended."""

from __future__ import annotations

from skunkqueue.contract.makers import OTHER, claim, firing, outcome, read, ref, state
from skunkqueue.records import State
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer


def test_holder_of_a_lost_claim_changes_nothing_of_the_next_one(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    config = mongo_config_of(mongod)
    store = open_store(config)
    store.enqueue([firing()])
    before = mongod.client()[config.dbname].firings.find_one({})
    assert before is not None
    (lost,) = claim(store)
    # As the next primary has it, which has never heard of that claim.
    mongod.client()[config.dbname].firings.replace_one({}, before)
    (lent,) = claim(store, worker=OTHER)

    assert store.extend([ref(lost)], 60.0) == [lost.id]
    assert store.settle([outcome(lost)]) == [lost.id]
    assert read(store, lent.id).worker == OTHER
    assert store.settle([outcome(lent)]) == []
    assert state(store, lent.id) is State.COMPLETE


def test_tokens_are_plain_numbers_however_large(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    config = mongo_config_of(mongod)
    store = open_store(config)
    store.enqueue([firing()])
    mongod.client()[config.dbname].firings.update_one({}, {"$set": {"token": 1 << 40}})
    (lent,) = claim(store)

    # The driver has a kind of its own for numbers of 64 bits, which few libraries take.
    assert type(lent.token) is type(read(store, lent.id).token) is int
    assert store.settle([outcome(lent)]) == []
