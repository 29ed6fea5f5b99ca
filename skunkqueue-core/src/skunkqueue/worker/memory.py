"""Measures how much memory this process holds."""

from __future__ import annotations

import os
import resource
import sys

_PAGE = os.sysconf("SC_PAGE_SIZE")
_STATM = "/proc/self/statm"


def resident() -> int:
    """Return bytes: what is held now on Linux, the peak so far elsewhere."""
    try:
        with open(_STATM, "rb") as file:  # noqa: PTH123 - called often, and Path costs more than the reading
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
