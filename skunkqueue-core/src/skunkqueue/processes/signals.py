"""Which signals a process may handle: not those that it was started to ignore. And what is told of those that end it."""

from __future__ import annotations

import faulthandler
import signal
from collections.abc import Iterable

_STDERR = 2


def not_ignored(numbers: Iterable[int]) -> tuple[int, ...]:
    """Leave out the signals that this process ignores, as ``nohup`` and a shell's ``&`` have it ignore some.

    Whoever started it so does not want it to end by them, so nothing may be put in the place of that.
    """
    return tuple(number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN)


def tell_crashes() -> None:
    """Have a crash inside C code print where each thread was, on standard error, for as long as this process lives."""
    faulthandler.enable(_STDERR)
    if signal.getsignal(signal.SIGABRT) is signal.SIG_IGN:
        # That would be printed as well, though nothing ends.
        signal.signal(signal.SIGABRT, signal.SIG_IGN)
