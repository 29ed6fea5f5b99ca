"""The charts of a past: what came in and went out, failures, waits, runs, depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from skunkqueue.cli.text import span
from skunkqueue.web.charts import Chart, Series, Times, bands, bars, lines
from skunkqueue.web.charts.scale import SECONDS
from skunkqueue.web.history import NOTHING, Numbers, Past, Shares
from skunkqueue.web.show import number


class Shown(NamedTuple):
    """One chart, and what stands around it."""

    id: str
    title: str
    chart: Chart
    summary: str
    note: str


def charts_of(past: Past) -> list[Shown]:
    """Draw all charts of a past; none, where nothing was counted in it."""
    if all(part in (None, NOTHING) for part in past.parts):
        return []
    each = f"by {past.window.each}, the current one"
    times = Times(begin=past.begin, step=past.window.step, is_open=True)
    known = [part for part in past.parts if part is not None]

    def series(
        name: str, look: str, of: Callable[[Numbers], float | None], *, filled: bool = False
    ) -> Series:
        values = tuple(None if part is None else of(part) for part in past.parts)
        return Series(name=name, look=look, values=values, filled=filled)

    def flow(name: str, look: str, of: Callable[[Numbers], float], *, filled: bool = False) -> Series:
        return msgspec.structs.replace(series(name, look, of, filled=filled), pace=past.pace(of))

    entered, ended = sum(part.entered for part in known), sum(part.ended for part in known)
    errors, retried = sum(part.error for part in known), sum(part.retried for part in known)
    deaths = sum(part.deaths for part in known)
    deepest = max((part.pending for part in known if part.pending is not None), default=0.0)
    return [
        Shown(
            "chart-flow",
            "In and out",
            lines(
                [
                    flow("In", "in", lambda part: part.entered, filled=True),
                    flow("Done", "done", lambda part: part.ended),
                ],
                times,
            ),
            f"{number(entered)} firings came in and {number(ended)} ended.",
            f"{each} dashed",
        ),
        Shown(
            "chart-failures",
            "Failures",
            bars(
                [
                    series("Errors", "error", lambda part: part.error),
                    series("Retried", "retried", lambda part: part.retried),
                    series("Killed", "killed", lambda part: part.killed),
                    series("Expired", "in", lambda part: part.expired),
                    series("Deaths", "deaths", lambda part: part.deaths),
                ],
                times,
            ),
            f"{number(errors)} errors, {number(retried)} retries, {number(deaths)} deaths of workers.",
            f"{each} pale",
        ),
        Shown(
            "chart-wait",
            "Wait",
            bands(_shares(series, lambda part: part.waits), times, unit=SECONDS),
            _slowest(known, lambda part: part.waits, "waited"),
            "from due to begun",
        ),
        Shown(
            "chart-run",
            "Run time",
            bands(_shares(series, lambda part: part.runs), times, unit=SECONDS),
            _slowest(known, lambda part: part.runs, "ran"),
            "of each attempt",
        ),
        Shown(
            "chart-depth",
            "Depth",
            lines(
                [
                    series("Pending", "pending", lambda part: part.pending, filled=True),
                    series("Running", "running", lambda part: part.running),
                ],
                times,
            ),
            f"At most {number(deepest)} firings were pending.",
            "most at a time",
        ),
    ]


def _shares(
    series: Callable[..., Series],
    of: Callable[[Numbers], Shares | None],
) -> list[Series]:
    def share(place: int) -> Callable[[Numbers], float | None]:
        def value(part: Numbers) -> float | None:
            shares = of(part)
            return None if shares is None else shares[place]

        return value

    return [series(name, name, share(place)) for place, name in enumerate(("p50", "p95", "p99"))]


def _slowest(known: list[Numbers], of: Callable[[Numbers], Shares | None], did: str) -> str:
    found = [shares for part in known if (shares := of(part)) is not None]
    if not found:
        return f"Nothing {did} in this time."
    return f"At worst, half {did} less than {span(max(each[0] for each in found))}, 99 % less than {span(max(each[2] for each in found))}."
