"""The store's time after recoveries, which have versions jump: right in every process, whenever it looks for the first time since."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.contract.makers import claim, firing
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.fdb import opening, server_time
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually

Open = Callable[[], Backend]
JUMP = 98.6
"""Seconds by which versions jump."""
ABOUT = 5.0
"""Seconds by which times may differ that are the same: a recovery costs two, and a busy machine some."""


@pytest.fixture
def open_store(server: StandInServer, config_of: ConfigOf) -> Iterator[Open]:
    """Open the test's store once more, as another process would."""
    config = config_of(server.url())
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(StandInBackend.open(config, clock=SYSTEM_CLOCK)))


def test_who_missed_a_recovery_does_not_take_the_next_for_time(
    server: StandInServer, open_store: Open
) -> None:
    store, away = open_store(), open_store()
    server.jump(JUMP)
    store.enqueue([firing()])
    server.jump(JUMP)
    away.enqueue([firing()])
    store.enqueue([firing()])
    for one in (store, away):
        assert one.now() == pytest.approx(time.time(), abs=ABOUT)


def test_who_opens_the_store_after_a_recovery_waits_for_one_who_knows_the_time(
    server: StandInServer, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    store.enqueue([firing()])
    server.jump(JUMP)
    main = threading.current_thread()

    def wall() -> float:
        # The machine of who comes later is an hour ahead.
        return time.time() + (0.0 if threading.current_thread() is main else 3_600.0)

    monkeypatch.setattr(server_time, "_wall", wall)
    with ThreadPoolExecutor(1) as threads:
        opening = threads.submit(open_store)
        seen = server.statistics()["versions"]
        eventually(lambda: opening.done() or server.statistics()["versions"] > seen + 3, what="it waits")
        store.enqueue([firing()])
        assert opening.result().now() == pytest.approx(time.time(), abs=ABOUT)


def test_idle_worker_that_sees_a_recovery_sets_the_clock_right_for_those_who_come_later(
    server: StandInServer, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    store.enqueue([firing()])
    server.jump(JUMP)
    assert claim(store, route="idle") == []
    # Whose machine is an hour ahead, and who would go by it where nobody knew better.
    monkeypatch.setattr(opening, "_OTHERS", 0.0)
    monkeypatch.setattr(server_time, "_wall", lambda: time.time() + 3_600.0)
    assert open_store().now() == pytest.approx(time.time(), abs=ABOUT)


def test_who_opens_the_store_after_a_recovery_that_nobody_saw_goes_by_its_machine(
    server: StandInServer, open_store: Open
) -> None:
    open_store().enqueue([firing()])
    server.jump(JUMP)
    first, second = open_store(), open_store()
    for one in (first, second):
        assert one.now() == pytest.approx(time.time(), abs=ABOUT)


def test_time_does_not_go_back_behind_a_recovery_that_nobody_saw(
    server: StandInServer, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_store()
    before.enqueue([firing()])
    last = before.now()
    server.jump(JUMP)
    monkeypatch.setattr(server_time, "_wall", lambda: time.time() - 3_600.0)
    assert last - ABOUT < open_store().now() < last + 2 * ABOUT
