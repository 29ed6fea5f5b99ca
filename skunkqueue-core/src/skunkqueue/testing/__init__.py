"""Testing what fires jobs, and the jobs: a throw-away store instead of every queue's own, and a clock that tests move.

    def test_signup(job_store):
        signup("ann")
        assert_fired(send_mail("ann"))
        run_pending()

``job_store`` is a fixture of pytest, available wherever SkunkQueue is installed; ``divert()`` is the same as a ``with`` block. All
functions here work on the store that the queues are diverted to, and refuse any other.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from skunkqueue.queue import SkunkQueue
from skunkqueue.testing.attempts import Attempted
from skunkqueue.testing.diversion import JobStore, active, divert
from skunkqueue.testing.fired import Fired, JobLike
from skunkqueue.testing.standing_in import as_attempt

__all__ = [
    "Attempted",
    "Fired",
    "JobStore",
    "advance",
    "as_attempt",
    "assert_fired",
    "assert_not_fired",
    "divert",
    "fired",
    "now",
    "run_for",
    "run_pending",
]


def run_pending(queue: SkunkQueue | None = None, *, errors: bool = False) -> list[Attempted]:
    """Run in this thread what is due, and what that fires, until nothing is due; return what was tried, in order.

    Of one queue, or of all. As a worker runs it: rules, hooks, results and errors. What waits for its time (a delay, a retry,
    a snooze, a schedule) waits until ``advance``. Raises FiringFailedError for the first firing that failed for good, caused by
    the job's own exception, once all has run; with ``errors`` it does not. Raises TestModeError where it never ends.
    """
    return active("run_pending").run_pending(queue, errors=errors)


def run_for(
    span: timedelta | float = 0.0,
    *,
    minutes: float = 0.0,
    hours: float = 0.0,
    days: float = 0.0,
    queue: SkunkQueue | None = None,
    errors: bool = False,
) -> list[Attempted]:
    """Let time pass, and run everything at the moment at which it is due: all retries, each run of a schedule.

    ``span`` is seconds or a timedelta; the others are added to it. For what is raised see ``run_pending``, and PolicyError
    for a span below 0 or above a year.
    """
    mode = active("run_for")
    return mode.run_for(span, minutes=minutes, hours=hours, days=days, queue=queue, errors=errors)


def advance(
    span: timedelta | float = 0.0, *, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0
) -> None:
    """Let time pass for the store, and run nothing: what comes due meanwhile is run by the next ``run_pending``.

    For the arguments see ``run_for``. Python's own clock stays as it is.
    """
    active("advance").advance(span, minutes=minutes, hours=hours, days=days)


def now() -> datetime:
    """Return the store's time, with the time zone UTC."""
    return active("now").now


def fired(job: JobLike | None = None) -> list[Fired]:
    """List what was fired, in order: of one job, of a call with just these arguments, or all.

    ``fired(add)`` finds any arguments, ``fired(add(4, 5))`` these, however they were given; ``fired(first & second)`` the whole
    chain. A job within a chain is found too. Runs of schedules and retries are not fired.
    """
    return active("fired").fired(job)


def assert_fired(job: JobLike, *, times: int | None = None) -> Fired:
    """Return the last of what ``fired(job)`` lists; AssertionError, which lists all that was fired, where it was not.

    ``times``: it must have been fired just so often.
    """
    return active("assert_fired").assert_fired(job, times=times)


def assert_not_fired(job: JobLike | None = None) -> None:
    """Raise an AssertionError, which lists all that was fired, where a job, a call, or anything at all was."""
    active("assert_not_fired").assert_not_fired(job)
