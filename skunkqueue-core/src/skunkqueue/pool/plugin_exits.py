"""Plugins that end the pool's own process: named in the log before it ends, since nobody can name them afterwards.

A worker that a plugin ends is named by its pool (``plugin_deaths``). Of a crash inside C code Python itself tells where
each thread was, on standard error; of a signal nothing is told.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from skunkqueue.plugins import HOOKS, registry
from skunkqueue.processes.timed_notifier import TimedNotifier

logger = logging.getLogger("skunkqueue.plugins")


@contextmanager
def named(notifier: TimedNotifier) -> Iterator[None]:
    """Log which plugin or line of code calls ``os._exit`` meanwhile."""
    leave, process = os._exit, os.getpid()

    def name_and_leave(status: int) -> None:
        # Not in a copy of the process, which a plugin may end so.
        if os.getpid() == process:
            with suppress(Exception):
                _name(notifier, status)
        leave(status)

    os._exit = name_and_leave  # type: ignore[assignment] # Python tells nobody that it is called
    try:
        yield
    finally:
        os._exit = leave


def _name(notifier: TimedNotifier, status: int) -> None:
    caller = sys._getframe(2)  # noqa: SLF001 - documented
    reason = f"os._exit({status}) in {caller.f_code.co_filename}, line {caller.f_lineno}"
    called = notifier.called()
    if called is None:
        logger.error("a plugin ends the pool while plugins are loaded: %s", reason)
        return
    name, hook_name = called
    logger.error(
        "hook failed: plugin=%r distribution=%r hook=%r reason=%r: it ends the pool",
        name,
        registry.origin(HOOKS, name),
        hook_name,
        reason,
    )
