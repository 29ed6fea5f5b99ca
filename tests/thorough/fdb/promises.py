"""Every verb that writes, as something that may go wrong at any of its commits, and what must hold then.

Most are those that the MongoDB backend is held to; here are the verbs that need no more than one write there.
"""

from __future__ import annotations

import inspect

from skunkqueue.contract.makers import (
    LEASE,
    POOL,
    QUEUE,
    ROUTE,
    WORKER,
    audit_entry,
    claim,
    counts,
    firing,
    firings,
    ids,
    listed,
    pool,
    settled,
    state,
    worker,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Command, State
from tests.thorough.mongo import operations, operations_of_schedules
from tests.thorough.mongo.operations import (
    LARGE,
    Operation,
    Pass,
    Prepare,
    a_batch_of_many_parts_is_in_or_not,
)


def a_batch_larger_than_a_transaction_is_in_or_not(_store: Backend, _pass: Pass) -> Operation:
    made = firings(17, body=b"x" * LARGE)

    def holds(store: Backend, *, done: bool) -> None:
        there = ids(listed(store, State.PENDING))
        assert there == ids(made) or (not done and not there)
        lent: list[str] = []
        # No claim brings more than fits into a transaction either.
        while len(lent) < len(there):
            lent += ids(claim(store, 100)) or ["nothing"]
        assert lent == there
        assert counts(store) == ({State.RUNNING: len(there)} if there else {})

    return Operation(lambda store: store.enqueue(made), ids(made), holds)


def what_is_deleted_is_gone(store: Backend, _pass: Pass) -> Operation:
    old = [settled(store) for _ in range(3)]

    def holds(store: Backend, *, done: bool) -> None:
        left = counts(store).get(State.COMPLETE, 0)
        assert left == len([one for one in store.get(old) if one is not None])
        assert left in ({1} if done else {1, 3})

    return Operation(lambda store: store.delete(old[:2]), dict.fromkeys(old[:2], State.COMPLETE), holds)


def what_is_to_run_now_waits_no_more(store: Backend, _pass: Pass) -> Operation:
    later = firing(due=store.now() + 1_000.0)
    store.enqueue([later])

    def holds(store: Backend, *, done: bool) -> None:
        lent = ids(store.claim(QUEUE, ROUTE, WORKER, 5, LEASE))
        assert lent == [later.id] or (not done and not lent)

    return Operation(lambda store: store.run_now([later.id]), {later.id: State.PENDING}, holds)


def a_worker_is_listed_once(_store: Backend, _pass: Pass) -> Operation:
    def holds(store: Backend, *, done: bool) -> None:
        found = [one.id for one in store.workers()]
        assert found == [WORKER] or (not done and not found)

    return Operation(lambda store: store.register(worker(), LEASE), None, holds)


def a_beat_is_heard(store: Backend, _pass: Pass) -> Operation:
    store.register(worker(), LEASE)

    def holds(store: Backend, *, done: bool) -> None:
        del done
        assert [one.id for one in store.workers()] == [WORKER]

    return Operation(lambda store: store.beat(worker(), LEASE), answer=True, holds=holds)


def a_worker_that_leaves_is_listed_no_more(store: Backend, _pass: Pass) -> Operation:
    store.register(worker(), LEASE)

    def holds(store: Backend, *, done: bool) -> None:
        found = [one.id for one in store.workers()]
        assert found == [] or (not done and found == [WORKER])

    return Operation(lambda store: store.unregister(WORKER), None, holds)


def a_pool_is_listed_once(_store: Backend, _pass: Pass) -> Operation:
    def holds(store: Backend, *, done: bool) -> None:
        found = [one.id for one in store.pools()]
        assert found == [POOL] or (not done and not found)

    return Operation(lambda store: store.register_pool(pool(), LEASE), None, holds)


def a_beat_of_a_pool_is_heard(store: Backend, _pass: Pass) -> Operation:
    store.register_pool(pool(), LEASE)

    def holds(store: Backend, *, done: bool) -> None:
        del done
        assert [one.id for one in store.pools()] == [POOL]

    return Operation(lambda store: store.beat_pool(pool(), LEASE), answer=True, holds=holds)


def a_pool_that_leaves_is_listed_no_more(store: Backend, _pass: Pass) -> Operation:
    store.register_pool(pool(), LEASE)

    def holds(store: Backend, *, done: bool) -> None:
        found = [one.id for one in store.pools()]
        assert found == [] or (not done and found == [POOL])

    return Operation(lambda store: store.unregister_pool(POOL), None, holds)


def a_command_is_heard_once(store: Backend, _pass: Pass) -> Operation:
    store.register(worker(), LEASE)
    sent = [Command(verb="kill", firing=id_) for id_ in "ab"]
    for command in sent:
        store.send(WORKER, command)

    def holds(store: Backend, *, done: bool) -> None:
        left = store.listen(WORKER, 0.0)
        # Who gave up may have taken them out without having heard them.
        assert left == [] or (not done and left == sent)

    return Operation(lambda store: store.listen(WORKER, 0.0), sent, holds)


def what_was_done_is_written_down_once(_store: Backend, _pass: Pass) -> Operation:
    entry = audit_entry()

    def holds(store: Backend, *, done: bool) -> None:
        found = [one.id for one in store.audit().entries]
        assert found == [entry.id] or (not done and not found)

    return Operation(lambda store: store.log_entry(entry), None, holds)


def what_became_of_it_is_noted(store: Backend, _pass: Pass) -> Operation:
    entry = audit_entry()
    store.log_entry(entry)

    def holds(store: Backend, *, done: bool) -> None:
        (found,) = store.audit().entries
        assert found.done or not done

    return Operation(lambda store: store.note_entry(entry.id, done=True), answer=True, holds=holds)


def a_paused_route_lends_nothing(store: Backend, _pass: Pass) -> Operation:
    made = firings(2)
    store.enqueue(made)

    def holds(store: Backend, *, done: bool) -> None:
        lent = store.claim(QUEUE, ROUTE, WORKER, 5, LEASE)
        assert not lent or not done
        assert {state(store, one.id) for one in made} <= {State.PENDING, State.RUNNING}

    return Operation(lambda store: store.pause(QUEUE, ROUTE), None, holds)


PROMISES: list[Prepare] = [
    found
    for module in (operations, operations_of_schedules, inspect.getmodule(what_is_deleted_is_gone))
    for _, found in inspect.getmembers(module, inspect.isfunction)
    # That one claims more at once than a transaction takes.
    if found is not a_batch_of_many_parts_is_in_or_not
    and module is not None
    and found.__module__ == module.__name__
    and inspect.signature(found).return_annotation == "Operation"
]
