"""16 processes fire and work on one file; every error counts. Ten minutes, or the seconds given."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.support import ROOT, environment, folder, run, stop
from skunkqueue.config import open_backend, resolve
from skunkqueue.records import State

SECONDS = 600.0
PRODUCERS = 8
WORKERS = 8


def produce(seconds: float) -> None:
    """Fire one by one and in bulk until the time is over; print how many."""
    from benchmarks.jobs import noop, queue  # noqa: PLC0415 - the URL comes from the environment

    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        for number in range(10):
            noop.fire(number)
        queue.fire_many(noop(number) for number in range(20))
        count += 30
        time.sleep(0.05)
    print(count)


def main(seconds: float = SECONDS) -> None:
    """Print how many were fired and completed, and how many lines of trouble there were."""
    with folder() as path:
        url = f"sqlite:///{path}/q.db"
        log = Path(path) / "pool.log"
        run(url, "benchmarks.fire", "many", "1")
        command = [
            sys.executable,
            "-m",
            "skunkqueue.cli",
            "work",
            "-q",
            "bench",
            "-r",
            "bench",
            "-c",
            str(WORKERS),
        ]
        with log.open("wb") as output:
            pool = subprocess.Popen(command, env=environment(url), stdout=output, stderr=output, cwd=ROOT)
        producer = [sys.executable, "-m", "benchmarks.soak", "produce", str(seconds)]
        producers = [
            subprocess.Popen(
                producer, env=environment(url), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
            )
            for _ in range(PRODUCERS)
        ]
        fired, failed = 2, 0
        for one in producers:
            out, errors = one.communicate()
            fired += int(out or 0)
            failed += one.returncode != 0
            sys.stderr.write(errors.decode())
        backend = open_backend(resolve(conn_url=url))

        def left() -> int:
            return sum(info.counts[State.PENDING] + info.counts[State.RUNNING] for info in backend.routes())

        end = time.monotonic() + 120
        while left() and time.monotonic() < end:
            time.sleep(0.2)
        complete = sum(info.counts[State.COMPLETE] for info in backend.routes())
        backend.close()
        stop(pool)
        text = log.read_text()
        trouble = [
            line for line in text.splitlines() if "locked" in line or "ERROR" in line or "WARNING" in line
        ]
        print(
            f"{PRODUCERS} producers and {WORKERS} workers for {seconds:.0f} s: {fired:,} fired, {complete:,} complete,"
            f" {failed} producers failed, {len(trouble)} lines of trouble in the log"
        )
        print("\n".join(trouble[:10]))


if __name__ == "__main__":
    if sys.argv[1] == "produce":
        produce(float(sys.argv[2]))
    else:
        main(float(sys.argv[1]))
