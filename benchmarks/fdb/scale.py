"""Claim 100 and settle them, with 1,000 pending, with 1,000,000 pending, and with 3,000,000 finished.

Three stores on one server are measured in turn, so that a slow moment hits all. What was settled is replaced outside of the
measured time, so that each store stays as large as it is said to be.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.children import say
from benchmarks.fdb.options import Figures, Options
from benchmarks.fdb.server import Server
from benchmarks.scale import fill, finish
from skunkqueue.config import open_backend, resolve
from skunkqueue.persistence import Backend
from skunkqueue.records import Claim, Outcome, Verdict

FEW = 1_000
MANY = 1_000_000
BATCH = 100
TIMES = 101
WARM = 20
# name: how many are pending, how many are finished
CASES = {
    "1,000 pending": (FEW, 0),
    "1,000,000 pending": (MANY, 0),
    "3,000,000 finished": (FEW, 3 * MANY),
}


def measure(server: Server, options: Options) -> Figures:
    """Tell the median milliseconds of each case and verb, and the median of the ratios of neighbours to the first case."""
    server.clear()
    with _stores(server) as stores:
        for name, store in stores.items():
            pending, finished = CASES[name]
            began = time.monotonic()
            finish(store, finished // options.share if finished > FEW else finished)
            fill(store, pending // options.share if pending > FEW else pending)
            say(f"{server.engine}: {name} made in {time.monotonic() - began:.0f} s")
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in stores}
        for number in range(WARM + max(TIMES // options.share, 41)):
            for name, store in stores.items():
                took = _once(store)
                if number >= WARM:
                    times[name].append(took)
    server.clear()
    found: Figures = {}
    base = [sum(took) for took in times[next(iter(CASES))]]
    for name, taken in times.items():
        found[f"{name}: claim ms"] = statistics.median(claim for claim, _ in taken) * 1e3
        found[f"{name}: settle ms"] = statistics.median(settle for _, settle in taken) * 1e3
        found[f"{name}: both / with 1,000"] = statistics.median(map(sum, taken)) / statistics.median(base)
    return found


@contextmanager
def _stores(server: Server) -> Iterator[dict[str, Backend]]:
    stores: dict[str, Backend] = {}
    try:
        for number, name in enumerate(CASES):
            stores[name] = open_backend(resolve(conn_url=server.url(f"scale{number}")))
        yield stores
    finally:
        for store in stores.values():
            store.close()


def _once(store: Backend) -> tuple[float, float]:
    began = time.perf_counter()
    claims = store.claim("bench", "bench", "w", BATCH, 600)
    claimed = time.perf_counter()
    made = outcomes(claims)
    between = time.perf_counter()
    stale = store.settle(made)
    settled = time.perf_counter()
    if len(claims) != BATCH or stale:
        msg = f"{len(claims)} of {BATCH} were claimed, {len(stale)} of them were stale"
        raise RuntimeError(msg)
    fill(store, BATCH)
    return claimed - began, settled - between


def outcomes(claims: Sequence[Claim]) -> list[Outcome]:
    """Complete what was claimed, with all that a worker says."""
    return [
        Outcome(
            id=one.id,
            token=one.token,
            verdict=Verdict.COMPLETE,
            result=b"\x01",
            began=one.claimed,
            ttl=1e9,
            queue=one.queue,
            route=one.route,
            was_due=one.due,
            job=one.job,
        )
        for one in claims
    ]
