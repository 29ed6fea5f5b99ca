"""Every exception of the project, with one base for what is an error.

``Retry``, ``Snooze`` and ``Interrupted`` steer a running job and are not errors, so they stand apart.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from skunkqueue.show import brief

if TYPE_CHECKING:
    from skunkqueue.records import State

MAX_DELAY = 365 * 86_400.0
"""The longest that anything may be put off, in seconds."""


class SkunkQueueError(Exception):
    """Something went wrong in SkunkQueue; the message names the thing, the value and the way out."""


class NameInvalidError(SkunkQueueError, ValueError):
    """A queue, route, job, schedule or key name is empty, too long or has control characters, or an id is empty."""


class PolicyError(SkunkQueueError, ValueError):
    """A job policy (retries, backoff, timeout, priority, ...) has an impossible value."""


class WrongTypeError(SkunkQueueError, TypeError):
    """A value is of another type than what is asked for: seconds, a moment, an id, a handle."""


class PolicyTypeError(PolicyError, WrongTypeError):
    """A job policy or a delay is of another type than what it can be."""


class ScheduleError(SkunkQueueError, ValueError):
    """A schedule's rule (an interval, a bound, a cron line, ...) makes no sense."""


class NaiveDatetimeError(SkunkQueueError, ValueError):
    """A datetime without a time zone was given where a moment in time is needed."""


class NotAJobError(SkunkQueueError, TypeError):
    """Something that is not a job was used as one."""


class DuplicateJobError(SkunkQueueError, ValueError):
    """Two jobs of one module have the same name."""


class ArgumentsError(SkunkQueueError, TypeError):
    """A job was fired with arguments that its function does not take, or without some that it needs."""


class JobNotFoundError(SkunkQueueError):
    """The job that a firing names is not available: its module or its name is missing, or leads to something else."""

    def __init__(self, message: str, *, elsewhere: bool = False) -> None:
        """``elsewhere``: a worker with other code, or other options, may have it."""
        super().__init__(message)
        self.elsewhere = elsewhere


class NoQueueError(SkunkQueueError):
    """A job was fired, but belongs to no queue yet."""


class NobodyListensError(SkunkQueueError):
    """A broadcast was fired on a route without a live worker."""


class PayloadError(SkunkQueueError):
    """Arguments, results or records that cannot be turned into bytes or back."""


class UnsupportedTypeError(PayloadError, TypeError):
    """A value is of a type that cannot be stored exactly."""


class PayloadTooLargeError(PayloadError, ValueError):
    """An encoded payload is over the limit."""


class DamagedPayloadError(PayloadError):
    """Bytes from the store are cut short, made by hand, or of an unknown kind."""


class SignatureError(PayloadError):
    """A signed payload lacks its signature, has a wrong one, or there is no secret to check it with."""


class ConfigError(SkunkQueueError, ValueError):
    """A setting or URL makes no sense."""


class HandlerError(SkunkQueueError):
    """A function that the application registered by ``queue.on_worker_start`` raised."""


class PluginError(SkunkQueueError):
    """A plugin named is not installed, or is broken."""


class PluginTimeoutError(PluginError, TimeoutError):
    """A plugin's code did not return within the time it has."""


class BackendError(SkunkQueueError):
    """A store refused or failed; the store's own error is the cause."""


class BackendUnavailableError(BackendError):
    """The store cannot be reached or is busy now; the same call may work later."""


class StoreMissingError(BackendUnavailableError):
    """No store is there (yet), and the caller asked not to make one."""


class CursorInvalidError(BackendError, ValueError):
    """A cursor is not one of the listing that it was given to."""


class BackendLoginError(BackendUnavailableError):
    """The server refuses the login, or its certificate is not trusted; somebody must change a setting."""


class BackendReadOnlyError(BackendError):
    """The store can be read but not written."""


class BackendFullError(BackendError):
    """The store has no room left; what was accepted before is safe."""


class BackendDamagedError(BackendError):
    """What was opened is not a store of SkunkQueue, or its content is damaged."""


class UnknownFiringError(SkunkQueueError, KeyError):
    """No firing has this id (any more)."""

    def __str__(self) -> str:
        """Read as a sentence; ``KeyError`` would show the repr of its argument."""
        return Exception.__str__(self)


