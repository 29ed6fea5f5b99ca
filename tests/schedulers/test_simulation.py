"""Runs in virtual time go as a store and its workers would have them go."""

from __future__ import annotations

from datetime import datetime, timezone

import msgspec

from skunkqueue.schedule import Observation, Plan
from skunkqueue.scheduler.fixed import TimeStrategy
from skunkqueue.scheduler.simulation import Simulated, SimulatedRun, simulate


class Every:
    """Every ten seconds, so many times; its state is what it saw last."""

    def __init__(self, times: int = 5, expires: float | None = None) -> None:
        self.times = times
        self.expires = expires

    def first(self, params: bytes, now: float) -> Plan:  # noqa: ARG002 - as the protocol has it
        return Plan(due=now, state=b"0", interval=10.0)

    def after(self, params: bytes, state: bytes, seen: Observation) -> Plan:  # noqa: ARG002 - as above
        count = int(state) + 1
        due = None if count == self.times else seen.due + 10
        expires = None if due is None or self.expires is None else due + self.expires
        return Plan(due=due, state=b"%d" % count, interval=float(count), expires=expires)


def of(strategy: Every, takes: float, **fields: object) -> Simulated:
    return Simulated(strategy=strategy, params=b"", takes=lambda _: takes, **fields)  # type: ignore[arg-type]


def began(runs: list[SimulatedRun]) -> list[float]:
    return [run.began for run in runs]


def test_runs_begin_when_they_are_due_and_end_with_the_schedule() -> None:
    (runs,) = simulate([of(Every(), 1.0)], until=1_000)

    assert began(runs) == [0, 10, 20, 30, 40]
    assert [run.interval for run in runs] == [1, 2, 3, 4, 5]


def test_a_run_waits_for_the_one_before_and_for_a_free_worker() -> None:
    slow, quick = simulate([of(Every(2), 25.0), of(Every(3), 1.0)], until=1_000)

    assert began(slow) == [0, 26]
    assert began(quick) == [25, 51, 52]


def test_two_workers_run_two_at_a_time() -> None:
    slow, quick = simulate([of(Every(2), 25.0), of(Every(3), 1.0)], until=1_000, workers=2)

    assert (began(slow), began(quick)) == ([0, 25], [0, 10, 20])


def test_nothing_begins_after_the_end_and_before_the_declaration() -> None:
    (runs,) = simulate([of(Every(99), 1.0, declared=35.0)], until=60)

    assert began(runs) == [35, 45, 55]


def test_a_run_that_comes_too_late_to_begin_is_expired() -> None:
    _, late = simulate([of(Every(2), 25.0), of(Every(4, expires=5.0), 1.0)], until=1_000)

    assert [(run.verdict, run.took) for run in late] == [
        ("complete", 1.0),
        ("expired", 0.0),
        ("expired", 0.0),
        ("expired", 0.0),
    ]


def test_a_run_fails_when_it_is_told_to() -> None:
    (runs,) = simulate([of(Every(3), 1.0, fails=lambda at: at == 10)], until=100)

    assert [run.verdict for run in runs] == ["complete", "error", "complete"]


def test_a_decade_of_a_cron_line_takes_a_moment() -> None:
    start = datetime(2025, 1, 1, tzinfo=timezone.utc).timestamp()
    params = msgspec.json.encode({"cron": "0 3 * * *", "tz": "Europe/Berlin"})
    one = Simulated(strategy=TimeStrategy(), params=params, takes=lambda _: 60.0, declared=start)

    (runs,) = simulate([one], until=datetime(2035, 1, 1, tzinfo=timezone.utc).timestamp())

    assert len(runs) == 3_652
