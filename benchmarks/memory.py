"""How much a worker's resident memory grows over 1,000,000 jobs."""

from __future__ import annotations

import os

from benchmarks.support import folder, pool, stop

BATCHES = 100
SIZE = 10_000


def main() -> None:
    """Print MiB after the first tenth (everything is loaded and warm by then) and at the end."""
    with folder() as path:
        url = f"sqlite:///{path}/q.db"
        os.environ["SKUNKQUEUE_URL"] = url
        from benchmarks.jobs import noop, queue, resident  # noqa: PLC0415 - the URL comes first

        queue.__init__("bench")  # type: ignore[misc]  # an earlier benchmark of this run had another store
        worker = pool(url)
        seen = []
        try:
            for number in range(BATCHES):
                queue.fire_many(noop(one) for one in range(SIZE))
                seen.append(resident.fire().wait(300) / 2**20)
                if number % 10 == 9:
                    print(f"after {(number + 1) * SIZE:,} jobs: {seen[-1]:.1f} MiB", flush=True)
        finally:
            stop(worker)
            queue.close()
    print(f"growth from the first 100,000 to 1,000,000: {seen[-1] - seen[BATCHES // 10 - 1]:.1f} MiB")


if __name__ == "__main__":
    main()
