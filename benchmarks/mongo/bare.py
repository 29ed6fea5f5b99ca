"""The hand-written loop on pymongo that does the bare minimum: claim, run, finish, a hundred at a time.

It loses what it holds when it dies, has no leases, counts nothing, knows one job, and asks as fast as it can while
there is something. A claim is three requests, so that several such loops could share the work: which are due, take
those that are still pending, read what was taken. Bodies are read last: reading them with the first request, and
the third only where another was quicker, was no faster. Finishing is a ``bulk_write`` with a result for each, or,
where all have one result, a single ``update_many``, which is as far as it goes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import pymongo
from pymongo import MongoClient, UpdateOne
from pymongo.collection import Collection

from benchmarks.mongo.server import client

BATCH = 100
FINISHES = ("bulk_write", "update_many")
WRITE = {"w": "majority"}

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[int]).decode


def noop(number: int) -> int:
    """Do nothing with one small argument."""
    return number


def fill(db: MongoClient[dict[str, Any]], count: int) -> Collection[dict[str, Any]]:
    """Insert so many, with the one index that a claim needs; it holds only what is pending."""
    jobs = db["bare"]["jobs"]
    jobs.create_index(
        [("route", pymongo.ASCENDING), ("due", pymongo.ASCENDING)],
        name="claim",
        partialFilterExpression={"state": "pending"},
    )
    for start in range(0, count, 1_000):
        jobs.insert_many(
            {"route": "bench", "state": "pending", "due": time.time(), "body": _encode([number])}
            for number in range(start, min(start + 1_000, count))
        )
    return jobs


def claim(jobs: Collection[dict[str, Any]], token: int) -> list[dict[str, Any]]:
    """Take up to a hundred that are due."""
    due = {"route": "bench", "state": "pending", "due": {"$lte": time.time()}}
    ids = [one["_id"] for one in jobs.find(due, {"_id": True}).sort("due").limit(BATCH)]
    if not ids:
        return []
    jobs.update_many(
        {"_id": {"$in": ids}, "state": "pending"}, {"$set": {"state": "running", "token": token}}
    )
    return list(jobs.find({"_id": {"$in": ids}, "token": token}, {"body": True}))


def finish(jobs: Collection[dict[str, Any]], how: str, results: Sequence[tuple[Any, bytes]]) -> None:
    """Store results."""
    now = time.time()
    if how == "update_many":
        change = {"state": "complete", "result": results[0][1], "finished": now}
        jobs.update_many({"_id": {"$in": [one for one, _ in results]}}, {"$set": change})
        return
    jobs.bulk_write(
        [
            UpdateOne({"_id": one}, {"$set": {"state": "complete", "result": result, "finished": now}})
            for one, result in results
        ],
        ordered=False,
    )


def drain(jobs: Collection[dict[str, Any]], how: str) -> float:
    """Claim, run and finish all; return jobs a second."""
    count = 0
    began = time.perf_counter()
    while claimed := claim(jobs, count):
        finish(jobs, how, [(one["_id"], _encode(noop(*_decode(one["body"])))) for one in claimed])
        count += len(claimed)
    return count / (time.perf_counter() - began)


def main(url: str, how: str, count: str) -> None:
    """Measure in a process of its own, as workers have one."""
    with client(url, **WRITE) as db:
        jobs = fill(db, int(count))
        rate = drain(jobs, how)
        done = jobs.count_documents({"state": "complete"})
    if done != int(count):
        msg = f"{done} of {count} are complete"
        raise RuntimeError(msg)
    print(json.dumps({"rate": rate, "versions": {"pymongo": pymongo.version}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
