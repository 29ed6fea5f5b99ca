"""Keep the process of ``skunq web`` small. Only for a process of our own: how an application's allocates is its own business."""

from __future__ import annotations

import sys

_M_ARENA_MAX = -8
"""Of glibc's ``malloc.h``."""
_ARENAS = 2


def share_arenas() -> bool:
    """Have all threads allocate from few heaps, lest each keep what it once needed; return whether that was done.

    Only glibc makes a heap for each thread; elsewhere nothing is done. To be called before there are threads.
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes  # noqa: PLC0415 - only where it is needed

    try:
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS))
    except (AttributeError, OSError):
        return False
