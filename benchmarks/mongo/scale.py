"""Claim 100 and settle them, with 1,000 pending, with 1,000,000 pending, and with 1,000,000 finished.

Three stores on one server are measured in turn, so that a slow moment hits all. What was settled is replaced
outside of the measured time, so that each store stays as large as it is said to be.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.children import say
from benchmarks.mongo.options import Options
from benchmarks.mongo.server import Server, clear
from benchmarks.scale import fill, finish
from skunkqueue.config import open_backend, resolve
from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, Verdict

FEW = 1_000
MANY = 1_000_000
BATCH = 100
TIMES = 101
WARM = 20
# name: how many are pending, how many are finished
CASES = {
    "1,000 pending": (FEW, 0),
    "1,000,000 pending": (MANY, 0),
    "1,000,000 finished": (FEW, MANY),
}


def measure(servers: list[Server], options: Options) -> dict[str, Any]:
    """Tell the median milliseconds of each case and verb, for each kind of server."""
    return {server.kind: _on(server, options.share) for server in servers}


def _on(server: Server, share: int) -> dict[str, Any]:
    clear(server.url)
    with _stores(server.url) as stores:
        for name, store in stores.items():
            pending, finished = CASES[name]
            began = time.monotonic()
            finish(store, finished // share if finished > FEW else finished)
            fill(store, pending // share if pending > FEW else pending)
            say(f"{server.kind}: {name} made in {time.monotonic() - began:.0f} s")
        times: dict[str, dict[str, list[float]]] = {name: {"claim": [], "settle": []} for name in stores}
        for _ in range(WARM):
            for store in stores.values():
                _once(store)
        for _ in range(max(TIMES // share, 21)):
            for name, store in stores.items():
                claim, settle = _once(store)
                times[name]["claim"].append(claim)
                times[name]["settle"].append(settle)
    clear(server.url)
    return {
        name: {
            **{verb: statistics.median(taken) * 1_000 for verb, taken in verbs.items()},
            "both": statistics.median(map(sum, zip(*verbs.values(), strict=True))) * 1_000,
        }
        for name, verbs in times.items()
    }


@contextmanager
def _stores(url: str) -> Iterator[dict[str, Backend]]:
    stores: dict[str, Backend] = {}
    try:
        for number, name in enumerate(CASES):
            stores[name] = open_backend(resolve("mongodb", url, f"scale{number}"))
        yield stores
    finally:
        for store in stores.values():
            store.close()


def _once(store: Backend) -> tuple[float, float]:
    began = time.perf_counter()
    claims = store.claim("bench", "bench", "w", BATCH, 600)
    claimed = time.perf_counter()
    stale = store.settle(
        [
            Outcome(
                id=one.id,
                token=one.token,
                verdict=Verdict.COMPLETE,
                result=b"\x01",
                began=one.claimed,
                ttl=1e9,
            )
            for one in claims
        ]
    )
    settled = time.perf_counter()
    if len(claims) != BATCH or stale:
        msg = f"{len(claims)} of {BATCH} were claimed, {len(stale)} of them were stale"
        raise RuntimeError(msg)
    fill(store, BATCH)
    return claimed - began, settled - claimed
