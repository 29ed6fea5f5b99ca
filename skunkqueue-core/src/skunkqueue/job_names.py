"""The names that users give their jobs, and earlier ones (aliases): which job of this process each leads to.

A job without a name of its own goes by the place where a worker finds it, ``module:qualname``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

from skunkqueue.errors import DuplicateJobError, PolicyError
from skunkqueue.names import check_name
from skunkqueue.show import brief

MAX_ALIASES = 20


class _Named(NamedTuple):
    """What a name leads to."""

    job: Any
    at: str
    """``module:qualname``; a module that is loaded again declares the same job anew."""
    run: object
    """The run of its module that declared it."""

    @property
    def is_current(self) -> bool:
        """Return whether its module has not been loaded again since, when a job may have got another name."""
        return self.run is _run_of(self.at)


_named: dict[str, _Named] = {}
_placed: dict[str, _Named] = {}
"""All jobs, by their places."""


def _run_of(at: str) -> object:
    """Return an object that stands for the last run of the job's module: each reload makes another."""
    return getattr(sys.modules.get(at.partition(":")[0]), "__spec__", None)


def find_named(name: str) -> Any:
    """Return the job that was declared in this process under a name or alias; ``None`` where none was."""
    found = _named.get(name)
    return None if found is None else found.job


def check_own_name(name: object) -> str:
    """Return a name that a user gives a job. Raises PolicyError, and NameInvalidError."""
    checked = check_name("job", name)
    if ":" in checked:
        msg = (
            f"name={checked!r} has a colon, which is for places such as 'shop.jobs:charge': give the job a name without,"
            f" such as {checked.replace(':', '.')!r}; the names it had before belong in aliases=[...]"
        )
        raise PolicyError(msg)
    return str.__str__(checked)


def check_aliases(aliases: object) -> tuple[str, ...]:
    """Return earlier names of a job, without doubles. Raises PolicyError, and NameInvalidError."""
    if isinstance(aliases, (str, bytes)) or not isinstance(aliases, Iterable):
        msg = f"aliases must be a list of earlier names of the job, not {brief(aliases)}: write aliases=[{brief(aliases)}]"
        raise PolicyError(msg)
    checked = tuple(dict.fromkeys(check_name("job", alias) for alias in aliases))
    if len(checked) > MAX_ALIASES:
        msg = f"aliases has {len(checked)} names: at most {MAX_ALIASES} are allowed, so drop those that nothing is stored under"
        raise PolicyError(msg)
    return checked


def register(job: Any, at: str, names: Iterable[str]) -> None:
    """Have names lead to a job, which lies ``at`` a place. Raises DuplicateJobError where one leads to another job."""
    names = tuple(names)
    for name in (*names, at):
        for others in (_named, _placed):
            before = others.get(name)
            if before is None or before.at == at or not before.is_current:
                continue
            msg = (
                f"two jobs claim the name {name!r}: {before.at} and {at}, and a worker would not know which to run. "
                f"Take it from one of them, in name= or aliases="
            )
            raise DuplicateJobError(msg)
    declared = _placed[at] = _Named(job, at, _run_of(at))
    for name in names:
        _named[name] = declared
