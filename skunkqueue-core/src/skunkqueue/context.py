"""What a running job can learn about itself: ``current_job()``, and ``FiringFilter`` for its log records."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import ClassVar

from skunkqueue.errors import SkunkQueueError

NO_JOB = "-"
"""What ``FiringFilter`` says outside of a job."""

Report = Callable[[float, "float | None", str], None]


class JobContext:
    """The firing that runs now, as its job sees it."""

    __slots__ = ("_report", "attempt", "id", "name", "queue", "route")

    def __init__(self, *, id: str, attempt: int, queue: str, route: str, name: str, report: Report) -> None:  # noqa: A002 - the attribute users read is `id`
        self.id = id
        self.attempt = attempt
        """1 at the first try; releases and snoozes do not count. A lease that ended does: the job may have run before."""
        self.queue = queue
        self.route = route
        self.name = name
        """The job's name: ``module:qualname``, or what the user calls it."""
        self._report = report

    @property
    def stopping(self) -> bool:
        """Whether the worker is to end, and waits for this job.

        A job that takes long may look, and end early: return what it has, or raise ``Snooze`` to go on elsewhere.
        """
        return False

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Report how far the job is; handles, the CLI and the web monitor show it.

        Reports are sent at most a few times a second, the newest wins; it never raises for the store.
        """
        self._report(done, total, note)


current: ContextVar[JobContext | None] = ContextVar("skunkqueue_current_job", default=None)
"""Set by the worker around each job; read it through ``current_job``."""


class StandIn:
    """Makes what ``current_job`` returns where no worker runs the job, such as in a test that calls its ``work``."""

    find: ClassVar[Callable[[], JobContext | None] | None] = None
    """Set by tests."""


def current_job() -> JobContext:
    """Return the context of the running job; SkunkQueueError outside of one."""
    context = current.get()
    if context is None and StandIn.find is not None:
        context = StandIn.find()
    if context is None:
        msg = (
            "current_job() is called outside of a job that a worker runs: in a thread that a job starts, call it within"
            " the job's context (contextvars.copy_context().run); in a test that calls a job's work, use the fixture"
            " job_store of skunkqueue.testing, and as_attempt for another attempt than the first"
        )
        raise SkunkQueueError(msg)
    return context


class FiringFilter(logging.Filter):
    """Let every log record pass, and add what a format can use as ``%(firing)s`` and ``%(job)s``.

    They are the firing's id and the job's name, ``"-"`` outside of a job. For handlers that a program
    configures itself; a thread that a job starts is outside, unless it was given the job's context.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add both, unless the record has them."""
        if not hasattr(record, "firing"):
            # A worker's own records are about any firing, not about the one that has just run.
            context = None if record.name.startswith("skunkqueue.") else current.get()
            record.firing = NO_JOB if context is None else context.id
            record.job = NO_JOB if context is None else context.name
        return True
