"""10,000 fired in bulk and all of their results awaited, beside a bare loop that is handed the same in the same way.

Both keep one worker process, idle when it begins, and take turns. ``python -m benchmarks.mongo.results COUNT`` is what the runner
starts, with the store in the environment; with ``work`` in the place of the count it is the bare worker.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from typing import Any

import msgspec
import psutil
from pymongo.collection import Collection

from benchmarks.children import ask, say
from benchmarks.mongo import bare
from benchmarks.mongo.options import Options
from benchmarks.mongo.server import Server, clear, client
from benchmarks.support import ROOT, environment, pool, stop

COUNT = 10_000
ROUNDS = 5
CHUNK = 1_000
PATIENCE = 300.0
IDLE = 0.002

_decode = msgspec.json.Decoder().decode


def measure(servers: list[Server], options: Options) -> dict[str, Any]:
    """Tell rates and their ratio for each kind of server."""
    found = {}
    for server in servers:
        clear(server.url)
        command = [sys.executable, "-m", "benchmarks.mongo.results", str(COUNT // options.share)]
        variables = environment(f"{server.url}/?w=majority") | {"MONGO_URL": server.url}
        found[server.kind] = ask(command, variables, PATIENCE)
        say(f"results, {server.kind}: {found[server.kind]}")
    return found


def main(count: int) -> None:
    """Print the medians of the rates, and of the ratios of rounds that followed one another."""
    from benchmarks.jobs import noop, queue  # noqa: PLC0415 - only here is the store in the environment

    with client(os.environ["MONGO_URL"], **bare.WRITE) as db:
        jobs = bare.fill(db, 0)
        ours = pool(os.environ["SKUNKQUEUE_URL"])
        theirs = psutil.Popen([sys.executable, "-m", "benchmarks.mongo.results", "work"], cwd=ROOT)
        rates: list[tuple[float, float]] = []
        try:
            for number in range(ROUNDS + 1):
                # It would ask the server for work the whole time.
                theirs.suspend()
                began = time.perf_counter()
                values = queue.results(queue.fire_many(noop(one) for one in range(count)))
                between = time.perf_counter()
                theirs.resume()
                if values != _fired_and_awaited(jobs, count, number * count):
                    msg = "the results are not the same"
                    raise RuntimeError(msg)
                if number:
                    rates.append((count / (between - began), count / (time.perf_counter() - between)))
        finally:
            theirs.kill()
            theirs.wait()
            stop(ours)
            queue.close()
    print(
        json.dumps(
            {
                "ours": statistics.median(mine for mine, _ in rates),
                "bare": statistics.median(other for _, other in rates),
                "ratio": statistics.median(mine / other for mine, other in rates),
            }
        ),
        flush=True,
    )


def _fired_and_awaited(jobs: Collection[dict[str, Any]], count: int, start: int) -> list[Any]:
    now = time.time()
    encoded = [msgspec.json.encode([number]) for number in range(count)]
    for first in range(0, count, CHUNK):
        jobs.insert_many(
            {"_id": start + number, "route": "bench", "state": "pending", "due": now, "body": encoded[number]}
            for number in range(first, min(first + CHUNK, count))
        )
    results: dict[int, Any] = {}
    for first in range(0, count, CHUNK):
        waiting = [start + number for number in range(first, min(first + CHUNK, count))]
        while waiting:
            done = jobs.find({"_id": {"$in": waiting}, "state": "complete"}, {"result": True})
            results.update((one["_id"], _decode(one["result"])) for one in done)
            waiting = [id_ for id_ in waiting if id_ not in results]
            if waiting:
                time.sleep(IDLE)
    return [results[start + number] for number in range(count)]


def work() -> None:
    """Drain for ever."""
    with client(os.environ["MONGO_URL"], **bare.WRITE) as db:
        while True:
            bare.drain(db["bare"]["jobs"], "bulk_write")
            time.sleep(IDLE)


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work()
    else:
        main(int(sys.argv[1]))
