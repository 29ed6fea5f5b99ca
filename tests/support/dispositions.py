"""Signals that were ignored before the tests began, as under ``nohup`` or behind a ``&`` in a script.

What is ignored stays so in every process that a test starts, and pools would not hear what tests send them.
"""

from __future__ import annotations

import signal

HEARD = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


def hear_in_children() -> None:
    """Have the processes that tests start hear these signals; whoever runs the tests is spared them as before."""
    for number in HEARD:
        if signal.getsignal(number) is signal.SIG_IGN:
            # A handler does not outlast exec, so children begin with the default.
            signal.signal(number, lambda *_: None)
