"""A store that is closed in the middle of a claim or a wait: nothing is lent, and the wait returns."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from skunkqueue.contract.makers import (
    LEASE,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    counts,
    firing,
    firings,
    ids,
    read,
    worker,
)
from skunkqueue.errors import BackendError
from skunkqueue.persistence.fdb.backend import FdbBackend
from skunkqueue.records import State
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.faults import ENDLESS, SILENCE, Fault, Landing
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually

LONG = 60.0


@pytest.fixture
def other(server: StandInServer, config_of: ConfigOf) -> Iterator[FdbBackend]:
    """Give the test's store as another process has it open."""
    with closing(StandInBackend.open(config_of(server.url()))) as made:
        yield made


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("landing", ["before", "after", "never"])
def test_claim_that_close_interrupts_holds_nothing(
    server: StandInServer,
    config_of: ConfigOf,
    other: FdbBackend,
    threads: ThreadPoolExecutor,
    landing: Landing,
    *,
    ahead: bool,
) -> None:
    batch = firings(3)
    other.enqueue(batch)
    store = StandInBackend.open(config_of(server.url(), timeout="60", retry_for="60"))
    lease_keys = store._link.keys.lease
    server.fail(Fault(call="commit", code=SILENCE, landing=landing, delay=0.05, prefix=lease_keys))
    before = server.statistics()
    if ahead:
        claimed = threads.submit(store.claim_ahead(QUEUE, ROUTE, WORKER, 2, LONG))
    else:
        claimed = threads.submit(store.claim_next, QUEUE, ROUTE, WORKER, 2, LONG, timeout=LONG)
    eventually(lambda: server.statistics()["met"] > before["met"], what="the claim is committed")

    store.close()

    with pytest.raises(BackendError, match="was closed"):
        claimed.result(LONG)
    if landing == "after":
        eventually(lambda: server.statistics()["late"] > before["late"], what="the late commit has come")
    assert counts(other) == {State.PENDING: 3}
    assert {read(other, one.id).deaths for one in batch} == {0}
    assert ids(claim(other, 5, lease=LEASE)) == ids(batch)


@pytest.mark.parametrize("verb", ["wait", "wait_any", "wait_settled", "listen"])
def test_wait_that_close_interrupts_at_its_first_look_has_found_nothing(
    server: StandInServer, config_of: ConfigOf, other: FdbBackend, threads: ThreadPoolExecutor, verb: str
) -> None:
    made = firing()
    other.enqueue([made])
    other.register(worker(), LONG)
    store = StandInBackend.open(config_of(server.url(), timeout="60", retry_for="60"))
    verbs = {
        "wait": lambda: store.wait(QUEUE, ROUTE, WORKER, LONG),
        "wait_any": lambda: store.wait_any(QUEUE, (ROUTE, "other"), WORKER, LONG),
        "wait_settled": lambda: store.wait_settled([made.id], LONG),
        "listen": lambda: store.listen(WORKER, LONG),
    }
    server.fail(Fault(call="read", code=SILENCE, times=ENDLESS))
    before = server.statistics()
    waiting = threads.submit(verbs[verb])
    eventually(lambda: server.statistics()["met"] > before["met"], what="it looks")

    store.close()

    assert not waiting.result(LONG)


def test_close_ends_also_what_sets_the_clock_right_after_a_recovery(
    server: StandInServer, config_of: ConfigOf, other: FdbBackend, threads: ThreadPoolExecutor
) -> None:
    other.enqueue(firings(1))
    store = StandInBackend.open(config_of(server.url(), timeout="60", retry_for="60"))
    server.jump(98.6)
    server.fail(Fault(call="commit", code=SILENCE, times=ENDLESS, prefix=store._link.keys.clock))
    before = server.statistics()
    claimed = threads.submit(store.claim, QUEUE, ROUTE, WORKER, 1, LONG)
    eventually(lambda: server.statistics()["met"] > before["met"], what="the clock is being set")

    store.close()

    try:
        with pytest.raises(BackendError, match="was closed"):
            claimed.result(LONG / 2)
    finally:
        server.clear_faults()
