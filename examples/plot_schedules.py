"""Draw how schedules that adapt themselves behave: one SVG file for each picture of docs/schedules.md.

Install the schedulers:  pip install ./skunkqueue-core ./skunkqueue-schedulers
Then:  python examples/plot_schedules.py [FOLDER]   (docs/pictures where none is named)

The runs are simulated, in virtual time: no store, no worker and no server is needed, and they are drawn with nothing
but the standard library. The same strategies always give the same files.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from skunkqueue import SkunkQueue
from skunkqueue.schedule import find_strategy
from skunkqueue.scheduler import AIMDScheduler, RTOScheduler, Scheduler, SlowStartScheduler
from skunkqueue.scheduler.simulation import Simulated, SimulatedRun, simulate

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
NORMAL, SLOW = 10.0, 30.0
"""Seconds that a run takes, and takes once the job has become slow; give or take a twentieth."""
SLOW_FROM = 900.0
END = 2_400.0
SCALE = 80.0
"""Seconds that the axis of intervals reaches at least, so that pictures can be compared."""
MINUTE = 60.0

WIDTH, HEIGHT = 760, 372
LEFT, RIGHT, TOP, BOTTOM = 52, 20, 92, 284
STRIP, ROW = 296, 12
PACE, WORK, OTHER, GREY, GRID = "#c2410c", "#1d4ed8", "#0f766e", "#52525b", "#e4e4e7"
# Readable on a light page and on a dark one: the picture brings its own paper.
STYLE = "text{font:13px system-ui,sans-serif;fill:#18181b}.t{font-size:16px;font-weight:600}.n{fill:#52525b}"


Axis = Callable[[float], float]
"""From seconds to a place in the picture."""


class Scene(NamedTuple):
    """What one picture shows."""

    name: str
    title: str
    setting: str
    """How the schedules were declared."""
    schedules: list[Scheduler]
    until: float
    slow_from: float | None = None
    labels: tuple[str, ...] = ("interval",)
    """What each schedule's line is called."""


def scenes() -> list[Scene]:
    """List the pictures. Nothing is declared: the queue is never opened."""
    queue = SkunkQueue("demo")
    return [
        slower("rto", RTOScheduler(queue)),
        slower("aimd", AIMDScheduler(queue)),
        slower("slow-start", SlowStartScheduler(queue)),
        Scene(
            "fair",
            "Two AIMD schedules share one worker",
            "initial=15 and initial=240, increase=1/600 for both; each run takes 10 s",
            [AIMDScheduler(queue, initial=first, increase=1 / 600, name=f"{first} s") for first in (15, 240)],
            until=3_000.0,
            labels=("interval of the one that began with 15 s", "of the one that began with 240 s"),
        ),
    ]


def slower(name: str, one: Scheduler) -> Scene:
    """Show a scheduler with all its defaults on a job that suddenly takes three times as long."""
    kind = type(one).__name__
    title = f"{kind.removesuffix('Scheduler')}, on a job that suddenly takes three times as long"
    return Scene(name, title, f"{kind}(queue): all defaults", [one], END, SLOW_FROM)


def play(scene: Scene) -> list[list[SimulatedRun]]:
    """Simulate a scene on one worker; return the runs of each of its schedules."""
    return simulate(
        [
            Simulated(
                strategy=find_strategy(one.strategy), params=one.params, takes=job(number, scene.slow_from)
            )
            for number, one in enumerate(scene.schedules)
        ],
        scene.until,
    )


def job(number: int, slow_from: float | None) -> Callable[[float], float]:
    """Make a job whose runs take nearly the same time, until it becomes slow."""
    dice = random.Random(number)  # noqa: S311 - no secret

    def takes(began: float) -> float:
        slow = slow_from is not None and began >= slow_from
        return (SLOW if slow else NORMAL) * dice.uniform(0.95, 1.05)

    return takes


