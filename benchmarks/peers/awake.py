"""Keep the cores awake while others are measured, the same for all.

A core that goes idle takes its time to come back, which slows request-and-answer work to less than half
on virtual machines. One busy loop a core at the lowest priority prevents it, and yields to whoever works.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# It looks for its parent so that it ends even where that was killed.
LOOP = """
import os
os.nice(19)
if hasattr(os, "SCHED_IDLE"):
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def awake() -> Iterator[None]:
    """Run a low-priority busy loop a core."""
    loops: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(os.cpu_count() or 1):
            loops.append(subprocess.Popen([sys.executable, "-S", "-c", LOOP]))  # noqa: PERF401 - ended one by one
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait(10)
