"""What an idle worker costs: CPU over a minute, and resident memory."""

from __future__ import annotations

import time

import psutil

from benchmarks.support import folder, pool, stop, until

SECONDS = 60.0


def main() -> None:
    """Print the share of a core and MiB, for the worker and for its pool."""
    with folder() as path:
        parent = pool(f"sqlite:///{path}/q.db")
        try:
            process = psutil.Process(parent.pid)
            until(lambda: len(process.children()) == 1, 30)
            (worker,) = process.children()
            time.sleep(3.0)
            for name, one in (("worker", worker), ("pool", process)):
                before = one.cpu_times()
                time.sleep(SECONDS)
                after = one.cpu_times()
                spent = after.user + after.system - before.user - before.system
                rss = one.memory_info().rss / 2**20
                print(f"{name}: {100 * spent / SECONDS:.2f} % of a core, {rss:.1f} MiB resident")
        finally:
            stop(parent)


if __name__ == "__main__":
    main()
