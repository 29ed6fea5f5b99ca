"""Whose fault it is that a worker died while the code of a plugin ran."""

from __future__ import annotations

import signal

import pytest

from skunkqueue.pool.child_process import End
from skunkqueue.pool.plugin_deaths import PluginDeaths
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.scoreboard import STRATEGY, PluginCall
from skunkqueue.records import ClaimRef

CALL = PluginCall(ClaimRef("f1", 1), float("inf"), (STRATEGY, "schedule 1 tick", "time", "tick"))
OTHER = PluginCall(ClaimRef("f2", 1), float("inf"), (STRATEGY, "schedule 1 tick", "time", "tick"))


def ended(by: signal.Signals | None) -> End:
    return End(Ending.NONE, None if by else 7, by, 0)


def test_a_worker_that_somebody_killed_says_nothing_against_a_plugin() -> None:
    assert PluginDeaths().is_unproven([CALL], ended(signal.SIGKILL))


def test_a_worker_that_is_killed_again_under_the_same_call_does() -> None:
    deaths = PluginDeaths()
    deaths.is_unproven([CALL], ended(signal.SIGKILL))

    assert deaths.is_unproven([OTHER], ended(signal.SIGKILL))
    assert not deaths.is_unproven([CALL], ended(signal.SIGKILL))


@pytest.mark.parametrize("by", [signal.SIGSEGV, signal.SIGABRT, None])
def test_a_worker_that_ends_by_its_own_code_does_at_once(by: signal.Signals | None) -> None:
    assert not PluginDeaths().is_unproven([CALL], ended(by))