def draw(scene: Scene, played: list[list[SimulatedRun]]) -> str:
    """Draw a scene as an SVG document."""
    most = max([SCALE, *(run.interval or 0.0 for runs in played for run in runs)])
    top = 4 * next(step for step in (20, 50, 100, 200, 500, 1_000) if most <= 4 * step)

    def x(seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * seconds / scene.until

    def y(seconds: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * seconds / top

    height = HEIGHT + ROW * (len(played) - 1)
    colours = (PACE, OTHER)
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"',
        f'  viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(scene.title)}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        text(16, 26, scene.title, "t"),
        text(16, 46, scene.setting, "n"),
        *axes(scene, top, len(played), x, y),
    ]
    played = [[run for run in runs if run.ended <= scene.until] for runs in played]
    legend = [(label, colour, False) for label, colour in zip(scene.labels, colours, strict=False)]
    for number, runs in enumerate(played):
        strip = STRIP + ROW * number
        body.append(
            f'<path d="{spans(runs, x, strip)}" fill="{WORK if len(played) == 1 else colours[number]}"/>'
        )
        body.append(
            f'<path d="{steps(runs, x, y)}" fill="none" stroke="{colours[number]}" stroke-width="2"/>'
        )
        if len(played) == 1:
            body.append(
                f'<path d="{dots(runs, x, y)}" stroke="{WORK}" stroke-width="5" stroke-linecap="round"/>'
            )
            legend.append(("run time; the strip below: when it runs", WORK, True))
    body += told(legend)
    return "\n".join([*body, "</svg>\n"])


def axes(scene: Scene, top: int, rows: int, x: Axis, y: Axis) -> list[str]:
    """Draw the grid, both axes and the moment from which runs are slow."""
    body = []
    for mark in range(0, top + 1, top // 4):
        body.append(line(LEFT, y(mark), WIDTH - RIGHT, y(mark), GRID))
        body.append(text(LEFT - 8, y(mark) + 4, f"{mark} s", "n", "end"))
    foot = STRIP + ROW * rows + 4
    for minute in range(0, int(scene.until / MINUTE) + 1, 5):
        body.append(line(x(minute * MINUTE), foot - 4, x(minute * MINUTE), foot, GREY))
        body.append(text(x(minute * MINUTE), foot + 16, f"{minute}", "n", "middle"))
    body.append(text((LEFT + WIDTH - RIGHT) / 2, foot + 34, "minutes", "n", "middle"))
    if scene.slow_from is not None:
        at = x(scene.slow_from)
        body.append(line(at, TOP - 6, at, foot - 4, GREY, dashes="4 4"))
        body.append(text(at + 6, TOP - 8, f"from here on a run takes {SLOW:.0f} s, not {NORMAL:.0f}", "n"))
    return body


def steps(runs: list[SimulatedRun], x: Axis, y: Axis) -> str:
    """Trace the interval: it holds from the end of the run after which it was chosen."""
    points = [(run.ended, run.interval) for run in runs if run.interval is not None]
    path = f"M{x(points[0][0]):.1f} {y(points[0][1]):.1f}"
    path += "".join(f"H{x(ended):.1f}V{y(interval):.1f}" for ended, interval in points[1:])
    return path + f"H{WIDTH - RIGHT}"


def dots(runs: list[SimulatedRun], x: Axis, y: Axis) -> str:
    """Mark how long each run took, where it ended: lines of no length, with round ends."""
    return "".join(f"M{x(run.ended):.1f} {y(run.took):.1f}h0" for run in runs)


def spans(runs: list[SimulatedRun], x: Axis, top: float) -> str:
    """Fill the times at which it runs."""
    return "".join(
        f"M{x(run.began):.1f} {top}H{x(run.ended):.1f}v{ROW - 3}H{x(run.began):.1f}z" for run in runs
    )


def told(legend: list[tuple[str, str, bool]]) -> list[str]:
    """Write the legend in a row: a dot or a line, and what it stands for."""
    row, body, at = 66, [], 16.0
    for label, colour, dot in legend:
        sign = f"M{at + 11:.0f} {row - 4}h0" if dot else f"M{at:.0f} {row - 4}h22"
        width = 'stroke-width="5" stroke-linecap="round"' if dot else 'stroke-width="2"'
        body += [f'<path d="{sign}" stroke="{colour}" {width}/>', text(at + 28, row, label)]
        at += 52 + 6.6 * len(label)
    return body


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Write words at a place."""
    classed = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{classed}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashes: str = "") -> str:
    """Draw a straight line."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}"{dashed}/>'


def main(folder: Path) -> None:
    """Write all pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for scene in scenes():
        path = folder / f"{scene.name}.svg"
        path.write_text(draw(scene, play(scene)), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
