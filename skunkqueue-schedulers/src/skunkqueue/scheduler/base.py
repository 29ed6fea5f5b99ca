"""What all schedulers share: ``with``, ``<<`` and ``flush``. Knows no rule of when a job runs again."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any

from skunkqueue.call import Call, Chain, Conjoinable, Fireable
from skunkqueue.errors import ScheduleError
from skunkqueue.imports import suppress_firing
from skunkqueue.job import as_fireable
from skunkqueue.names import MAX_NAME_BYTES
from skunkqueue.queue import SkunkQueue

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on

logger = logging.getLogger(__name__)

_PLAIN = (str, int, float, bool, type(None))
_LONGEST_ARGUMENTS = 80


class Scheduler:
    """Declares schedules on a queue: jobs that are refired, each time they end, when a strategy says.

    ``strategy`` is a name in the entry-point group ``skunkqueue.strategies``, and ``params`` what it is to
    go by. ``schedule << job`` feeds it; all that is fed up to a ``flush`` is conjoined into one schedule,
    which then runs together. At the end of a ``with`` block it flushes once more, unless an exception
    leaves the block.

    Declaring the same schedule again does nothing, so a script may be run any number of times. A schedule
    is the same by its name: ``name``, or else what the jobs are called. Several flushes of one scheduler
    under one name make ``name``, ``name #2`` and so on.
    """

    def __init__(self, queue: SkunkQueue, strategy: str, params: bytes, *, name: str | None = None) -> None:
        if not isinstance(queue, SkunkQueue):
            msg = f"{type(self).__name__} needs the SkunkQueue that its jobs go to, not {queue!r}"
            raise ScheduleError(msg)
        self.queue = queue
        self.strategy = strategy
        self.params = params
        self.name = name
        self._fed: list[Fireable[Any]] = []
        self._named: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self.queue!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _where: TracebackType | None
    ) -> None:
        if error is None:
            self.flush()
        else:
            self._fed.clear()

    def __lshift__(self, job: Conjoinable) -> Self:
        """Feed a job, a call or a chain; NotAJobError for anything else."""
        self._fed.append(as_fireable(job))
        return self

    def flush(self) -> str | None:
        """Declare what was fed since the last flush as one schedule; return its name, ``None`` if that is nothing.

        Where declaring fails, all that was fed is still there.
        """
        if not self._fed:
            return None
        job = self._fed[0] if len(self._fed) == 1 else _conjoined(self._fed)
        name = self.name if self.name is not None else name_of(job)
        count = self._named.get(name, 0) + 1
        full = name if count == 1 else f"{name} #{count}"
        if suppress_firing():
            # A worker imports the module that declares it; the store is not to be opened for that.
            self._fed.clear()
            return full
        old = self.queue.backend.get_schedule(self.queue.name, full) if self.name is None else None
        params = self.params_for(full)
        if self.queue.declare(full, job, strategy=self.strategy, params=params) and old is not None:
            logger.warning(
                "schedule %r of queue %r is replaced, since it has the same jobs; to have both, "
                "give each scheduler a name=",
                full,
                self.queue.name,
            )
        self._named[name] = count
        self._fed.clear()
        return full

    def params_for(self, name: str) -> bytes:
        """Return what the strategy is to go by, for the schedule of this name."""
        del name  # the same for all, unless a scheduler has a reason
        return self.params


def name_of(job: Fireable[Any]) -> str:
    """Name a schedule by its jobs and their plain arguments: ``demo:greet('Jed') & demo:tidy``."""
    name = " & ".join(call.name + _arguments(call) for call in job.calls())
    if len(name.encode()) > MAX_NAME_BYTES or not name.isprintable():
        name = job.name
    return (
        name
        if len(name.encode()) <= MAX_NAME_BYTES
        else name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    )


def _arguments(call: Call[Any]) -> str:
    named = {**(call.attrs or {}), **call.kwargs}
    # Others may be written in another order, or with an address, by the next process.
    if not all(isinstance(value, _PLAIN) for value in (*call.args, *named.values())):
        return "(…)"
    told = ", ".join([*map(repr, call.args), *(f"{key}={value!r}" for key, value in named.items())])
    if len(told) > _LONGEST_ARGUMENTS:
        return "(…)"
    return f"({told})" if told else ""


def _conjoined(fed: list[Fireable[Any]]) -> Chain:
    """Join all that was fed; routes, priority and life time are those of the first."""
    chain = Chain(tuple(call for one in fed for call in one.calls()))
    first = fed[0]
    if first.policy.idempotency_key is None:
        chain.policy = first.policy
    return chain
