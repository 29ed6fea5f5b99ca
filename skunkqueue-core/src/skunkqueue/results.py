"""Waiting for many firings at once, a thousand to a round trip. Knows handles and the store, no queue."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from skunkqueue.clock import monotonic
from skunkqueue.errors import SkunkQueueError, UnknownFiringError, WaitTimeoutError, WrongTypeError
from skunkqueue.handle import JobHandle, failed, failed_of, look, result_of, state_of, value_of
from skunkqueue.imports import Gate
from skunkqueue.listings import Result
from skunkqueue.persistence.backend import MAX_PAGE, Backend
from skunkqueue.records import Record, State
from skunkqueue.show import brief
from skunkqueue.times import Seconds, as_timeout

T = TypeVar("T")
SLICE = 5.0
"""Seconds after which to look at firings that may have expired without having been settled."""


def gather(
    backend: Backend,
    handles: Sequence[JobHandle[Any]],
    gate: Gate,
    timeout: Seconds | None,
    *,
    errors: bool,
) -> list[Any]:
    """Wait for all; return their results in order. See ``SkunkQueue.results``."""
    check_handles(handles)
    patience = as_timeout(timeout, "the timeout of results")
    # Some of them may be handles of one and the same firing.
    pending = {handle.id: handle.serializers for handle in handles if handle.id}
    values: dict[str, Any] = {"": None}
    deadline = None if patience is None else monotonic() + patience
    asked = list(itertools.islice(pending, MAX_PAGE))
    while pending:
        found = _values(backend, asked, pending, gate, errors=errors)
        values.update(found)
        for id_ in found:
            del pending[id_]
        # They run in the order of their enqueuing, so the first of them end next.
        front = list(itertools.islice(pending, MAX_PAGE))
        if len(found) == MAX_PAGE or not pending:
            # A whole page was finished, so the next may be finished too: it is read before it is waited for.
            asked = front
            continue
        left = SLICE if deadline is None else min(deadline - monotonic(), SLICE)
        if left <= 0:
            msg = f"{len(pending)} of {len(values) - 1 + len(pending)} firings are not finished after {patience:g} s, such as {front[0]}"
            raise WaitTimeoutError(msg)
        asked = backend.wait_settled(front, left)[:MAX_PAGE] or front
    return [values[handle.id] for handle in handles]


def handles_in(handles: Iterable[JobHandle[T]]) -> list[JobHandle[T]]:
    """List what somebody wants the results of; WrongTypeError where it is one handle, or nothing that has handles."""
    try:
        return list(handles)
    except TypeError as error:
        if isinstance(handles, Iterable):
            raise
        msg = f"results are of several handles, in a list, not of {brief(handles)}: for one, write handle.wait()"
        raise WrongTypeError(msg) from error


def check_handles(handles: Sequence[object]) -> None:
    """Raise WrongTypeError for what is not a handle."""
    for handle in handles:
        if not isinstance(handle, JobHandle):
            msg = f"results are of handles, as fire returns them, not of {brief(handle)}: for an id, give queue.handle(id)"
            raise WrongTypeError(msg)


def leading(backend: Backend, handles: Sequence[JobHandle[Any]], gate: Gate, *, errors: bool) -> list[Any]:
    """Read the results of these in order, up to the first that is not finished; at most MAX_PAGE."""
    handles = handles[:MAX_PAGE]
    pending = {handle.id: handle.serializers for handle in handles if handle.id}
    values: dict[str, Any] = {"": None}
    # An error of one firing is raised only where its turn comes.
    values.update(_values(backend, list(pending), pending, gate, errors=True))
    found: list[Any] = []
    for handle in handles:
        if handle.id not in values:
            break
        value = values[handle.id]
        if isinstance(value, SkunkQueueError) and not errors:
            if found:
                break
            raise value
        found.append(value)
    return found


def _values(
    backend: Backend,
    ids: Sequence[str],
    serializers: Mapping[str, tuple[str, ...] | None],
    gate: Gate,
    *,
    errors: bool,
) -> dict[str, Any]:
    """Read the results of those that are finished; with ``errors``, what is wrong with one takes its place."""
    values: dict[str, Any] = {}
    left: list[str] = []
    for id_, found in zip(ids, look(backend, ids), strict=True):
        known = serializers[id_]
        try:
            if (
                found is not None
                and found.state is State.COMPLETE
                and (known is not None or found.result is None)
            ):
                values[id_] = None if found.result is None else value_of(found, known or (), gate)
            elif _is_left(found, backend):
                left.append(id_)
        except SkunkQueueError as error:
            if not errors:
                if left:
                    # What is wrong with one of those before it comes first.
                    _values_by_body(backend, left, gate, errors=False)
                raise
            values[id_] = error
    if left:
        values.update(_values_by_body(backend, left, gate, errors=errors))
    return values


def _is_left(found: Result | Record | None, backend: Backend) -> bool:
    """Return whether the whole record must be read, too. Raises why a firing failed where that is known without."""
    if found is None or found.state is State.COMPLETE:
        return True
    state = state_of(found, backend)
    if not state.final:
        return False
    error = failed_of(found, state)
    if error is not None:
        raise error
    return True


def _values_by_body(backend: Backend, ids: Sequence[str], gate: Gate, *, errors: bool) -> dict[str, Any]:
    """Read what needs whole records: results whose serializer is not known, and failures of which the store knows too little."""
    values: dict[str, Any] = {}
    for id_, record in zip(ids, backend.get(ids), strict=True):
        try:
            if record is None:
                msg = f"there is no firing {id_!r} (any more): it was purged, or pruned after its result_ttl"
                raise UnknownFiringError(msg)
            state = state_of(record, backend)
            if state is State.COMPLETE:
                values[id_] = result_of(record, gate)
            elif state.final:
                raise failed(record, state)
        except SkunkQueueError as error:
            if not errors:
                raise
            values[id_] = error
    return values
