"""From ``fire`` in one process to the job's start in an idle worker of another, at 50 a second."""

from __future__ import annotations

import os
import time

from benchmarks.support import folder, percentile, pool, stop, until

COUNT = 500
PAUSE = 0.02


def main() -> None:
    """Print the median and the 99th percentile in milliseconds."""
    with folder() as path:
        url = f"sqlite:///{path}/q.db"
        os.environ["SKUNKQUEUE_URL"] = url
        from benchmarks.jobs import queue, started  # noqa: PLC0415 - the URL comes first

        queue.__init__("bench")  # type: ignore[misc]  # an earlier benchmark of this run had another store
        worker = pool(url)
        try:
            started.fire(time.monotonic()).wait(30)
            handles = []
            for _ in range(COUNT):
                handles.append(started.fire(time.monotonic()))
                time.sleep(PAUSE)
            until(lambda: all(handle.state == "complete" for handle in handles[-5:]))
            took = [(handle.result or 0.0) * 1_000 for handle in handles]
        finally:
            stop(worker)
            queue.close()
    print(f"p50 {percentile(took, 0.5):.2f} ms, p99 {percentile(took, 0.99):.2f} ms, max {max(took):.2f} ms")


if __name__ == "__main__":
    main()
