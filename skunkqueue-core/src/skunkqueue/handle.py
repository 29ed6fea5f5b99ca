"""One firing seen from outside: its state, its result, waiting for it, killing it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from skunkqueue.clock import monotonic
from skunkqueue.context import current
from skunkqueue.errors import DamagedPayloadError, FiringFailedError, UnknownFiringError, WaitTimeoutError
from skunkqueue.forking import first_import
from skunkqueue.names import work_command
from skunkqueue.payload import (
    NO_ATTEMPT_STATE,
    Progress,
    decode_attempt_state,
    decode_body,
    decode_failure,
    decode_progress,
    may_be_cut,
)
from skunkqueue.records import Death, Record, State
from skunkqueue.serializers import DEFAULT_SERIALIZER, get_serializer
from skunkqueue.times import Seconds, as_timeout

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from skunkqueue.imports import Gate
    from skunkqueue.listings import Result, Tried
    from skunkqueue.persistence.backend import Backend

logger = logging.getLogger(__name__)

R_co = TypeVar("R_co", covariant=True)
_WAIT_SLICE = 3_600.0
_ON_PURPOSE = ("timeout", "rough")
"""Causes of deaths that the pool decided: it killed the worker."""
_death = msgspec.json.Decoder(Death)


class _Seen(NamedTuple):
    """What one look at a firing found."""

    is_over: bool
    state: State
    look_again: float
    """Seconds after which to look again, also where no settling was noticed."""
    value: Any


class Store(Protocol):
    """Where a handle looks: a queue, which opens its backend anew after a fork or a ``close``."""

    @property
    def backend(self) -> Backend:
        """The store, open."""


class JobHandle(Generic[R_co]):
    """A firing. Cheap to make and to keep; each look at it asks the store anew.

    Where one ``fire`` makes several firings (one a route, or one a worker of a broadcast), the handle is
    that of the first, and ``copies`` has them all.
    """

    __slots__ = ("_copies", "_gate", "_store", "id", "serializers")

    def __init__(
        self,
        firing_id: str,
        store: Store | None,
        gate: Gate | None,
        copies: tuple[str, ...] = (),
        serializers: tuple[str, ...] | None = None,
    ) -> None:
        self.id = firing_id
        self._store = store
        self._gate = gate
        self._copies = copies
        self.serializers = serializers
        """Serializers of its steps' results; ``None``: they are read from the firing's body."""

    def __repr__(self) -> str:
        return f"<JobHandle {self.id or 'of nothing'}>"

    @property
    def copies(self) -> tuple[JobHandle[R_co], ...]:
        """Handles of all firings that the one ``fire`` made; this one is the first of them."""
        return (
            self,
            *(JobHandle(one, self._store, self._gate, (), self.serializers) for one in self._copies),
        )

    def record(self) -> Record:
        """Read everything the store knows; UnknownFiringError where it was pruned or never existed."""
        found = None if self._store is None else self._store.backend.get([self.id])[0]
        if found is None:
            raise self._unknown()
        return found

    def _unknown(self) -> UnknownFiringError:
        return UnknownFiringError(
            f"there is no firing {self.id!r} (any more): finished firings are pruned after their result_ttl"
            if self.id
            else "this firing was ignored, since it was made while a worker imported its module"
        )

    @property
    def state(self) -> State | None:
        """Its state now; ``None`` once it is pruned."""
        found = self._look()
        return None if found is None or self._store is None else state_of(found, self._store.backend)

    @property
    def result(self) -> R_co | None:
        """What the job returned; ``None`` while it is not complete."""
        found = self._look()
        if found is None or found.state is not State.COMPLETE:
            return None
        return self._value(found)

    @property
    def progress(self) -> Progress | None:
        """The progress that the job last reported."""
        found = None if self._store is None else self._store.backend.get([self.id])[0]
        return None if found is None or found.progress is None else decode_progress(found.progress)

    def __await__(self) -> Generator[Any, None, R_co]:
        return self.wait_async().__await__()

    async def wait_async(self, timeout: Seconds | None = None) -> R_co:
        """Wait like ``wait``, without blocking the event loop; ``await handle`` waits without a limit."""
        first_import("skunkqueue.asynchronous")
        from skunkqueue.asynchronous import side_of  # noqa: PLC0415 - asyncio is large and not everybody needs it

        if self._store is None:
            return None  # type: ignore[return-value]  # as in wait
        side = side_of(self._store)
        patience = as_timeout(timeout, "the timeout of wait_async")
        deadline = None if patience is None else monotonic() + patience
        while True:
            seen = await side.call(self._see)
            if seen.is_over:
                return seen.value  # type: ignore[no-any-return]
            left = _WAIT_SLICE if deadline is None else deadline - monotonic()
            if left <= 0:
                raise WaitTimeoutError(await side.call(self._too_late, seen.state, patience or 0.0))
            await side.settled(self.id, min(left, seen.look_again))

    def wait(self, timeout: Seconds | None = None) -> R_co:
        """Block until it is finished, at most ``timeout`` (seconds or a timedelta), and return the job's result.

        Raises FiringFailedError where it ended as error, killed or expired, WaitTimeoutError, and
        UnknownFiringError.
        """
        if self._store is None:
            return None  # type: ignore[return-value]  # an ignored firing, at a worker's import
        patience = as_timeout(timeout, "the timeout of wait")
        deadline = None if patience is None else monotonic() + patience
        first = True
        while True:
            seen = self._see()
            if seen.is_over:
                return seen.value  # type: ignore[no-any-return]
            if first and current.get() is not None:
                self._warn_of_itself()
            first = False
            left = _WAIT_SLICE if deadline is None else deadline - monotonic()
            if left <= 0:
                raise WaitTimeoutError(self._too_late(seen.state, patience or 0.0))
            self._store.backend.wait_settled([self.id], min(left, seen.look_again))

    def _warn_of_itself(self) -> None:
        """Log that a job waits for a firing that only its own worker could run."""
        running = current.get()
        record = None if self._store is None else self._store.backend.get([self.id])[0]
        if self._store is None or running is None or record is None or record.state is not State.PENDING:
            return
        workers, place = self._store.backend.workers, (running.queue, running.route)
        listeners = workers(record.queue, record.route)
        if len(listeners) > 1:
            return
        if (record.queue, record.route) != place:
            # Another route of the same worker is as bad.
            is_ours = any(one.listens_on(*place) for one in listeners) and len(workers(*place)) == 1
            if not is_ours:
                return
        logger.warning(
            "a job waits for its own worker: firing=%s waits_for=%s route=%r: no other worker listens on that route, so"
            " this may never end. Give the second a route of its own, start another worker, or join the two by &",
            running.id,
            self.id,
            record.route,
        )

    def _see(self) -> _Seen:
        """Look whether it is finished. Raises what ``wait`` raises for one that has no result."""
        found = self._look()
        if found is None or self._store is None:
            raise self._unknown()
        backend = self._store.backend
        state = state_of(found, backend)
        if state is State.COMPLETE:
            # None where no result is kept.
            return _Seen(is_over=True, state=state, look_again=0.0, value=self._value(found))
        if state.final:
            if (error := failed_of(found, state)) is not None:
                raise error
            record = self.record()
            if (state := state_of(record, backend)).final:
                raise failed(record, state)
        look_again = _WAIT_SLICE
        if found.expires is not None and state is State.PENDING:
            # No worker may be there to settle it as expired, so the wait looks again at that time.
            look_again = min(look_again, max(found.expires - backend.now(), 0.0) + 0.001)
        return _Seen(is_over=False, state=state, look_again=look_again, value=None)

    def _too_late(self, state: State, patience: float) -> str:
        return "" if self._store is None else too_late(self._store.backend, self.id, state, patience)

    def kill(self) -> State | None:
        """Kill it: at once while pending, else by interrupting the job; return the state it had."""
        return None if self._store is None else self._store.backend.kill([self.id])[self.id]

    def _look(self) -> Result | Record | None:
        return None if self._store is None else look(self._store.backend, [self.id])[0]

    def _value(self, found: Result | Record) -> R_co | None:
        """Decode the result of a complete firing; reads the body where the serializers are not known."""
        value: R_co
        if found.result is None:
            return None
        if self.serializers is not None:
            value = value_of(found, self.serializers, self._gate)
            return value
        value = result_of(found if isinstance(found, Record) else self.record(), self._gate)
        return value


def too_late(backend: Backend, firing_id: str, state: State, patience: float) -> str:
    """Say that a firing is not finished after so many seconds, and that no worker listens where it waits."""
    text = f"firing {firing_id} is still {state.value} after {patience:g} s"
    found = backend.get([firing_id])[0] if state is State.PENDING else None
    if found is None or backend.workers(found.queue, found.route):
        return text
    command = work_command(found.queue, found.route)
    cure = "" if command is None else f"; start one with `{command}`"
    return f"{text}: no worker listens on route {found.route!r} of queue {found.queue!r}{cure}"


def look(backend: Backend, ids: Sequence[str]) -> Sequence[Result | Record | None]:
    """Read what became of firings, without their bodies where the store can."""
    return backend.results(ids) if "rows" in backend.capabilities else backend.get(ids)


def state_of(record: Record | Result, backend: Backend) -> State:
    """Return a firing's state, counting one whose time to begin has passed as expired already."""
    if record.state is State.PENDING and record.expires is not None:
        return State.EXPIRED if record.expires < backend.now() else State.PENDING
    return record.state


