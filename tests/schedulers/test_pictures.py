"""The pictures of docs/schedules.md: what they show is so, and they are what the script draws."""

from __future__ import annotations

import runpy
from itertools import pairwise
from statistics import fmean
from typing import Any

import pytest

from skunkqueue.scheduler.simulation import SimulatedRun
from tests.docs.pages import ROOT

SCRIPT = ROOT / "examples" / "plot_schedules.py"
PLOT: dict[str, Any] = runpy.run_path(str(SCRIPT))
SCENES: dict[str, Any] = {scene.name: scene for scene in PLOT["scenes"]()}
SLOWER = ("rto", "aimd", "slow-start")
NORMAL, SLOW, SLOW_FROM, END = (PLOT[name] for name in ("NORMAL", "SLOW", "SLOW_FROM", "END"))


def runs_of(name: str) -> list[SimulatedRun]:
    (runs,) = PLOT["play"](SCENES[name])
    return list(runs)


def intervals(runs: list[SimulatedRun]) -> list[float]:
    return [run.interval for run in runs if run.interval is not None]


@pytest.mark.parametrize("name", SLOWER)
def test_intervals_stay_within_their_bounds(name: str) -> None:
    chosen = intervals(runs_of(name))

    assert len(chosen) > 50
    assert min(chosen) >= 1
    assert max(chosen) <= 86_400


@pytest.mark.parametrize("name", SLOWER)
def test_runs_never_overlap(name: str) -> None:
    runs = runs_of(name)

    assert all(before.ended <= after.began for before, after in pairwise(runs))


@pytest.mark.parametrize("name", SLOWER)
def test_pace_fits_the_job_before_and_after_it_becomes_slow(name: str) -> None:
    runs = runs_of(name)
    before = intervals([run for run in runs if SLOW_FROM - 300 <= run.began < SLOW_FROM])
    after = intervals([run for run in runs if run.began >= END - 600])

    assert NORMAL <= fmean(before) < 2 * NORMAL
    assert SLOW <= fmean(after) < 2 * SLOW


@pytest.mark.parametrize("name", SLOWER)
def test_three_slow_runs_are_enough_to_see_that_the_job_is_slow(name: str) -> None:
    slow = [run for run in runs_of(name) if run.began >= SLOW_FROM]

    assert max(intervals(slow[:3])) > SLOW


def test_rto_leaves_little_time_between_runs_of_a_steady_job() -> None:
    steady = intervals([run for run in runs_of("rto") if SLOW_FROM - 300 <= run.began < SLOW_FROM])

    assert all(NORMAL < interval < 1.2 * NORMAL for interval in steady)


def test_schedules_that_share_a_worker_come_to_the_same_pace() -> None:
    scene = SCENES["fair"]
    last = [len([run for run in runs if run.began >= scene.until - 1_000]) for runs in PLOT["play"](scene)]

    assert max(last) < 1.25 * min(last)


@pytest.mark.parametrize("name", [*SLOWER, "fair"])
def test_a_picture_is_what_the_script_draws(name: str) -> None:
    drawn = PLOT["draw"](SCENES[name], PLOT["play"](SCENES[name]))

    assert (ROOT / "docs" / "pictures" / f"{name}.svg").read_text(encoding="utf-8") == drawn, (
        "run: python examples/plot_schedules.py"
    )
