"""Opens the async executor when the first job needs it: asyncio costs memory that other workers need not spend."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skunkqueue.context import JobContext
from skunkqueue.worker.attempt import Attempt
from skunkqueue.worker.run.executor import Executor, Known
from skunkqueue.worker.services import Services

if TYPE_CHECKING:
    from skunkqueue.worker.run.async_executor import AsyncExecutor


class LazyAsyncExecutor:
    """What the worker's other parts know of its async executor, open or not."""

    def __init__(self, services: Services, executor: Executor) -> None:
        self._services = services
        self._executor = executor
        self._open: AsyncExecutor | None = None
        self.done: Callable[[Attempt], None] = lambda _: None
        """Called on the event loop's thread with an attempt whose step has ended. ``Runner`` sets it."""

    @property
    def busy(self) -> bool:
        """Return whether anything runs."""
        return bool(self._services.in_flight.beside)

    @property
    def free(self) -> int | None:
        """How many more jobs it takes now; ``None``: it is not open, and nobody knows."""
        return None if self._open is None else self._open.free

    def has_room(self, known: Known) -> bool:
        """Return whether it takes this job now."""
        return self._open is None or self._open.has_room(known)

    def submit(self, attempt: Attempt, known: Known, context: JobContext) -> bool:
        """Begin a job; False: there is no room for it now. Only the main thread calls it."""
        if self._open is None:
            # asyncio is large, and not every worker needs it.
            from skunkqueue.worker.run.async_executor import AsyncExecutor  # noqa: PLC0415 - as above

            self._open = AsyncExecutor(self._services, self._executor, done=self.done)
        if not self._open.has_room(known):
            return False
        self._open.submit(attempt, known, context)
        return True

    def row_of(self, attempt: Attempt) -> int | None:
        """Return a job's row on the scoreboard; ``None`` where it has not begun or has ended."""
        return None if self._open is None else self._open.row_of(attempt)

    def cancel(self, attempt: Attempt, reason: str) -> None:
        """Cancel a job, if it still runs; from any thread."""
        if self._open is not None:
            self._open.cancel(attempt, reason)

    def note_fork(self) -> None:
        """Prepare a copy of this process, made by a job, to end when the job's code comes back to the event loop."""
        if self._open is not None:
            self._open.note_fork()

    def close(self) -> None:
        """End the event loop; what still runs on it is abandoned."""
        if self._open is not None:
            self._open.close()
