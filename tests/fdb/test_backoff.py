"""Pauses between tries: they grow, come to an end, differ by chance, and end when the store is closed.

On the stand-in, and but for the last one in time that passes by pauses alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, WORKER, firing
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.latch import Latch
from skunkqueue.persistence.fdb import transactions
from skunkqueue.persistence.fdb.backend import FdbBackend
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.faults import ENDLESS, Fault
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually

RETRY_FOR, LONG = 10.0, 120.0
TICK = 1e-4
"""Seconds that a look at the clock takes, so that a call without pauses comes to an end as well."""
BUSY, CONFLICT = 1037, 1020


class Pauses(Latch):
    """A latch at which time passes at once, and a clock that shows it."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._now = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        self._now += timeout
        return self.is_set()

    def monotonic(self) -> float:
        """Say what time it is."""
        self._now += TICK
        return self._now


@pytest.fixture
def store(server: StandInServer, config_of: ConfigOf) -> Iterator[FdbBackend]:
    """Give a store."""
    with closing(StandInBackend.open(config_of(server.url(), retry_for=str(RETRY_FOR)))) as made:
        made.enqueue([firing()])
        yield made
        server.clear_faults()


@pytest.fixture
def pauses(store: FdbBackend, monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """Give the pauses of the store."""
    made = Pauses()
    monkeypatch.setattr(store._link, "closed", made)
    monkeypatch.setattr(transactions, "monotonic", made.monotonic)
    return made


def enqueue(store: FdbBackend, server: StandInServer, code: int) -> None:
    """Enqueue where no commit succeeds."""
    server.fail(Fault(call="commit", code=code, times=ENDLESS))
    store.enqueue([firing()])


def set_the_clock(store: FdbBackend, server: StandInServer, code: int) -> None:
    """Claim after a recovery, where the clock cannot be set right."""
    server.jump(98.6)
    server.fail(Fault(call="commit", code=code, times=ENDLESS, prefix=store._link.keys.clock))
    store.claim(QUEUE, ROUTE, WORKER, 1, LEASE)


Call = Callable[[FdbBackend, StandInServer, int], None]


@pytest.mark.parametrize(
    ("code", "longest"),
    [(BUSY, transactions.LONGEST_PAUSE), (CONFLICT, transactions.LONGEST_AFTER_CONFLICT)],
)
@pytest.mark.parametrize("call", [enqueue, set_the_clock])
def test_pauses_double_up_to_the_longest_until_time_is_over(
    store: FdbBackend,
    server: StandInServer,
    pauses: Pauses,
    monkeypatch: pytest.MonkeyPatch,
    *,
    call: Call,
    code: int,
    longest: float,
) -> None:
    monkeypatch.setattr(random, "random", lambda: 1.0)
    with pytest.raises(BackendUnavailableError):
        call(store, server, code)
    *seconds, last = pauses.seconds
    growing = [one for one in seconds if one < longest]
    assert growing == [2 * transactions.FIRST_PAUSE * 2**number for number in range(len(growing))]
    assert set(seconds[len(growing) :]) == {longest}
    assert last <= longest
    assert 0.9 * RETRY_FOR < sum(pauses.seconds) <= RETRY_FOR


def test_pauses_of_two_who_began_at_the_same_time_differ(
    store: FdbBackend, server: StandInServer, pauses: Pauses
) -> None:
    taken: list[list[float]] = []
    for _ in range(2):
        pauses.seconds = []
        with pytest.raises(BackendUnavailableError):
            enqueue(store, server, BUSY)
        taken.append(pauses.seconds)
    assert not set(taken[0]) & set(taken[1])


@pytest.mark.parametrize(("call", "held"), [(enqueue, 0), (set_the_clock, 1)])
def test_close_ends_a_pause(
    server: StandInServer, config_of: ConfigOf, monkeypatch: pytest.MonkeyPatch, call: Call, held: int
) -> None:
    with closing(StandInBackend.open(config_of(server.url(), retry_for=str(LONG)))) as store:
        store.enqueue([firing()])
        monkeypatch.setattr(random, "random", lambda: 1.0)
        for name in ("FIRST_PAUSE", "LONGEST_PAUSE"):
            monkeypatch.setattr(transactions, name, LONG)
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(call, store, server, BUSY)
            # But for the transaction that waits for the clock, none is open between two tries.
            eventually(
                lambda: server.statistics()["met"] and len(store._link._open) == held,
                what="a try has failed and ended",
            )
            store.close()
            with pytest.raises(BackendError, match="was closed"):
                asked.result(LONG / 4)


def test_pauses_are_made_after_close_as_well(
    store: FdbBackend, server: StandInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 1.0)
    monkeypatch.setattr(transactions, "LAST", 0.1)
    store.close()
    server.fail(Fault(call="commit", code=BUSY, times=ENDLESS))
    store._link.run_last(lambda tr: tr.set(tr.keys.layout + b"?", b""))
    # 2 ms, 4 ms, and so on.
    assert 0 < server.clear_faults() <= 7
