"""The job that the storm's pools run; copied into their folder as ``jobs.py``."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from skunkqueue import SkunkQueue, current_job

QUEUE = os.environ["STORM_QUEUE"]
RECORD = Path(__file__).parent / "runs.txt"

queue = SkunkQueue(QUEUE)


@queue.job
def tick() -> None:
    """Write down that it ran, some milliseconds into it, so that a kill finds it before, at it or after."""
    job = current_job()
    time.sleep(random.uniform(0.0, 0.004))  # noqa: S311 - no secret
    out = os.open(RECORD, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # In one piece: another attempt may be writing too.
        os.write(out, f"{job.id} {job.attempt}\n".encode())
    finally:
        os.close(out)
    time.sleep(random.uniform(0.0, 0.002))  # noqa: S311 - no secret
