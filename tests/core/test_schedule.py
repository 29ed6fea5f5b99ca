"""Strategies, and the run that follows a run."""

from __future__ import annotations

import msgspec
import pytest

from skunkqueue.errors import PluginError
from skunkqueue.records import Schedule
from skunkqueue.schedule import Observation, Plan, find_strategy, firing_for, refire

SCHEDULE = Schedule(
    queue="demo",
    name="nightly",
    route="foo",
    strategy="every",
    params=b"10",
    state=b"0",
    body=b"b",
    priority=7,
    generation=3,
)
SEEN = Observation(now=105.0, due=100.0, began=101.0, took=2.0, verdict="complete", attempts=1, interval=10.0)


class Every:
    """Every so many seconds, so many times."""

    def first(self, params: bytes, now: float) -> Plan:
        return Plan(due=now, state=b"0", interval=float(params))

    def after(self, params: bytes, state: bytes, seen: Observation) -> Plan:
        count = int(state) + 1
        if count == 3:
            return Plan(due=None, state=b"%d" % count)
        return Plan(due=seen.due + float(params), state=b"%d" % count, interval=float(params))


def test_a_run_leads_to_the_next_as_its_strategy_says() -> None:
    found = refire(SCHEDULE, "f1", Every(), SEEN)

    assert found.firing is not None
    assert (found.firing.due, found.firing.route, found.firing.body, found.firing.priority) == (
        110.0,
        "foo",
        b"b",
        7,
    )
    assert (found.generation, found.state) == (3, b"1")
    assert (found.run.id, found.run.began, found.run.took, found.run.interval) == ("f1", 101.0, 2.0, 10.0)


def test_a_schedule_ends_when_its_strategy_says_so() -> None:
    schedule = msgspec.structs.replace(SCHEDULE, state=b"2")

    assert refire(schedule, "f1", Every(), SEEN).firing is None


def test_a_run_that_never_began_is_in_the_history_at_the_time_it_ended() -> None:
    seen = msgspec.structs.replace(SEEN, began=None, verdict="killed")

    assert refire(SCHEDULE, "f1", Every(), seen).run.began == 105.0


def test_no_due_time_makes_no_firing() -> None:
    assert firing_for(SCHEDULE, Plan(due=None, state=b"")) is None


@pytest.mark.parametrize("name", ["no-such-strategy", "os:system", ""])
def test_a_strategy_that_is_not_registered_is_not_loaded(name: str) -> None:
    with pytest.raises(PluginError):
        find_strategy(name)
