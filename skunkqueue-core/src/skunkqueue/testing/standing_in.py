"""What ``current_job()`` returns in a test that calls a job's ``work`` itself."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from types import FrameType
from typing import NamedTuple

from skunkqueue.checks import declared_by_code
from skunkqueue.context import JobContext
from skunkqueue.errors import TestModeError
from skunkqueue.imports import member
from skunkqueue.job import Job, declaration
from skunkqueue.mixin import JobMixin, queue_of
from skunkqueue.queue import SkunkQueue
from skunkqueue.show import brief

_FIRING = "0" * 24
"""The id, where no firing exists."""


class _Told(NamedTuple):
    """What a test sets of the attempt."""

    attempt: int
    stopping: bool


_FIRST = _Told(1, stopping=False)
_told: ContextVar[_Told | None] = ContextVar("skunkqueue_as_attempt", default=None)


class StandInContext(JobContext):
    """The context of a job whose ``work`` a test calls; the progress that it reports is dropped."""

    __slots__ = ("_stopping",)

    def __init__(self, name: str, queue: str, route: str, told: _Told) -> None:
        super().__init__(
            id=_FIRING, attempt=told.attempt, queue=queue, route=route, name=name, report=_ignore
        )
        self._stopping = told.stopping

    @property
    def stopping(self) -> bool:
        """What the test set."""
        return self._stopping


@contextlib.contextmanager
def as_attempt(attempt: int = 1, *, stopping: bool = False) -> Iterator[None]:
    """Set what ``current_job()`` returns to a job whose ``work`` is called in this block, such as its second attempt.

    ``stopping``: that its worker is to end. Raises TestModeError for what is not the number of an attempt.
    """
    if isinstance(attempt, bool) or not isinstance(attempt, int) or attempt < 1:
        msg = f"as_attempt({brief(attempt)}): give the number of an attempt, 1 for the first"
        raise TestModeError(msg)
    before = _told.set(_Told(attempt, stopping))
    try:
        yield
    finally:
        _told.reset(before)


def find_context() -> JobContext | None:
    """Return a context for the job whose function is on the stack; ``None`` where none is."""
    names = declared_by_code()
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - documented
    while frame is not None:
        found = names.get(frame.f_code)
        if found is not None:
            return _context_of(*found)
        frame = frame.f_back
    return None


def _context_of(module: str, qualname: str) -> JobContext | None:
    loaded = sys.modules.get(module)
    try:
        job = None if loaded is None else member(loaded, qualname)
    except LookupError:
        return None
    known = declaration(job)
    if known is None:
        return None
    queue: object = None
    if isinstance(job, Job):
        queue = job.memory.queue
    elif isinstance(job, type) and issubclass(job, JobMixin):
        queue = queue_of(job)
    name = queue.name if isinstance(queue, SkunkQueue) else ""
    return StandInContext(known.name, name, known.policy.routes[0], _told.get() or _FIRST)


def _ignore(_done: float, _total: float | None, _note: str) -> None:
    pass
