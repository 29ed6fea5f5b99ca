"""Drain 20,000 pending no-op firings with one worker process, results stored.

Ours is timed by the store's own records, from the first claim to the last settling, so the start of
processes does not count for anybody. Huey's consumer runs as its documentation says, one worker thread
(more threads are slower here), polling every 10 ms, with the same ``synchronous`` setting as ours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.support import folder, interleaved, pool, run
from skunkqueue.config import open_backend, resolve
from skunkqueue.records import State

COUNT = 20_000
ROUNDS = 5


def ours(durability: str) -> float:
    """Fire, then start one worker that stops when all is done; return firings a second."""
    with folder() as path:
        url = f"sqlite:///{path}/q.db?durability={durability}"
        run(url, "benchmarks.fire", "many", str(COUNT))
        worker = pool(url, "--burst")
        worker.wait(300)
        backend = open_backend(resolve(conn_url=url))
        began, finished, seen, after = float("inf"), 0.0, 0, None
        while True:
            page = backend.page("bench", "bench", State.COMPLETE, 1_000, after)
            for record in page.records:
                began = min(began, record.began or began)
                finished = max(finished, record.finished or finished)
            seen += len(page.records)
            after = page.next
            if after is None:
                break
        backend.close()
        if seen != COUNT + 1:  # one more opened the store
            msg = f"{seen} of {COUNT} firings are complete"
            raise RuntimeError(msg)
        return seen / (finished - began)


def bare(durability: str) -> float:
    """Drain as many with the bare loop."""
    with folder() as path:
        return float(run("", "benchmarks.bare", f"{path}/bare.db", durability, "drain", str(COUNT)))


def huey(durability: str) -> float:
    """Drain as many with Huey's SQLite storage."""
    with folder() as path:
        return float(run("", "benchmarks.huey_drain", f"{path}/huey.db", durability, str(COUNT)))


def main() -> None:
    """Print rates and ratios for both durabilities."""
    for durability in ("process", "power"):
        parts: dict[str, Callable[[], float]] = {
            "bare": partial(bare, durability),
            "ours": partial(ours, durability),
            "huey": partial(huey, durability),
        }
        rates = interleaved(ROUNDS, parts)
        print(
            f"durability={durability}: bare {rates['bare']:,.0f}/s, ours {rates['ours']:,.0f}/s,"
            f" Huey {rates['huey']:,.0f}/s; ours/bare {rates['ours'] / rates['bare']:.2f},"
            f" ours/Huey {rates['ours'] / rates['huey']:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
