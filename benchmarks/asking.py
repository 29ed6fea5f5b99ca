"""What people ask of a large store: pages by each filter, counts, a day of minutes; and what that costs a worker beside it.

``python -m benchmarks.asking [--url URL] [--finished N] [--pending N] [--pages N] [--seconds S]``. The store at the URL must
be empty; without a URL it is a new SQLite file. ``--keep FILE`` fills a SQLite file once and measures it again the next time.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.support import ROOT, environment, folder, percentile
from skunkqueue.clock import VirtualClock
from skunkqueue.config import open_backend, resolve
from skunkqueue.ids import new_id
from skunkqueue.listings import Query
from skunkqueue.persistence import Backend
from skunkqueue.records import Claim, Firing, Outcome, State, Verdict
from skunkqueue.worker.fetch.batch_size import MAX_BATCH

QUEUE = "asked"
JOBS = 100
ROUTES = [f"r{number:02}" for number in range(20)]
BODY = b"x" * 60
DAY = 1_440
_AT_ONCE = 5_000
LONG = frozenset({"page of a job", "page of an error", "counts of jobs", "totals"})
"""Questions that look through what is pending, or read every job of every route."""
SWEEP_EVERY, LOOK_EVERY = 10.0, 0.1
"""Seconds between what a worker's maintenance does beside its jobs."""


def firing(number: int, route: str, **fields: object) -> Firing:
    """Make the firing of this number: one of JOBS jobs; one in fifty has a tag, one in a thousand a key."""
    return Firing(
        id=new_id(),
        queue=QUEUE,
        route=route,
        body=BODY,
        job=f"shop.jobs:job_{number * 7 % JOBS}",
        tags=("eu", f"t{number % 500}") if number % 50 == 0 else (),
        key=f"k{number}" if number % 1_000 == 0 else None,
        **fields,  # type: ignore[arg-type] # as the struct checks
    )


def outcome(claim: Claim, number: int) -> Outcome:
    """Settle the firing of this number: one in fifty fails, with one of ten types."""
    failed = number % 50 == 1
    return Outcome(
        id=claim.id,
        token=claim.token,
        verdict=Verdict.ERROR if failed else Verdict.COMPLETE,
        result=b"\x01",
        began=claim.claimed,
        took=0.001 * (1 + number % 40),
        ttl=1e9,
        queue=claim.queue,
        route=claim.route,
        was_due=claim.due,
        job=claim.job,
        tags=claim.tags,
        key=claim.key,
        error=f"Error{number // 50 % 10}: it failed" if failed else None,
    )


