"""What all schedulers share: ``with``, ``<<`` and ``flush``. The rule for the next run is its strategy's."""

from __future__ import annotations

import hashlib
import logging
import weakref
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from skunkqueue.call import Call, Chain, Conjoinable
from skunkqueue.errors import NameInvalidError, ScheduleError
from skunkqueue.fireable import Fireable
from skunkqueue.imports import suppress_firing
from skunkqueue.job import as_fireable
from skunkqueue.names import MAX_NAME_BYTES, check_name
from skunkqueue.policy import POLICY_FIELDS
from skunkqueue.queue import SkunkQueue
from skunkqueue.show import MAX_BITS, brief

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on

logger = logging.getLogger(__name__)

_declared: weakref.WeakKeyDictionary[SkunkQueue, dict[str, tuple[str, bytes]]] = weakref.WeakKeyDictionary()
"""What this process has declared on each queue: the rule of each name."""

_PLAIN = (str, bytes, int, float, bool, type(None), date, time, timedelta, Decimal, UUID, Enum)
_LONGEST_ARGUMENTS = 80
_SUFFIX = len(" #9999")


class Scheduler:
    """Declares schedules on a queue: jobs that are refired each time they end, at the time that a strategy gives.

    ``strategy`` is a name in the entry-point group ``skunkqueue.strategies``, and ``params`` are its parameters.
    ``schedule << job`` adds a job; all jobs that are added up to a ``flush`` are conjoined into one schedule,
    which then runs together. At the end of a ``with`` block it flushes once more, unless an exception
    leaves the block.

    Declaring the same schedule again does nothing, so a script may be run any number of times. A schedule
    is the same by its name: ``name``, or else what the jobs are called. Several flushes of one scheduler
    under one name make ``name``, ``name #2`` and so on.
    """

    def __init__(self, queue: SkunkQueue, strategy: str, params: bytes, *, name: str | None = None) -> None:
        if not isinstance(queue, SkunkQueue):
            msg = f"{type(self).__name__} needs the SkunkQueue that its jobs go to, not {brief(queue)}"
            raise ScheduleError(msg)
        self.queue = queue
        if name is not None and len(check_name("schedule", name).encode()) > MAX_NAME_BYTES - _SUFFIX:
            msg = f"the schedule name {name[:40]!r}... is too long: give at most {MAX_NAME_BYTES - _SUFFIX} bytes"
            raise NameInvalidError(msg)
        self.strategy = strategy
        self.params = params
        self.name = name
        self._fed: list[Fireable[Any]] = []
        self._named: dict[str, int] = {}
        # Without `with` or `flush` nothing is declared, and no run would ever come.
        weakref.finalize(self, _tell_unflushed, type(self).__name__, self._fed)

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
        """Add a job, a call or a chain; NotAJobError for anything else."""
        self._fed.append(as_fireable(job))
        return self

    def flush(self) -> str | None:
        """Declare what was added since the last flush as one schedule; return its name, ``None`` if nothing was added.

        Where declaring fails, all that was added is still there.
        """
        if not self._fed:
            return None
        job = self._fed[0] if len(self._fed) == 1 else _conjoined(self._fed)
        name = self.name if self.name is not None else name_of(job)
        count = self._named.get(name, 0) + 1
        full = name if count == 1 else f"{name} #{count}"
        if suppress_firing():
            # A worker imports the module that declares it, and must not open the store for that.
            self._fed.clear()
            return full
        params = self.params_for(full)
        replaces = self.queue.declare(full, job, strategy=self.strategy, params=params)
        rules = _declared.setdefault(self.queue, {})
        rule = (self.strategy, params)
        if replaces and self.name is None and rules.get(full, rule) != rule:
            logger.warning(
                "schedule %r of queue %r is declared again by another rule, which takes the place of the first, "
                "since it has the same jobs; to have both, give each scheduler a name=",
                full,
                self.queue.name,
            )
        rules[full] = rule
        self._named[name] = count
        self._fed.clear()
        return full

    def params_for(self, name: str) -> bytes:
        """Return the strategy's parameters for the schedule of this name."""
        del name  # the same for all, unless a scheduler has a reason
        return self.params


def name_of(job: Fireable[Any]) -> str:
    """Name a schedule by its jobs and their arguments: ``demo:greet('Jed') & demo:tidy``.

    ScheduleError where another process may write the arguments in other words.
    """
    name = " & ".join(call.name + _arguments(call) for call in job.calls())
    if not name.isprintable():
        name = ascii(name)[1:-1]
    if len(name.encode()) <= MAX_NAME_BYTES - _SUFFIX:
        return name
    ending = f"… {_digest(name)}"
    room = MAX_NAME_BYTES - _SUFFIX - len(ending.encode())
    return name.encode()[:room].decode(errors="ignore") + ending


def _arguments(call: Call[Any]) -> str:
    # Rules that are set on an object are not arguments, and may change while the schedule stays the same.
    attrs = {key: value for key, value in (call.attrs or {}).items() if key not in POLICY_FIELDS}
    named = {**attrs, **call.kwargs}
    for value in (*call.args, *named.values()):
        if not _is_plain(value):
            msg = (
                f"the schedule of {call.name} cannot be named by its argument {brief(value)} of type {type(value).__name__}, "
                f"which the next process may write otherwise: give the scheduler a name="
            )
            raise ScheduleError(msg)
    told = ", ".join([*map(repr, call.args), *(f"{key}={value!r}" for key, value in named.items())])
    if len(told) > _LONGEST_ARGUMENTS:
        told = f"{told[: _LONGEST_ARGUMENTS // 2]}… {_digest(told)}"
    return f"({told})" if told else ""


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, (*value, *value.values())))
    # Whether a long integer is written in decimals depends on the process.
    return isinstance(value, _PLAIN) and not (isinstance(value, int) and value.bit_length() > MAX_BITS)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _tell_unflushed(kind: str, fed: list[Fireable[Any]]) -> None:
    if fed:
        names = ", ".join(one.name for one in fed)
        logger.warning(
            "%s was fed %s and never flushed, so that nothing is scheduled: use `with`", kind, names
        )


def _conjoined(fed: list[Fireable[Any]]) -> Chain:
    """Join all that was added; routes, priority and life time are those of the first."""
    chain = Chain(tuple(call for one in fed for call in one.calls()))
    chain.policy = msgspec.structs.replace(fed[0].policy, idempotency_key=None)
    return chain
