"""What was counted: by route and job, in each minute, in each hour, and ever; and the samples of each minute.

Knows no firing. ``skunkqueue.counters`` has the names of the values.
"""

from __future__ import annotations

from collections import defaultdict

from skunkqueue.counters import add, tally
from skunkqueue.persistence.asking import HOURS_KEPT, MAX_JOBS, MINUTES_KEPT, OTHER_JOBS
from skunkqueue.records import Outcome

Place = tuple[str, str]
"""A queue and a route of it."""
Values = dict[str, float]


class Spans:
    """Counters of spans of time that are equally long."""

    def __init__(self, length: float, kept: float) -> None:
        self._length, self._kept = length, kept
        self.by_job: defaultdict[Place, defaultdict[float, defaultdict[str, Values]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(dict))
        )
        """By route, then by when the span began."""
        self.samples: defaultdict[Place, dict[float, Values]] = defaultdict(dict)
        """The same."""

    def begin(self, now: float) -> float:
        """Return when the span began that runs now."""
        return now // self._length * self._length

    def sums(self, place: Place, since: float, until: float) -> list[tuple[float, Values]]:
        """Add up the jobs of each span that has any."""
        found = []
        for begin, jobs in self.by_job[place].items():
            if since <= begin < until:
                total: Values = {}
                for values in jobs.values():
                    add(total, values)
                found.append((begin, total))
        return sorted(found, key=lambda span: span[0])

    def drop(self, now: float) -> None:
        """Forget what is older than the contract keeps."""
        oldest = self.begin(now - self._kept)
        for by_job in self.by_job.values():
            for begin in [begin for begin in by_job if begin < oldest]:
                del by_job[begin]
        for samples in self.samples.values():
            for begin in [begin for begin in samples if begin < oldest]:
                del samples[begin]


class Tallies:
    """All counters of a store."""

    def __init__(self) -> None:
        self.minutes = Spans(60.0, MINUTES_KEPT)
        self.hours = Spans(3_600.0, HOURS_KEPT)
        self.ever: defaultdict[Place, dict[str, Values]] = defaultdict(dict)

    def name_of(self, place: Place, job: str) -> str:
        """Return the name under which a job is counted: its own, or OTHER_JOBS for all after the first MAX_JOBS."""
        known = self.ever[place]
        return job if job in known or len(known.keys() - {OTHER_JOBS}) < MAX_JOBS else OTHER_JOBS

    def add(self, place: Place, job: str, values: Values, now: float) -> None:
        """Count something."""
        name = self.name_of(place, job)
        add(self.ever[place].setdefault(name, {}), values)
        for spans in (self.minutes, self.hours):
            add(spans.by_job[place][spans.begin(now)][name], values)

    def settled(self, place: Place, job: str, outcome: Outcome, due: float, now: float) -> None:
        """Count an outcome."""
        values: Values = {}
        tally(values, outcome.verdict, due, outcome.began, outcome.took)
        if values:
            self.add(place, job, values, now)

    def sample(self, place: Place, values: Values, now: float) -> bool:
        """Keep the sample of a minute; False where it has one."""
        if self.minutes.begin(now) in self.minutes.samples[place]:
            return False
        for spans in (self.minutes, self.hours):
            add(spans.samples[place].setdefault(spans.begin(now), {}), values)
        return True

    def drop(self, now: float) -> None:
        """Forget what is older than the contract keeps."""
        self.minutes.drop(now)
        self.hours.drop(now)
