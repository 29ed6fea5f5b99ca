"""Keep the process of ``skunq web`` small. Only for a process of our own: how an application's allocates is its own business."""

from __future__ import annotations

import gc
import sys
from typing import Any

_M_ARENA_MAX = -8
"""Of glibc's ``malloc.h``."""
_ARENAS = 2


def share_arenas() -> bool:
    """Have all threads allocate from few heaps, lest each keep what it once needed; return whether that was done.

    Only glibc makes a heap for each thread; elsewhere nothing is done. To be called before there are threads.
    """
    return _call("mallopt", _M_ARENA_MAX, _ARENAS)


def give_back() -> bool:
    """Give free memory back to the system, such as imports leave; return whether there was any, as far as that can be told."""
    gc.collect()
    return _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    import ctypes  # noqa: PLC0415 - only where it is needed

    try:
        function: Any = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError):
        return False
    return bool(function(*arguments))
