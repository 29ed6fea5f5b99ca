"""The metrics of a store and of the monitor for Prometheus. They are read once for all requests at a time."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from importlib.metadata import version

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from skunkqueue.counters import Counters, add
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import RouteInfo, State
from skunkqueue.web.metrics.histograms import cumulated
from skunkqueue.web.metrics.own import Requests

_BY_JOB = ("queue", "route", "job")
_BY_ROUTE = ("queue", "route")
_FINISHED = ("complete", "error", "killed", "expired")
_TOTALS = {
    "enqueued": "Firings that were put in.",
    "retried": "Attempts that failed and were to run again.",
    "snoozed": "Attempts that asked to run later.",
    "released": "Attempts that were given back before they had begun.",
    "deaths": "Leases that ended and workers that died while the job had begun.",
}
MOST_TOTALS = 2_000
"""Routes and jobs that totals list one by one; each takes 47 lines, and Prometheus gives up after ten seconds."""
MOST_ROUTES = 1_000
"""Routes that are listed one by one; of more, only the sums by queue are."""
ALL_JOBS, ALL_ROUTES = "(all jobs)", "(all routes)"
_TIMES = {
    "wait": "Seconds from the due time of an attempt to its beginning.",
    "run": "Seconds that the code of an attempt ran.",
}


class Ready(Collector):
    """Metrics that were read already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Return them all."""
        yield from self._metrics


def of_store(store: Backend) -> list[Metric]:
    """Read the metrics of a store. Raises what its verbs raise."""
    began = time.perf_counter()
    found = [*_of_routes(store), *_of_pools(store)]
    if "counters" in store.capabilities:
        found += _of_totals(folded(store.totals()))
    took = GaugeMetricFamily(
        "skunkqueue_monitor_read_seconds", "Seconds that reading these from the store took."
    )
    took.add_metric([], time.perf_counter() - began)
    return [*found, took]


def folded(totals: list[Counters], most: int = MOST_TOTALS) -> list[Counters]:
    """Add up the jobs of each route, and then the routes of each queue, where there are too many to list."""
    if len(totals) > most:
        totals = _added(totals, lambda each: (each.queue, each.route, ALL_JOBS))
    if len(totals) > most:
        totals = _added(totals, lambda each: (each.queue, ALL_ROUTES, ALL_JOBS))
    return totals


def _added(totals: list[Counters], place: Callable[[Counters], tuple[str, str, str]]) -> list[Counters]:
    sums: defaultdict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    for each in totals:
        add(sums[place(each)], each.values)
    return [
        Counters(queue=queue, route=route, job=job, begin=0.0, values=values)
        for (queue, route, job), values in sums.items()
    ]


def of_monitor(requests: Requests, streams: int, operations: int, *, is_up: bool) -> list[Metric]:
    """Return the metrics of the monitor itself."""
    up = GaugeMetricFamily(
        "skunkqueue_store_up", "1: the store answers. 0: it cannot be reached.", value=is_up
    )
    info = GaugeMetricFamily("skunkqueue_monitor_info", "The version that runs.", labels=["version"])
    info.add_metric([version("skunkqueue-web")], 1)
    listening = GaugeMetricFamily(
        "skunkqueue_monitor_streams", "Pages that listen for changes.", value=streams
    )
    doing = GaugeMetricFamily("skunkqueue_monitor_operations", "Bulk operations that run.", value=operations)
    asked = CounterMetricFamily(
        "skunkqueue_monitor_requests", "Requests that were answered.", labels=["endpoint", "status"]
    )
    lasted = CounterMetricFamily(
        "skunkqueue_monitor_request_seconds", "Seconds that answering them took.", labels=["endpoint"]
    )
    counts, seconds = requests.read()
    for (endpoint, status), count in sorted(counts.items()):
        asked.add_metric([endpoint, status], count)
    for endpoint, took in sorted(seconds.items()):
        lasted.add_metric([endpoint], took)
    return [up, info, listening, doing, asked, lasted]


def _of_routes(store: Backend) -> list[Metric]:
    depth = GaugeMetricFamily(
        "skunkqueue_firings", "Firings in each state that the store has now.", labels=[*_BY_ROUTE, "state"]
    )
    oldest = GaugeMetricFamily(
        "skunkqueue_oldest_wait_seconds",
        "Seconds for which the first in line has been due.",
        labels=_BY_ROUTE,
    )
    paused = GaugeMetricFamily("skunkqueue_route_paused", "1: nothing is begun there.", labels=_BY_ROUTE)
    listening = GaugeMetricFamily(
        "skunkqueue_live_workers",
        "Live workers that listen there; one that listens on several routes counts on each.",
        labels=_BY_ROUTE,
    )
    workers = GaugeMetricFamily("skunkqueue_workers", "Live workers by state.", labels=[*_BY_ROUTE, "state"])
    memory = GaugeMetricFamily(
        "skunkqueue_workers_memory_bytes", "Resident memory of all workers of a route.", labels=_BY_ROUTE
    )
    now, live = store.now(), store.workers()
    there = Counter(place for one in live for place in one.places)
    bytes_ = Counter[tuple[str, str]]()
    for one in live:
        for place in one.places:
            bytes_[place] += one.rss
    routes, sums = _counted(store)
    for labels, counts in sums:
        for state, count in counts.items():
            depth.add_metric([*labels, state.value], count)
    for info in routes:
        labels = [info.queue, info.route]
        waited = 0.0 if info.oldest_due is None else max(now - info.oldest_due, 0.0)
        oldest.add_metric(labels, waited)
        paused.add_metric(labels, info.paused)
    for queue, route in sorted({*there, *((info.queue, info.route) for info in routes)}):
        listening.add_metric([queue, route], there[queue, route])
    for queue, route in sorted(bytes_):
        memory.add_metric([queue, route], bytes_[queue, route])
    for (queue, route, doing), count in sorted(
        Counter((*place, one.state) for one in live for place in one.places).items()
    ):
        workers.add_metric([queue, route, doing], count)
    return [depth, oldest, paused, listening, workers, memory]


def _counted(store: Backend) -> tuple[list[RouteInfo], list[tuple[list[str], dict[State, int]]]]:
    """Return the routes that are listed one by one, and what is counted: of each of them, or of each queue."""
    seen = store.busiest(limit=MOST_ROUTES)
    if sum(one.routes for one in seen.queues) > len(seen.routes):
        return [], [([one.queue, ALL_ROUTES], one.counts) for one in seen.queues]
    routes = sorted(seen.routes, key=lambda info: (info.queue, info.route))
    return routes, [([info.queue, info.route], info.counts) for info in routes]


def _of_pools(store: Backend) -> list[Metric]:
    pools = GaugeMetricFamily("skunkqueue_pools", "Live pools by state.", labels=["queue", "state"])
    wanted = GaugeMetricFamily(
        "skunkqueue_pool_workers", "Workers that live pools are to have.", labels=["queue"]
    )
    listed = store.pools() if "pools" in store.capabilities else []
    for (queue, state), count in sorted(Counter((one.queue, one.state) for one in listed).items()):
        pools.add_metric([queue, state], count)
    number = Counter[str]()
    for one in listed:
        number[one.queue] += one.workers
    for queue, count in sorted(number.items()):
        wanted.add_metric([queue], count)
    return [pools, wanted]


def _of_totals(totals: list[Counters]) -> list[Metric]:
    counts = {
        name: CounterMetricFamily(f"skunkqueue_firings_{name}", text, labels=_BY_JOB)
        for name, text in _TOTALS.items()
    }
    finished = CounterMetricFamily(
        "skunkqueue_firings_finished", "Firings that ended, by how.", labels=[*_BY_JOB, "state"]
    )
    times = {
        name: HistogramMetricFamily(f"skunkqueue_{name}_seconds", text, labels=_BY_JOB)
        for name, text in _TIMES.items()
    }
    for each in totals:
        labels = [each.queue, each.route, each.job or ""]
        for name, family in counts.items():
            family.add_metric(labels, each.values.get(name, 0.0))
        for state in _FINISHED:
            finished.add_metric([*labels, state], each.values.get(state, 0.0))
        for name, histogram in times.items():
            histogram.add_metric(labels, cumulated(each.values, name), each.values.get(name, 0.0))
    return [*counts.values(), finished, *times.values()]
