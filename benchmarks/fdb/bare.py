"""The hand-written loops on the binding that do the bare minimum: put in, claim, run, finish, a hundred at a time.

They lose what they hold when they die, have no leases, count nothing, and know one job. ``plain`` has a key for each firing, one for
its place in the line, and one for its result; ``packed`` has the firing in the line, takes a batch out of it with one range clear,
and stores all results of a batch in one value.

``python -m benchmarks.fdb.bare CLUSTER_FILE LAYOUT COUNT`` is what the runner starts for a drain; with ``work`` in the place of the
count it drains for ever, and with ``watch`` it sleeps until somebody changes a key, and tells how long ago a firing was put in.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import fdb  # type: ignore[import-untyped] # it has no types
import msgspec

from benchmarks.fdb.server import API

BATCH = 100
CHUNK = 1_000
"""Firings put in with one transaction."""
LAYOUTS = ("plain", "packed")
FIRING, LINE, RESULT, WAKEUP = b"bare/f/", b"bare/r/", b"bare/z/", b"bare/g"
KNOB = "future_version_retry_delay=0.001"
"""Without it a watch fires ten milliseconds late."""
IDLE = 0.002
PADDING = b"x" * 70
"""With a number beside it a body has the 80 bytes that ours have."""

encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def connect(cluster_file: str) -> Any:
    """Open the cluster."""
    fdb.api_version(API)
    fdb.options.set_knob(KNOB)
    return fdb.open(cluster_file)


def key(number: int) -> bytes:
    """Name a firing: 24 digits, as ours have."""
    return b"%024d" % number


def put(db: Any, layout: str, numbers: Sequence[int]) -> None:
    """Put firings in, in one transaction."""
    tr = db.create_transaction()
    for number in numbers:
        name, body = key(number), encode([number, PADDING])
        if layout == "plain":
            tr[FIRING + name] = body
            tr[LINE + name] = b""
        else:
            tr[LINE + name] = body
    tr.commit().wait()


def fill(db: Any, layout: str, count: int, start: int = 0) -> None:
    """Put in so many."""
    for first in range(start, start + count, CHUNK):
        put(db, layout, range(first, min(first + CHUNK, start + count)))


def batch(db: Any, layout: str) -> int:
    """Claim, run and finish a batch; return how many were in it."""
    tr = db.create_transaction()
    rows = tr.get_range(LINE, LINE + b"\xff", limit=BATCH, streaming_mode=fdb.StreamingMode.exact).to_list()
    if not rows:
        return 0
    names = [row.key[len(LINE) :] for row in rows]
    if layout == "plain":
        asked = [tr[FIRING + name] for name in names]
        bodies = [one.value for one in asked]
        for row in rows:
            tr.clear(row.key)
    else:
        bodies = [row.value for row in rows]
        tr.clear_range(rows[0].key, rows[-1].key + b"\0")
    tr.commit().wait()
    results = [_decode(body)[0] for body in bodies]
    tr = db.create_transaction()
    if layout == "plain":
        for name, result in zip(names, results, strict=True):
            tr[RESULT + name] = encode(result)
    else:
        tr[RESULT + names[0]] = encode(list(zip(names, results, strict=True)))
    tr.commit().wait()
    return len(rows)


def drain(db: Any, layout: str) -> int:
    """Drain what is there; return how many."""
    count = 0
    while done := batch(db, layout):
        count += done
    return count


def wake(db: Any, number: int) -> None:
    """Put a firing in that says when, and wake who waits."""
    tr = db.create_transaction()
    tr[LINE + key(number)] = encode([time.monotonic(), PADDING])
    tr[WAKEUP] = key(number)
    tr.commit().wait()


def took(db: Any, number: int) -> float:
    """Wait until a firing that was woken for has started; return how long it took, in seconds."""
    while True:
        tr = db.create_transaction()
        value = tr[RESULT + key(number)].value
        if value is not None:
            return float(_decode(value))
        time.sleep(IDLE)


def watch(db: Any) -> None:
    """Sleep until woken, and say how long what is in the line took to be started; for ever."""
    while True:
        tr = db.create_transaction()
        rows = tr.get_range(LINE, LINE + b"\xff", limit=BATCH).to_list()
        if not rows:
            woken = tr.watch(WAKEUP)
            tr.commit().wait()
            woken.wait()
            continue
        tr.clear_range(rows[0].key, rows[-1].key + b"\0")
        tr.commit().wait()
        now = time.monotonic()
        tr = db.create_transaction()
        for row in rows:
            tr[RESULT + row.key[len(LINE) :]] = encode(now - _decode(row.value)[0])
        tr.commit().wait()


def main(cluster_file: str, layout: str, count: str) -> None:
    """Measure in a process of its own, as workers have one."""
    db = connect(cluster_file)
    if count == "watch":
        watch(db)
    if count == "work":
        while True:
            drain(db, layout)
            time.sleep(IDLE)
    fill(db, layout, int(count))
    began, spent = time.perf_counter(), time.process_time()
    done = drain(db, layout)
    took, spent = time.perf_counter() - began, time.process_time() - spent
    if done != int(count):
        msg = f"{done} of {count} were drained"
        raise RuntimeError(msg)
    print(json.dumps({"rate": done / took, "cpu": spent / done * 1e6}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
