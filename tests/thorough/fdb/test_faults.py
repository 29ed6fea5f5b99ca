"""What goes wrong in a cluster, or on the way to it: a clear error or another try, and nothing lost.

On the stand-in, which has it go wrong on demand.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import pytest

from skunkqueue.clock import SYSTEM_CLOCK, Clock, VirtualClock
from skunkqueue.contract.makers import (
    LEASE,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    counts,
    firing,
    firings,
    ids,
    outcome,
    read,
    worker,
)
from skunkqueue.contract.verbs import BLOCKING, asking_of
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Command, State
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.faults import ENDLESS, SILENCE, Call, Fault
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually, pause

Open = Callable[..., Backend]
BRIEF = {"timeout": "0.2", "retry_for": "0.5"}
"""Options of who does not wait for long."""
SOON = 10.0
"""Seconds that are much longer than those."""
WRITING = {"enqueue", "claim", "settle", "pause", "register", "declare"}


@pytest.fixture
def open_store(server: StandInServer, config_of: ConfigOf) -> Iterator[Open]:
    """Open the test's store; closed when it ends."""
    with ExitStack() as stack:

        def make(clock: Clock = SYSTEM_CLOCK, **options: str) -> Backend:
            config = config_of(server.url(), **options)
            return stack.enter_context(closing(StandInBackend.open(config, clock=clock)))

        yield make
        server.clear_faults()


@pytest.mark.parametrize("code", [1020, 1007, 1021, 1037])
def test_commits_that_fail_without_end_end_in_a_clear_error(
    server: StandInServer, open_store: Open, code: int
) -> None:
    store = open_store(**BRIEF)
    lent = claimed(store)
    store.enqueue([firing()])
    server.fail(Fault(call="commit", code=code, times=ENDLESS))
    for verb in sorted(WRITING):
        began = time.monotonic()
        with pytest.raises(BackendUnavailableError, match=r"0\.\d s") as raised:
            asking_of(StandInBackend)[verb](store, lent)
        assert time.monotonic() - began < SOON
        # The last try may have too little time left.
        assert re.search(rf"{code}|1031|same keys", str(raised.value))
    server.clear_faults()
    assert store.settle([outcome(lent)]) == []


@pytest.mark.parametrize(("call", "code"), [("read", 1007), ("version", 1037), ("read", 1009)])
def test_reads_that_fail_now_and_then_are_made_again(
    server: StandInServer, open_store: Open, call: Call, code: int
) -> None:
    store = open_store(VirtualClock())
    lent = claimed(store)
    for verb, ask in asking_of(StandInBackend).items():
        server.fail(Fault(call=call, code=code, skip=0))
        ask(store, lent)
        assert server.clear_faults() <= 1, verb


@pytest.mark.parametrize("call", ["read", "commit", "version"])
def test_every_verb_has_a_time_limit(server: StandInServer, open_store: Open, call: Call) -> None:
    store = open_store(**BRIEF)
    lent = claimed(store)
    store.enqueue([firing()])
    server.fail(Fault(call=call, code=SILENCE, times=ENDLESS))
    verbs = asking_of(StandInBackend)

    def fails(verb: str) -> bool:
        try:
            verbs[verb](store, lent)
        except BackendUnavailableError:
            return True
        return False

    with ThreadPoolExecutor(16) as threads:
        asked = {verb: threads.submit(fails, verb) for verb in verbs}
        failed = {verb for verb, future in asked.items() if future.result(3 * SOON)}
    assert (WRITING if call == "commit" else {"get", "rows", "counters", "workers"}) <= failed