def result_of(record: Record, gate: Gate | None) -> Any:
    """Decode the result of a complete firing; a chain's is the list of its steps' results."""
    if record.result is None:
        return None
    return value_of(record, tuple(step.serializer for step in decode_body(record.body).steps), gate)


def value_of(found: Record | Result, serializers: tuple[str, ...], gate: Gate | None) -> Any:
    """Decode a result that is kept, written by these serializers, one a step."""
    data = found.result or b""
    if len(serializers) == 1:
        return get_serializer(serializers[0]).loads(data, gate)
    parts = get_serializer(DEFAULT_SERIALIZER).loads(data, None)
    if not (type(parts) is list and len(parts) == len(serializers) and {bytes}.issuperset(map(type, parts))):
        msg = f"the result of firing {found.id} is not a list of its {len(serializers)} steps' results: it is damaged"
        raise DamagedPayloadError(msg)
    return [get_serializer(one).loads(part, gate) for one, part in zip(serializers, parts)]  # noqa: B905 - of one length


def failed(record: Record, state: State) -> FiringFailedError:
    """Make the error for a firing that has no result, with the reason."""
    return _error_for(record, record, decode_body(record.body).name, state)


def failed_of(found: Result | Record, state: State) -> FiringFailedError | None:
    """Make the same error without reading the body; ``None`` where the store knows less than the body says."""
    tried = None if isinstance(found, Record) else found.tried
    if tried is None or not tried.job or may_be_cut(tried.job):
        return None
    return _error_for(found, tried, tried.job, state)


