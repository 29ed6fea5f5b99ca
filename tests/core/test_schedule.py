"""Strategies, and the run that follows a run."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skunkqueue.errors import PluginError
from skunkqueue.payload import Body, Step, encode
from skunkqueue.records import Schedule
from skunkqueue.schedule import (
    Before,
    Observation,
    Plan,
    find_strategy,
    firing_for,
    foresee,
    plan_declared,
    refire,
    skipped,
)

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


@pytest.mark.parametrize(
    "plan",
    [
        None,
        "soon",
        Plan(due=float("nan"), state=b""),
        Plan(due=float("inf"), state=b""),
        Plan(due=2**80, state=b""),
        Plan(due="soon", state=b""),  # type: ignore[arg-type]
        Plan(due=True, state=b""),
        Plan(due=1.0, state=None),  # type: ignore[arg-type]
        Plan(due=1.0, state="0"),  # type: ignore[arg-type]
        Plan(due=1.0, state=b"x" * 70_000),
        Plan(due=1.0, state=b"", interval="often"),  # type: ignore[arg-type]
        Plan(due=1.0, state=b"", expires=float("nan")),
        Plan(due=1.0, state=b"", expires=0.5),
        Plan(due=1.0, state=b"", interval=-1.0),
    ],
    ids=repr,
)
def test_a_plan_that_no_store_could_keep_is_refused(plan: Any) -> None:
    class Nonsense(Every):
        def first(self, params: bytes, now: float) -> Plan:  # noqa: ARG002 - as the protocol has it
            found: Plan = plan
            return found

        def after(self, params: bytes, state: bytes, seen: Observation) -> Plan:  # noqa: ARG002 - as above
            found: Plan = plan
            return found

    with pytest.raises(PluginError, match="strategy"):
        refire(SCHEDULE, "f1", Nonsense(), SEEN)
    with pytest.raises(PluginError, match="strategy"):
        skipped(SCHEDULE, Nonsense(), 100.0)
    with pytest.raises(PluginError, match="strategy"):
        plan_declared(Nonsense(), b"10", 100.0)


def test_the_earlier_of_two_expiries_counts() -> None:
    body = encode(Body((Step("demo:add", b""),), schedule="nightly", expires_in=30.0))
    schedule = msgspec.structs.replace(SCHEDULE, body=body)

    for expires, expected in ((None, 130.0), (120.0, 120.0), (140.0, 130.0)):
        firing = firing_for(schedule, Plan(due=100.0, state=b"", expires=expires))
        assert firing is not None
        assert firing.expires == expected


def test_a_strategy_that_cannot_go_on_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Every):
        def again(self, params: bytes, before: Before, now: float) -> Plan:  # noqa: ARG002 - as above
            raise ValueError(before.state)

    plan = plan_declared(Broken(), b"20", 100.0, SCHEDULE)

    assert (plan.due, plan.state) == (100.0, b"0")
    assert "'nightly' begins anew" in caplog.text


@pytest.mark.parametrize(
    ("verdict", "before", "due", "expires"),
    [
        ("expired", "expired", 106.0, 107.5),
        ("expired", "complete", 105.0, 106.5),
        ("complete", "expired", 105.0, 106.5),
        ("complete", "complete", 105.0, 106.5),
    ],
)
def test_a_schedule_whose_runs_expire_one_after_the_other_is_slowed_down(
    verdict: str, before: str, due: float, expires: float
) -> None:
    class AtOnce(Every):
        def after(self, params: bytes, state: bytes, seen: Observation) -> Plan:  # noqa: ARG002 - as above
            return Plan(due=seen.now, expires=seen.now + 1.5, state=b"")

    schedule = msgspec.structs.replace(SCHEDULE, verdict=before)
    seen = msgspec.structs.replace(SEEN, verdict=verdict)

    firing = refire(schedule, "f1", AtOnce(), seen).firing

    assert firing is not None
    assert (firing.due, firing.expires) == (due, expires)


def test_a_run_planned_for_long_ago_is_due_now() -> None:
    class Ancient(Every):
        def first(self, params: bytes, now: float) -> Plan:  # noqa: ARG002 - as above
            return Plan(due=float(params), state=b"")

    assert plan_declared(Ancient(), b"0", 1.7e9).due == 1.7e9
    assert plan_declared(Ancient(), b"1.6e9", 1.7e9).due == 1.6e9


def test_a_schedule_s_firings_have_its_name_its_job_and_its_tags() -> None:
    body = encode(Body((Step("m:one", b""), Step("m:two", b"")), tags=("nightly",)))
    firing = firing_for(msgspec.structs.replace(SCHEDULE, body=body), Plan(due=1.0, state=b""))

    assert firing is not None
    assert (firing.schedule, firing.job, firing.tags) == ("nightly", "m:one & m:two", ("nightly",))


def test_a_schedule_with_a_damaged_body_fires_without_a_job_s_name() -> None:
    firing = firing_for(SCHEDULE, Plan(due=1.0, state=b""))

    assert firing is not None
    assert (firing.schedule, firing.job, firing.tags) == ("nightly", "", ())


def test_runs_are_foreseen_as_if_each_took_as_long_as_the_last() -> None:
    armed = msgspec.structs.replace(SCHEDULE, next_run=200.0, took=2.0)

    found = foresee(armed, Every(), 200.0, 5)

    assert [plan.due for plan in found] == [210.0, 220.0, None], "it ends by its rule"


class After:
    """So many seconds after the end of a run."""

    def first(self, params: bytes, now: float) -> Plan:
        return Plan(due=now + float(params), state=b"")

    def after(self, params: bytes, state: bytes, seen: Observation) -> Plan:
        del state
        assert seen.began is not None
        return Plan(due=seen.began + seen.took + float(params), state=b"")


def test_runs_are_foreseen_from_when_the_armed_one_began() -> None:
    running = msgspec.structs.replace(SCHEDULE, next_run=200.0, took=3.0)

    found = foresee(running, After(), 205.0, 3)

    assert [plan.due for plan in found] == [218.0, 231.0, 244.0]


def test_an_impossible_plan_is_not_foreseen() -> None:
    class Wrong(Every):
        def after(self, params: bytes, state: bytes, seen: Observation) -> Plan:
            del params, state, seen
            return Plan(due=float("nan"), state=b"")

    with pytest.raises(PluginError, match="due=nan"):
        foresee(SCHEDULE, Wrong(), 200.0, 3)
