"""SkunkQueue: task scheduling for humans who use Python.

    from skunkqueue import SkunkQueue

    queue = SkunkQueue("demo")

    @queue.job(routes=["foo"])
    def add(first, second):
        return first + second

    add.fire(4, 5)

and in a shell, in the same folder: ``skunq work -q demo -r foo``.

A program may import this before it starts pytest, which need not warn of it: PYTEST_DONT_REWRITE
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

# Plugin distributions add modules below this package from directories of their own.
__path__ = pkgutil.extend_path(__path__, __name__)

if TYPE_CHECKING:
    from skunkqueue.application import FailedFiring
    from skunkqueue.backoff import Exponential
    from skunkqueue.context import current_job
    from skunkqueue.errors import Interrupted, Retry, SkunkQueueError, Snooze
    from skunkqueue.handle import JobHandle
    from skunkqueue.job import Job, JobMixin
    from skunkqueue.queue import SkunkQueue
    from skunkqueue.records import State

__version__ = "0.1.0"

__all__ = [
    "Exponential",
    "FailedFiring",
    "Interrupted",
    "Job",
    "JobHandle",
    "JobMixin",
    "Retry",
    "SkunkQueue",
    "SkunkQueueError",
    "Snooze",
    "State",
    "current_job",
]

# Public names are loaded when asked for: `skunq --help` then starts without loading stores and jobs.
_HOMES = {
    "Exponential": "skunkqueue.backoff",
    "FailedFiring": "skunkqueue.application",
    "Interrupted": "skunkqueue.errors",
    "Job": "skunkqueue.job",
    "JobHandle": "skunkqueue.handle",
    "JobMixin": "skunkqueue.job",
    "Retry": "skunkqueue.errors",
    "SkunkQueue": "skunkqueue.queue",
    "SkunkQueueError": "skunkqueue.errors",
    "Snooze": "skunkqueue.errors",
    "State": "skunkqueue.records",
    "current_job": "skunkqueue.context",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value