def _error_for(found: Result | Record, tried: Tried | Record, job: str, state: State) -> FiringFailedError:
    failure = decode_failure(found.result) if found.result is not None else None
    text = f"firing {found.id} of {job} is {state.value}"
    if failure is None:
        return FiringFailedError(text, id=found.id, job=job, state=state, attempts=_attempts(tried))
    return FiringFailedError(
        f"{text}: {failure}",
        id=found.id,
        job=job,
        state=state,
        kind=failure.kind,
        message=failure.message,
        traceback=failure.traceback,
        attempts=_attempts(tried),
    )


def _attempts(tried: Tried | Record) -> int:
    """Count how often a finished firing was tried at the step it stopped at."""
    try:
        attempt_state = decode_attempt_state(tried.attempt_state)
    except DamagedPayloadError:
        attempt_state = NO_ATTEMPT_STATE
    deaths = [_cause(line) for line in tried.evidence.splitlines()]
    # A worker killed for the job's timeout was counted as a failure, unless that was the last.
    lost = sum(
        cause not in _ON_PURPOSE or number >= attempt_state.seen_deaths for number, cause in enumerate(deaths)
    )
    return attempt_state.failures + lost + (tried.began is not None)


def _cause(line: str) -> str:
    try:
        return _death.decode(line).cause
    except (msgspec.MsgspecError, ValueError):
        return "lease"
