"""Reading what was counted, and taking samples. ``tallies.py`` does the counting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skunkqueue.counters import Counters, sample_of
from skunkqueue.records import Minute, State
from skunkqueue_memory.shelf import Place
from skunkqueue_memory.store import Store


def minutes(store: Store, queue: str, route: str, since: int, until: int) -> list[Minute]:
    """Read the counters of minutes."""
    return [
        Minute(queue=queue, route=route, minute=int(begin // 60), values=values)
        for begin, values in store.shelf.tallies.minutes.sums((queue, route), since * 60, until * 60)
    ]


def counters(
    store: Store, routes: Sequence[Place], since: float, until: float, *, hours: bool, jobs: bool
) -> list[Counters]:
    """Read what was counted in each minute or hour."""
    spans = store.shelf.tallies.hours if hours else store.shelf.tallies.minutes
    found: list[Counters] = []
    for place in routes:
        if not jobs:
            sums = dict(spans.sums(place, since, until))
            for begin, values in spans.samples[place].items():
                if since <= begin < until:
                    sums[begin] = {**sums.get(begin, {}), **values}
            found += (_counters(place, None, begin, sums[begin]) for begin in sorted(sums))
            continue
        for begin, by_job in sorted(spans.by_job[place].items()):
            if since <= begin < until:
                found += (_counters(place, job, begin, by_job[job]) for job in sorted(by_job))
    return found


def totals(store: Store, queue: str | None) -> list[Counters]:
    """Read what was counted since the store was made."""
    return [
        _counters(place, job, 0.0, values)
        for place, by_job in sorted(store.shelf.tallies.ever.items())
        if queue in (None, place[0])
        for job, values in sorted(by_job.items())
    ]


def sample(store: Store) -> int:
    """Take the samples of this minute; return on how many routes."""
    now = store.now()
    return sum(store.shelf.tallies.sample(*sample, now) for sample in _samples(store, now))


def _samples(store: Store, now: float) -> Iterator[tuple[Place, dict[str, float]]]:
    for place, counts in store.shelf.counts.items():
        oldest = min((entry.due for entry in store.shelf.pending(place)), default=None)
        yield place, sample_of(counts[State.PENDING], counts[State.RUNNING], oldest, now)


def _counters(place: Place, job: str | None, begin: float, values: dict[str, float]) -> Counters:
    return Counters(queue=place[0], route=place[1], job=job, begin=begin, values=dict(values))
