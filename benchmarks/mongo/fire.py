"""``fire`` one by one and in bulk beside bare inserts with the same write concern, in one process, by turns.

Blocks of both alternate, and what is shown is the median of the ratios of neighbours, so that a machine with other work
says as much as a quiet one. ``python -m benchmarks.mongo.fire W SHARE`` is what the runner starts, with the store in the environment.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pymongo

from benchmarks.children import ask, say
from benchmarks.mongo.options import Options
from benchmarks.mongo.server import Server, clear, client
from benchmarks.support import environment

WRITE_CONCERNS = ("1", "majority")
BLOCKS = 40
SINGLE = {"1": 100, "majority": 20}
"""Firings in a block, of those that are put in one by one."""
MANY, BULKS = 20_000, 5
PATIENCE = 300.0

_encode = msgspec.json.Encoder().encode


def measure(servers: list[Server], options: Options) -> dict[str, Any]:
    """Tell rates and ratios for each kind of server and each write concern."""
    found: dict[str, Any] = {}
    for server in servers:
        for concern in WRITE_CONCERNS:
            clear(server.url)
            command = [sys.executable, "-m", "benchmarks.mongo.fire", concern, str(options.share)]
            url = f"{server.url}/?w={concern}"
            mine = ask(command, environment(url) | {"MONGO_URL": server.url}, PATIENCE)
            found.setdefault(server.kind, {})[concern] = mine
            say(f"fire, {server.kind}, w={concern}: {mine}")
    return found


def main(concern: str, share: str) -> None:
    """Print the medians of the rates, and of the ratios of blocks that followed one another."""
    from benchmarks.jobs import noop, queue  # noqa: PLC0415 - only here is the store in the environment

    blocks, many = max(BLOCKS // int(share), 5), MANY // int(share)
    write: Any = int(concern) if concern.isdigit() else concern
    db = client(os.environ["MONGO_URL"])
    jobs = db.get_database("bare", write_concern=pymongo.WriteConcern(w=write))["jobs"]
    jobs.create_index([("route", 1), ("due", 1)], name="claim", partialFilterExpression={"state": "pending"})

    def made(number: int) -> dict[str, Any]:
        return {"route": "bench", "state": "pending", "due": time.time(), "body": _encode([number])}

    def ours(count: int) -> None:
        for number in range(count):
            noop.fire(number)

    def bare(count: int) -> None:
        for number in range(count):
            jobs.insert_one(made(number))

    def ours_many(count: int) -> None:
        queue.fire_many(noop(number) for number in range(count))

    def bare_many(count: int) -> None:
        jobs.insert_many([made(number) for number in range(count)])

    print(
        json.dumps(
            {
                "single": _turns(ours, bare, SINGLE[concern], blocks),
                "many": _turns(ours_many, bare_many, many, BULKS),
            }
        ),
        flush=True,
    )
    queue.close()
    db.close()


def _turns(
    ours: Callable[[int], None], bare: Callable[[int], None], count: int, blocks: int
) -> dict[str, float]:
    rates: list[tuple[float, float]] = []
    for number in range(blocks + 1):
        took = []
        for fire in (ours, bare):
            began = time.perf_counter()
            fire(count)
            took.append(time.perf_counter() - began)
        if number:
            # The first has opened connections.
            rates.append((count / took[0], count / took[1]))
    return {
        "ours": statistics.median(mine for mine, _ in rates),
        "bare": statistics.median(theirs for _, theirs in rates),
        "ratio": statistics.median(mine / theirs for mine, theirs in rates),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
