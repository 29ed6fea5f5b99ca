"""Memory and CPU of workers over time, and the runs of a schedule, as charts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import msgspec

from skunkqueue.pools import Sample
from skunkqueue.records import Run, Verdict
from skunkqueue.web.charts import Chart, Series, Spark, Times, lines, spark, trend
from skunkqueue.web.charts.scale import BYTES, COUNT, SECONDS, SHARE

FEWEST = 2
"""Values that make a chart."""
_SPARK = 30
"""Values of a small chart."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What processes use."""

    memory: Chart
    cpu: Chart
    peak: float
    """Most bytes in that time."""


def usage(processes: Iterable[Sequence[Sample]]) -> Usage | None:
    """Draw what processes use together; ``None`` before there are enough samples."""
    each = [samples for samples in processes if samples]
    rss = _sums([[(sample.at, float(sample.rss)) for sample in samples] for samples in each])
    cpu = _sums([shares(samples) for samples in each])
    if len(rss) < FEWEST or len(cpu) < FEWEST:
        return None
    unit = COUNT if max(share for _, share in cpu) > 1 else SHARE
    return Usage(
        memory=_one("memory", "memory", rss, BYTES),
        cpu=_one("CPUs" if unit == COUNT else "share of a CPU", "cpu", cpu, unit),
        peak=max(value for _, value in rss),
    )


def _sums(each: Sequence[Sequence[tuple[float, float]]]) -> list[tuple[float, float]]:
    """Add up values of several processes: at each moment what each of them had last."""
    moments = sorted({at for values in each for at, _ in values})
    last = [0.0] * len(each)
    begun = [0] * len(each)
    sums = []
    for moment in moments:
        for number, values in enumerate(each):
            while begun[number] < len(values) and values[begun[number]][0] <= moment:
                last[number] = values[begun[number]][1]
                begun[number] += 1
        sums.append((moment, sum(last)))
    return sums


def shares(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """Return how much of one CPU a process used between each two samples, with the time of the second."""
    found = []
    for before, after in itertools.pairwise(samples):
        passed = after.at - before.at
        if passed > 0:
            found.append((after.at, max(after.cpu - before.cpu, 0.0) / passed))
    return found


def memory_spark(samples: Sequence[Sample]) -> Spark | None:
    """Draw the memory of one process small; ``None`` before there are enough samples."""
    if len(samples) < FEWEST:
        return None
    return trend([sample.rss for sample in samples[-_SPARK:]], unit=BYTES)


def pace(runs: Sequence[Run]) -> Chart | None:
    """Draw the interval that was chosen after each run, failed runs marked; ``None`` before there are enough runs."""
    intervals = tuple(run.interval for run in runs)
    if sum(interval is not None for interval in intervals) < FEWEST:
        return None
    failed = tuple(run.interval if run.verdict != Verdict.COMPLETE.value else None for run in runs)
    series = [Series(name="interval chosen after a run", values=intervals, look="interval")]
    if any(value is not None for value in failed):
        series.append(Series(name="after one that did not complete", values=failed, look="error"))
    return lines(series, _times(runs), unit=SECONDS)


def work(runs: Sequence[Run]) -> Chart | None:
    """Draw run time and delay of each run; ``None`` before there are enough runs."""
    if len(runs) < FEWEST:
        return None
    return lines(
        [
            Series(name="run time", values=tuple(run.took for run in runs), look="took"),
            Series(name="delay", values=tuple(run.late for run in runs), look="late"),
        ],
        _times(runs),
        unit=SECONDS,
    )


def pace_spark(runs: Sequence[Run]) -> Spark | None:
    """Draw intervals small; ``None`` before there are enough runs."""
    if len(runs) < FEWEST:
        return None
    return spark([run.interval for run in runs[-_SPARK:]], width=96.0, height=20.0, unit=SECONDS)


def _one(name: str, look: str, values: Sequence[tuple[float, float]], unit: str) -> Chart:
    series = Series(name=name, values=tuple(value for _, value in values), look=look)
    return lines([series], Times(moments=tuple(at for at, _ in values)), unit=unit)


def _times(runs: Sequence[Run]) -> Times:
    return Times(moments=tuple(run.began for run in runs))
