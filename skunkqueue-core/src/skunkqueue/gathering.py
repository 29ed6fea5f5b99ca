"""Waiting for many firings at once, a thousand to a round trip. Knows handles and the store, no queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skunkqueue.clock import monotonic
from skunkqueue.errors import SkunkQueueError, UnknownFiringError, WaitTimeoutError, WrongTypeError
from skunkqueue.handle import JobHandle, failed, result_of, state_of
from skunkqueue.imports import Gate
from skunkqueue.persistence.backend import MAX_PAGE, Backend
from skunkqueue.records import Record, State
from skunkqueue.show import brief
from skunkqueue.times import Seconds, as_timeout

_SLICE = 5.0
"""Seconds after which one looks at firings that may have expired, though nobody settled them."""


def gather(
    backend: Backend,
    handles: Sequence[JobHandle[Any]],
    gate: Gate,
    timeout: Seconds | None,
    *,
    errors: bool,
) -> list[Any]:
    """Wait for all; return their results in order. See ``SkunkQueue.results``."""
    for handle in handles:
        if not isinstance(handle, JobHandle):
            msg = f"results are of handles, as fire returns them, not of {brief(handle)}: for an id, give queue.handle(id)"
            raise WrongTypeError(msg)
    patience = as_timeout(timeout, "the timeout of results")
    # Some of them may be handles of one and the same firing.
    pending = list(dict.fromkeys(handle.id for handle in handles if handle.id))
    values: dict[str, Any] = {"": None}
    deadline = None if patience is None else monotonic() + patience
    look = pending[:MAX_PAGE]
    while pending:
        for id_, record in zip(look, backend.get(look), strict=True):
            try:
                value = _value(id_, record, backend, gate)
            except SkunkQueueError as error:
                if not errors:
                    raise
                value = error
            if value is not _NOT_YET:
                values[id_] = value
        pending = [id_ for id_ in pending if id_ not in values]
        if not pending:
            break
        # First come is first served, so the first of them are the next to end.
        front = pending[:MAX_PAGE]
        left = _SLICE if deadline is None else min(deadline - monotonic(), _SLICE)
        if left <= 0:
            msg = f"{len(pending)} of {len(values) - 1 + len(pending)} firings are not finished after {patience:g} s, such as {front[0]}"
            raise WaitTimeoutError(msg)
        look = backend.wait_settled(front, left)[:MAX_PAGE] or front
    return [values[handle.id] for handle in handles]


_NOT_YET = object()


def _value(id_: str, record: Record | None, backend: Backend, gate: Gate) -> Any:
    if record is None:
        msg = f"there is no firing {id_!r} (any more): it was purged, or pruned after its result_ttl"
        raise UnknownFiringError(msg)
    state = state_of(record, backend)
    if state is State.COMPLETE:
        return result_of(record, gate)
    if state.final:
        raise failed(record, state)
    return _NOT_YET
