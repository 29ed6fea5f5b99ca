"""Measures how much memory and CPU time other processes of this machine use.

Asks the system and not the processes, so it works while a job holds a worker's GIL. On Linux it reads ``/proc``; elsewhere it calls
``ps`` once for all of them, which does not count the CPU time of their children.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")
_HAS_PROC = os.path.exists("/proc/self/stat")  # noqa: PTH110 - asked once
# Places of what /proc/PID/stat tells after the process' name.
_UTIME, _STIME, _CUTIME, _CSTIME, _RSS = 11, 12, 13, 14, 21
_PS_LIMIT = 5.0
_CLOCK = re.compile(rb"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+(?:\.\d+)?)")


class Use(NamedTuple):
    """What one process uses."""

    rss: int
    """Resident memory in bytes."""
    cpu: float
    """Seconds of CPU time since it started, its own and of its children that ended."""


def measure(pids: Sequence[int]) -> dict[int, Use]:
    """Measure these processes; those that are gone, or cannot be measured, are left out."""
    return _by_proc(pids) if _HAS_PROC else by_ps(pids)


def _by_proc(pids: Sequence[int]) -> dict[int, Use]:
    found = {}
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - called often
                # The name before it is in brackets, and may hold anything.
                fields = file.read().rpartition(b")")[2].split()
            ticks = sum(int(fields[place]) for place in (_UTIME, _STIME, _CUTIME, _CSTIME))
            found[pid] = Use(int(fields[_RSS]) * _PAGE, ticks / _TICK)
        except (OSError, IndexError, ValueError):
            continue
    return found


def by_ps(pids: Sequence[int]) -> dict[int, Use]:
    """Measure by ``ps``, as on macOS."""
    if not pids:
        return {}
    command = ["ps", "-o", "pid=,rss=,time=", "-p", ",".join(map(str, pids))]
    try:
        done = subprocess.run(  # noqa: S603 - numbers alone are added
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_PS_LIMIT,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    found = {}
    for line in done.stdout.splitlines():
        parts = line.split()
        clock = _CLOCK.fullmatch(parts[2]) if len(parts) == 3 else None
        if clock is None or not (parts[0] + parts[1]).isdigit():
            continue
        days, hours, minutes, seconds = (float(part or 0) for part in clock.groups())
        cpu = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        found[int(parts[0])] = Use(int(parts[1]) * 1024, cpu)
    return found