class UnknownWorkerError(SkunkQueueError, KeyError):
    """No live worker has this id."""

    def __str__(self) -> str:
        """Read as a sentence; ``KeyError`` would show the repr of its argument."""
        return Exception.__str__(self)


class UnknownPoolError(SkunkQueueError, KeyError):
    """No live pool has this id."""

    def __str__(self) -> str:
        """Read as a sentence; ``KeyError`` would show the repr of its argument."""
        return Exception.__str__(self)


class UnknownScheduleError(SkunkQueueError, KeyError):
    """No schedule of this queue has this name."""

    def __str__(self) -> str:
        """Read as a sentence; ``KeyError`` would show the repr of its argument."""
        return Exception.__str__(self)


class FiringFailedError(SkunkQueueError):
    """A firing that was waited for ended as error, killed or expired.

    ``str(error)`` is a sentence with all of it but the traceback. Errors pass between processes with their
    attributes, as in the results of a process pool.
    """

    def __init__(
        self,
        text: str,
        *,
        id: str = "",  # noqa: A002 - the attribute users read is `id`
        job: str = "",
        state: State | None = None,
        kind: str = "",
        message: str = "",
        traceback: str = "",
        attempts: int = 0,
    ) -> None:
        super().__init__(text)
        self.id = id
        """The firing's id."""
        self.job = job
        """``module:qualname`` of its job; those of a chain are joined by ``&``."""
        self.state = state
        """``State.ERROR``, ``State.KILLED`` or ``State.EXPIRED``."""
        self.kind = kind
        """Name of the exception's type: ``ValueError``, ``shop.errors.OutOfStock``; empty where nothing is known."""
        self.message = message
        """The exception's message, or why it was killed."""
        self.traceback = traceback
        """The exception's traceback as text; empty where the job raised nothing."""
        self.attempts = attempts
        """How often it was tried; of a chain, the step it stopped at. A lease that ended counts, as the job may have begun. 0: it never began."""


class WaitTimeoutError(SkunkQueueError, TimeoutError):
    """A firing that was waited for is not finished yet."""


class JobTimeoutError(SkunkQueueError, TimeoutError):
    """A job ran longer than its ``timeout``; raised inside the job."""


class WorkerDiedError(SkunkQueueError):
    """A firing is put aside because its workers died under it too often."""


class TestModeError(SkunkQueueError):
    """Something of ``skunkqueue.testing`` was used outside of a test's store, or in a way that never ends."""

    __test__ = False  # by its name, pytest would collect it as tests


class Retry(Exception):  # noqa: N818 - a request from within a job, not an error
    """Raise in a job to fail this attempt and run again, ``after`` seconds (or a timedelta) from now.

    It uses up one of the job's retries. Without ``after`` the job's backoff decides.
    """

    def __init__(self, after: float | timedelta | None = None) -> None:
        self.after = None if after is None else seconds_asked("Retry", after)
        super().__init__(f"retry after {self.after} s" if self.after is not None else "retry")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by the time: exceptions are made anew from their message, which is not a time."""
        return type(self), (self.after,), vars(self)


class Snooze(Exception):  # noqa: N818 - a request from within a job, not an error
    """Raise in a job to run again ``after`` seconds (or a timedelta) from now, at no cost in attempts."""

    def __init__(self, after: float | timedelta) -> None:
        self.after = seconds_asked("Snooze", after)
        super().__init__(f"snooze for {self.after} s")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by the time, as ``Retry`` does."""
        return type(self), (self.after,), vars(self)


class Interrupted(BaseException):
    """Raised inside a running job that must stop now: killed, timed out, or its lease was lost."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def seconds_asked(what: str, after: Any) -> float:
    """Return what a ``Retry`` or ``Snooze`` asks for in seconds; PolicyError where it is not a delay."""
    seconds = after.total_seconds() if isinstance(after, timedelta) else after
    wrong_type = isinstance(seconds, bool) or not isinstance(seconds, (int, float))
    if wrong_type or not seconds <= MAX_DELAY:
        msg = f"{what}(after={brief(after)}): give at most {MAX_DELAY:.0f} seconds (a year), or a timedelta"
        raise PolicyTypeError(msg) if wrong_type else PolicyError(msg)
    return max(0.0, float(seconds))
