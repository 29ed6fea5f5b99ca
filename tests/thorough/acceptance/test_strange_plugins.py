"""Plugins that hang, or hold their whole process."""

from __future__ import annotations

import signal

import pytest

from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import Shop, ended
from tests.acceptance.test_strange_plugins import (
    declare,
    ends_its_worker_once,
    named_and_costs_nothing,
    shop,
    trouble,
)
from tests.support.waiting import eventually

__all__ = ["shop"]


def test_a_strategy_that_hangs_takes_no_worker_and_no_stop(shop: Shop) -> None:
    firing = declare(shop, "hanging")
    pool = shop.work()
    asked = eventually(
        lambda: [one for one in shop.backend.workers() if one.current == firing and one.state == "busy"],
        PATIENCE,
        what="the worker is listed as busy with the firing",
    )
    assert asked

    pool.process.send_signal(signal.SIGTERM)

    assert ended(pool) == 0
    assert shop.state(firing) is State.COMPLETE
    assert "strategy failed: schedule='tick' strategy='hanging' distribution='acme-stranger 1.0'" in pool.said


def test_a_strategy_that_holds_its_whole_worker_does_so_once(shop: Shop) -> None:
    reason = "it did not return, so its worker was killed: killed by SIGKILL"
    ends_its_worker_once(shop, "greedy", reason)


def test_jobs_beside_a_hook_that_ends_their_worker_count_no_death_and_no_timeout(shop: Shop) -> None:
    # Less than the five seconds for which the hook holds all threads.
    beside = [shop.fire("doze", 0.5, timeout=4.5) for _ in range(3)]
    settled = shop.fire("add", 1, 2)
    trouble(shop, "skunkqueue_firing_settled", "be_greedy")
    pool = shop.work()

    assert shop.result(settled) == 3
    records = [shop.settled(firing) for firing in beside]

    assert [(record.state, record.deaths) for record in records] == [(State.COMPLETE, 0)] * 3
    assert "plugin='ears' distribution='acme-hooks 1.0' hook='skunkqueue_firing_settled'" in pool.said
    assert "it did not return, so its worker was killed: killed by SIGKILL" in pool.said
    assert pool.stop() == 0


@pytest.mark.parametrize(
    ("hook", "operation", "reason"),
    [
        ("skunkqueue_firing_claimed", "hang", "PluginTimeoutError: it did not return within 5 s"),
        ("skunkqueue_pool_started", "hang", "PluginTimeoutError: it did not return within 5 s"),
        ("skunkqueue_worker_started", "leave", "its worker died: exit code 7"),
    ],
)
def test_a_hook_that_hangs_or_ends_its_process_is_named_and_costs_no_firing_anything(
    shop: Shop, hook: str, operation: str, reason: str
) -> None:
    named_and_costs_nothing(shop, hook, operation, reason)
