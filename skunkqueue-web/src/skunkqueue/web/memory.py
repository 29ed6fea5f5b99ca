"""Keep the process of ``skunq web`` small. Not for an application that embeds the monitor."""

from __future__ import annotations

import gc
import sys
from typing import Any

_M_ARENA_MAX = -8
"""Of glibc's ``malloc.h``."""
_ARENAS = 2


def share_arenas() -> bool:
    """Have all threads allocate from few heaps, so that not each keeps what it once needed; return whether that was done.

    Only glibc makes a heap for each thread; elsewhere nothing is done. To be called before there are threads.
    """
    return _call("mallopt", _M_ARENA_MAX, _ARENAS)


def give_back() -> bool:
    """Return free memory, such as imports leave, to the system; return whether any was returned, as far as that is known."""
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
