"""Latches: they wake who waits, also where a signal handler sets or awaits them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from skunkqueue.latch import Latch
from tests.support.moments import Stop, moments
from tests.support.waiting import eventually

OURS = ("skunkqueue/latch.py",)


def test_setting_wakes_all_who_wait() -> None:
    latch = Latch()
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(latch.wait, 60) for _ in range(2)] + [threads.submit(latch.wait)]
        eventually(lambda: len(latch._gates) == 3)
        latch.set()
        assert [one.result(60) for one in waiting] == [True, True, True]
    assert latch.is_set()
    assert latch.wait(0)


def test_wait_ends_with_its_time() -> None:
    latch = Latch()
    assert not latch.wait(0.01)
    assert not latch.wait(0)
    assert not latch.wait(-1)


def test_cleared_latch_is_waited_for_again() -> None:
    latch = Latch()
    latch.set()
    latch.clear()
    assert not latch.is_set()
    assert not latch.wait(0.01)


@pytest.mark.parametrize("act", ["raises", "sets it", "waits for it"])
def test_handler_may_come_at_any_moment(act: str) -> None:
    latch = Latch()

    def handler() -> None:
        if act == "raises":
            raise Stop
        if act == "sets it":
            latch.set()
        else:
            latch.wait(0.001)

    def use() -> None:
        latch.wait(0.001)
        latch.set()
        latch.wait()
        latch.clear()

    for moment in moments(OURS, handler):
        with suppress(Stop):
            moment(use)
        latch.clear()
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(latch.wait, 60)
            eventually(lambda: latch._gates, every=0.0005)
            latch.set()
            assert waiting.result(60)
        latch.clear()
