"""The same verbs with 1,000 and with 1,000,000 pending, and with 10,000,000 finished firings."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from benchmarks.support import folder
from skunkqueue.config import open_backend, resolve
from skunkqueue.ids import new_id
from skunkqueue.payload import Body, Step, encode
from skunkqueue.persistence import Backend
from skunkqueue.records import Firing, Outcome, State, Verdict
from skunkqueue.worker.fetch.batch_size import MAX_BATCH

BODY = encode(Body((Step("benchmarks.jobs:noop", b"\x93\x91\x01\x80\xc0"),)))
ROUNDS = 41


def fill(backend: Backend, count: int) -> None:
    """Enqueue so many."""
    for start in range(0, count, 10_000):
        batch = [
            Firing(id=new_id(), queue="bench", route="bench", body=BODY)
            for _ in range(min(10_000, count - start))
        ]
        backend.enqueue(batch)


def finish(backend: Backend, count: int) -> None:
    """Enqueue and complete so many, on a worker's own verbs."""
    for start in range(0, count, MAX_BATCH):
        fill(backend, min(MAX_BATCH, count - start))
        claims = backend.claim("bench", "bench", "w", MAX_BATCH, 600)
        backend.settle(
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


def measure(backend: Backend) -> dict[str, float]:
    """Time each verb; medians in microseconds."""

    def claim() -> None:
        claims = backend.claim("bench", "bench", "w", 100, 600)
        backend.settle([Outcome(id=one.id, token=one.token, verdict=Verdict.RELEASE) for one in claims])

    verbs: dict[str, Callable[[], object]] = {
        "claim 100 and release": claim,
        "routes": backend.routes,
        "page pending": lambda: backend.page("bench", "bench", State.PENDING, 50),
        "page complete": lambda: backend.page("bench", "bench", State.COMPLETE, 50),
        "enqueue one": lambda: fill(backend, 1),
    }
    found = {}
    for name, verb in verbs.items():
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            verb()
            times.append(time.perf_counter() - began)
        found[name] = statistics.median(times) * 1e6
    return found


def case(pending: int, finished: int) -> dict[str, float]:
    """Fill a store and measure it."""
    with folder() as path:
        backend = open_backend(resolve(conn_url=f"sqlite:///{path}/q.db"))
        finish(backend, finished)
        fill(backend, pending)
        measure(backend)
        found = measure(backend)
        backend.close()
        return found


def main() -> None:
    """Print times and ratios. ``SMALL=1`` as argument takes a tenth of the sizes."""
    tenth = 10 if "small" in sys.argv else 1
    base = case(1_000, 1_000)
    for name, found in (
        ("1,000,000 pending", case(1_000_000 // tenth, 1_000)),
        ("10,000,000 finished", case(1_000, 10_000_000 // tenth)),
    ):
        for verb, took in found.items():
            print(
                f"{name}: {verb}: {took:,.0f} µs against {base[verb]:,.0f} µs with 1,000: {took / base[verb]:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
