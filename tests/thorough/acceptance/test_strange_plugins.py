"""Plugins that hold their whole process."""

from __future__ import annotations

import pytest

from skunkqueue.records import State
from tests.acceptance.test_strange_plugins import shop, trouble
from tests.acceptance.workshop import Workshop

__all__ = ["shop"]


def test_jobs_beside_a_hook_that_ends_their_worker_count_no_death_and_no_timeout(shop: Workshop) -> None:
    beside = [shop.fire("doze", 0.5, timeout=2.5) for _ in range(3)]
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
    ("hook", "deed", "reason"),
    [
        ("skunkqueue_firing_claimed", "hang", "PluginTimeoutError: it did not return within 5 s"),
        ("skunkqueue_worker_started", "leave", "its worker died: exit code 7"),
    ],
)
def test_a_hook_that_hangs_or_ends_its_process_is_named_and_costs_no_firing_anything(
    shop: Workshop, hook: str, deed: str, reason: str
) -> None:
    trouble(shop, hook, deed)
    firings = [shop.fire("add", number, 2, timeout=3.0) for number in range(3)]
    pool = shop.work()

    assert [shop.result(firing) for firing in firings] == [2, 3, 4]
    assert shop.result(shop.fire("add", 1, 2, timeout=3.0)) == 3

    assert [shop.record(firing).deaths for firing in firings] == [0, 0, 0]
    told = f"hook failed: plugin='ears' distribution='acme-hooks 1.0' hook='{hook}' reason='{reason}"
    pool.says(told)
    assert pool.said.count("hook failed: ") == 1
    assert pool.stop() == 0
