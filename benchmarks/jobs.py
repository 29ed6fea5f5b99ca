"""The jobs that are measured."""

from __future__ import annotations

import os
import time

from skunkqueue import SkunkQueue

queue = SkunkQueue("bench")


@queue.job(routes=["bench"])
def noop(number: int) -> int:
    """Do nothing with one small argument."""
    return number


@queue.job(routes=["bench"])
def started(fired: float) -> float:
    """Tell how long it took from firing to here, in seconds of the clock that all processes share."""
    return time.monotonic() - fired


@queue.job(routes=["bench"])
def resident() -> int:
    """Tell the worker's resident memory in bytes."""
    with open(f"/proc/{os.getpid()}/statm") as statm:  # noqa: PTH123 - imports would count as memory
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
