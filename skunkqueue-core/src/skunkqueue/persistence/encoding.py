"""Texts that no store can keep are refused at the door of a backend, in our words. Knows no store."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Backend
from skunkqueue.show import brief

P = ParamSpec("P")
T = TypeVar("T")
B = TypeVar("B", bound=type[Backend])

_NO_VERBS = frozenset({"open", "close", "location", "version"})


def refuses_what_is_not_utf8(backend: B) -> B:
    """Let every verb of a backend class raise BackendError where an id or a name cannot be written as UTF-8.

    Otherwise it would be the UnicodeEncodeError of whatever encodes it, the store's library for one.
    """
    for verb in dir(Backend):
        if not verb.startswith("_") and verb not in _NO_VERBS and callable(getattr(backend, verb)):
            setattr(backend, verb, _refusing(getattr(backend, verb)))
    return backend


def _refusing(verb: Callable[P, T]) -> Callable[P, T]:
    @wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return verb(*args, **kwargs)
        except UnicodeEncodeError as error:
            msg = f"{brief(error.object)} cannot be written as UTF-8: leave out {error.object[error.start]!r}"
            raise BackendError(msg) from error

    return call
