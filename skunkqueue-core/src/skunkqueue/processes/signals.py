"""Which signals a process may handle: not those that it was started to ignore."""

from __future__ import annotations

import signal
from collections.abc import Iterable


def not_ignored(numbers: Iterable[int]) -> tuple[int, ...]:
    """Leave out the signals that this process ignores, as ``nohup`` and a shell's ``&`` have it ignore some.

    Whoever started it so does not want it to end by them, so nothing may be put in the place of that.
    """
    return tuple(number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN)