def fill(backend: Backend, finished: int, pending: int) -> None:
    """Put in so many, and finish the first of them."""
    done = 0
    at_once = max(1, min(_AT_ONCE, finished // len(ROUTES)))
    while done < finished:
        route = ROUTES[done // at_once % len(ROUTES)]
        count = min(at_once, finished - done)
        backend.enqueue([firing(done + number, route) for number in range(count)])
        while claims := backend.claim(QUEUE, route, "w", MAX_BATCH, 600.0):
            backend.settle([outcome(claim, done + number) for number, claim in enumerate(claims)])
            done += len(claims)
    for start in range(0, pending, _AT_ONCE):
        backend.enqueue(
            [
                firing(finished + number, ROUTES[number % len(ROUTES)], priority=number % 10)
                for number in range(start, min(start + _AT_ONCE, pending))
            ]
        )


def questions(backend: Backend) -> dict[str, Callable[[], object]]:
    """List what is asked, by name; a page is the next of a walk, and of the first page again after its end."""

    def walk(**asked: object) -> Callable[[], object]:
        query = Query(**asked)  # type: ignore[arg-type] # as the struct checks
        cursor: list[str | None] = [None]

        def page() -> object:
            found = backend.rows(query, 50, cursor[0])
            cursor[0] = found.next
            return found

        return page

    now = backend.now()
    final = (State.COMPLETE, State.ERROR)
    return {
        "page of all, newest": walk(),
        "page of all, oldest": walk(newest=False),
        "page of a route": walk(queue=QUEUE, route="r07"),
        "page of failed ones": walk(states=(State.ERROR,)),
        "page of a route's failed ones": walk(route="r07", states=(State.ERROR,)),
        "page of a job": walk(job="shop.jobs:job_7"),
        "page of a job's finished ones": walk(job="shop.jobs:job_7", states=final),
        "page of a tag": walk(tag="t50", states=final),
        "page of a key": walk(key="k3000"),
        "page of an error": walk(error="Error3"),
        "page of a time": walk(finished=(now - 3600.0, now), states=final),
        "page of what is pending": walk(states=(State.PENDING,)),
        "counts of routes": backend.routes,
        "counts of jobs": backend.job_counts,
        "count of failed ones": lambda: backend.count(Query(states=(State.ERROR,))),
        "totals": backend.totals,
        "an hour of minutes": lambda: backend.counters([(QUEUE, route) for route in ROUTES], now - 3600, now),
    }


def times_of(question: Callable[[], object], count: int) -> list[float]:
    """Ask so often; return the times in milliseconds."""
    question()
    times = []
    for _ in range(count):
        began = time.perf_counter()
        question()
        times.append((time.perf_counter() - began) * 1e3)
    return times


def measure(url: str, pages: int, seconds: float) -> None:
    """Print how long each question takes, alone and beside a worker; and what the worker loses, with the long ones and without."""
    backend = open_backend(resolve(conn_url=url))
    # What was counted in a minute that is over is packed, or is added up by whoever sweeps, as workers do.
    time.sleep(60.0 - time.time() % 60.0)
    backend.sweep()
    asked = questions(backend)
    alone = {name: times_of(question, pages) for name, question in asked.items()}
    with working(url, seconds) as rate:
        pass
    before = rate()
    some = {name: question for name, question in asked.items() if name not in LONG}
    beside, after = ask_beside(url, some, seconds)
    all_beside, after_all = ask_beside(url, asked, seconds)
    beside = all_beside | beside
    for name, times in alone.items():
        print(
            f"{name}: median {statistics.median(times):.1f} ms, p95 {percentile(times, 0.95):.1f} ms;"
            f" beside a worker p95 {percentile(beside[name], 0.95):.1f} ms",
            flush=True,
        )
    print(
        f"a worker's rate: {before:,.0f}/s alone, {after:,.0f}/s while asked: {after / before:.2f};"
        f" {after_all:,.0f}/s with the long ones: {after_all / before:.2f}",
        flush=True,
    )
    backend.close()


def ask_beside(
    url: str, asked: dict[str, Callable[[], object]], seconds: float
) -> tuple[dict[str, list[float]], float]:
    """Ask beside a worker as people do, a page at a time and a moment to look at it; return the milliseconds, and its rate."""
    times: dict[str, list[float]] = {name: [] for name in asked}
    with working(url, seconds) as rate:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name, question in asked.items():
                began = time.perf_counter()
                question()
                times[name].append((time.perf_counter() - began) * 1e3)
                time.sleep(0.05)
    return times, rate()


@contextmanager
def working(url: str, seconds: float) -> Iterator[Callable[[], float]]:
    """Have a process enqueue, claim and settle for so long; give a function that waits for its rate."""
    command = [sys.executable, "-m", "benchmarks.asking", "--work", str(seconds), "--url", url]
    child = subprocess.Popen(command, env=environment(url), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    yield lambda: float(child.communicate()[0])


def work(backend: Backend, seconds: float) -> float:
    """Do as a worker does, on a route of its own, its maintenance included; return firings a second."""
    done = 0
    now = time.monotonic()
    end, next_look, next_sweep = now + seconds, now, now
    began = time.perf_counter()
    while (now := time.monotonic()) < end:
        if now >= next_sweep:
            next_sweep = now + SWEEP_EVERY
            backend.sweep()
        if now >= next_look:
            next_look = now + LOOK_EVERY
            backend.maintain()
        backend.enqueue([firing(number, "work") for number in range(1, MAX_BATCH)])
        claims = backend.claim(QUEUE, "work", "w", MAX_BATCH, 600.0)
        backend.settle([outcome(claim, 0) for claim in claims])
        done += len(claims)
    return done / (time.perf_counter() - began)


def minutes_of_a_day(url: str, dbname: str, rounds: int = 10) -> None:
    """Print how long a day of minutes of all routes takes, which is counted under a clock of our own."""
    # A day that ends now, since MongoDB removes by itself what is too old by its own clock.
    clock = VirtualClock(time.time() - DAY * 60.0)
    backend = open_backend(resolve(conn_url=url, dbname=dbname), clock=clock)
    start = clock.now()
    for minute in range(DAY):
        backend.enqueue([firing(minute * 5 + number, route) for route in ROUTES for number in range(5)])
        clock.advance(0.01 * (minute % 50))
        batch = [
            outcome(claim, minute * 7 + number * 13)
            for route in ROUTES
            for number, claim in enumerate(backend.claim(QUEUE, route, "w", 10, 60.0))
        ]
        backend.settle(batch)
        backend.sweep()
        if minute % 60 == 0:
            backend.prune(limit=1)
        clock.advance(60.0 - clock.now() % 60.0)
    places = [(QUEUE, route) for route in ROUTES]
    times = times_of(lambda: backend.counters(places, start - 60, clock.now()), rounds)
    found = backend.counters(places, start - 60, clock.now())
    values = statistics.mean(len(one.values) for one in found)
    print(
        f"a day of minutes of {len(ROUTES)} routes ({len(found):,} minutes of {values:.0f} values):"
        f" median {statistics.median(times):.1f} ms, p95 {percentile(times, 0.95):.1f} ms",
        flush=True,
    )
    backend.close()


def main(arguments: Sequence[str] = ()) -> None:
    """Fill a store and measure it; without arguments, a small one."""
    parser = argparse.ArgumentParser(prog="benchmarks.asking")
    parser.add_argument("--url")
    parser.add_argument("--finished", type=int, default=10_000)
    parser.add_argument("--pending", type=int, default=10_000)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--day", action="store_true", help="measure a day of minutes, and only that")
    parser.add_argument("--work", type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args(list(arguments))
    if asked.work is not None:
        print(work(open_backend(resolve(conn_url=asked.url)), asked.work))
        return
    with folder() as path:
        file = asked.keep or path / "q.db"
        url = asked.url or f"sqlite:///{file}"
        if asked.day:
            minutes_of_a_day(asked.url or f"sqlite:///{path}/day.db", "skunkqueue_day")
            return
        if asked.url or not file.exists():
            backend = open_backend(resolve(conn_url=url))
            fill(backend, asked.finished, asked.pending)
            backend.close()
        print(f"{asked.finished:,} finished, {asked.pending:,} pending", flush=True)
        measure(url, asked.pages, asked.seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