@pytest.mark.parametrize("verb", BLOCKING)
def test_wait_outlasts_a_server_that_is_silent_for_a_while(
    server: StandInServer, open_store: Open, verb: str
) -> None:
    store, near = open_store(**BRIEF), open_store()
    near.register(worker(), 600.0)
    lent = claimed(near, route="other")
    store.now()
    calls: dict[str, Callable[[], Any]] = {
        "wait": lambda: store.wait(QUEUE, ROUTE, WORKER, 60.0),
        "wait_any": lambda: store.wait_any(QUEUE, (ROUTE, "idle"), WORKER, 60.0),
        "claim_next": lambda: store.claim_next(QUEUE, ROUTE, WORKER, 1, LEASE, timeout=60.0),
        "wait_settled": lambda: store.wait_settled([lent.id], 60.0),
        "listen": lambda: store.listen(WORKER, 60.0),
    }

    def patiently() -> Any:
        while True:
            try:
                found = calls[verb]()
            except BackendUnavailableError as error:
                print(error)
            else:
                if found:
                    return found

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(patiently)
        pause(0.1)
        server.pause()
        pause(1.0)
        server.go_on()
        near.enqueue([firing()])
        near.settle([outcome(lent)])
        near.send(WORKER, Command(verb="stop"))
        assert waiting.result(3 * SOON)


def test_what_is_too_large_for_a_transaction_is_refused_with_the_way_out(
    server: StandInServer, open_store: Open
) -> None:
    store = open_store()
    server.fail(Fault(call="commit", code=2101, times=ENDLESS))
    with pytest.raises(BackendError, match="hand in less at once"):
        store.enqueue([firing()])
    server.clear_faults()
    assert counts(store) == {}


def test_batch_larger_than_a_transaction_is_in_or_not(open_store: Open) -> None:
    store = open_store()
    made = firings(40, body=b"x" * 900_000)
    assert store.enqueue(made) == ids(made)
    assert counts(store) == {State.PENDING: 40}
    lent: list[str] = []
    while len(lent) < 40:
        some = claim(store, 40)
        assert some
        lent += ids(some)
        assert store.settle([outcome(one, result=b"y" * 900_000) for one in some]) == []
    assert lent == ids(made)
    assert counts(store) == {State.COMPLETE: 40}


@pytest.mark.parametrize("verb", BLOCKING)
def test_who_gets_no_watch_hears_of_it_all_the_same(
    server: StandInServer, open_store: Open, verb: str
) -> None:
    store, near = open_store(), open_store()
    near.register(worker(), 600.0)
    lent = claimed(near, route="other")
    calls: dict[str, Callable[[], Any]] = {
        "wait": lambda: store.wait(QUEUE, ROUTE, WORKER, 60.0),
        "wait_any": lambda: store.wait_any(QUEUE, (ROUTE, "idle"), WORKER, 60.0),
        "claim_next": lambda: store.claim_next(QUEUE, ROUTE, WORKER, 1, LEASE, timeout=60.0),
        "wait_settled": lambda: store.wait_settled([lent.id], 60.0),
        "listen": lambda: store.listen(WORKER, 60.0),
    }
    server.fail(Fault(call="watch", code=1032, times=ENDLESS))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(calls[verb])
        pause(0.2)
        before = server.statistics()["versions"]
        pause(1.0)
        looks = server.statistics()["versions"] - before
        near.enqueue([firing()])
        near.settle([outcome(lent)])
        near.send(WORKER, Command(verb="stop"))
        assert waiting.result(3 * SOON)
    assert looks < 50


def test_leases_and_due_times_do_not_jump_with_the_versions(server: StandInServer, open_store: Open) -> None:
    store, other = open_store(), open_store()
    later = firing(due=store.now() + 60.0)
    store.enqueue([later])
    lent = claimed(store, route="other", lease=60.0)
    before, wall = store.now(), time.time()
    server.jump(98.6)
    for one in (store, other):
        one.enqueue([firing(route="elsewhere")])
        assert claim(one, 5) == []
    fresh = open_store()
    assert claim(fresh, 5) == []
    for one in (store, other, fresh):
        assert one.now() - before == pytest.approx(time.time() - wall, abs=3.0)
        assert counts(one, route="other") == {State.RUNNING: 1}
        assert (read(one, lent.id).lease_left or 0) == pytest.approx(60.0, abs=10.0)
    assert store.settle([outcome(lent)]) == []


def test_server_that_goes_on_after_a_while_is_used_again(server: StandInServer, open_store: Open) -> None:
    store = open_store(**BRIEF)
    store.enqueue(firings(2))
    server.pause()
    try:
        with pytest.raises(BackendUnavailableError, match="does not answer"):
            store.enqueue(firings(1))
    finally:
        server.go_on()
    eventually(lambda: counts(store).get(State.PENDING, 0) >= 2, what="the store answers")
