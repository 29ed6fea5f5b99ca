"""Children of a fork of this very process, as programs have that fork."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable

LONG = 60
"""Seconds after which a child is taken to be blocked for ever."""


def fork(part: Callable[[], object]) -> int:
    """Have a child do its part; return its process id."""
    with warnings.catch_warnings():
        # From Python 3.12 on it warns where there are threads; that this works all the same is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        # Its end must not run what the parent has registered, nor what a test does after it.
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(LONG)
            part()
        except BaseException:  # noqa: BLE001 - the parent is told of it by the exit code
            traceback.print_exc(file=sys.__stderr__)
            os._exit(1)
        os._exit(0)
    return pid


def ended_well(pid: int) -> bool:
    """Wait for a child's end, and say whether it did its part."""
    return os.waitpid(pid, 0)[1] == 0
