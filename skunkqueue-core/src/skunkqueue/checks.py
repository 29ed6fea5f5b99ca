"""What can be a job, and whether a worker finds it by its name: checked when it is declared and first fired.

A worker imports ``module`` and looks ``qualname`` up in it. Where that does not lead to the job, every firing
of it fails. Knows no queue and no store.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from skunkqueue.errors import ArgumentsError, DuplicateJobError, NotAJobError
from skunkqueue.imports import member, public_module_name
from skunkqueue.names import check_name
from skunkqueue.parameters import Parameters
from skunkqueue.show import brief, named


class Target:
    """What the name of a job leads to. All calls of a job share one, and each firing checks it."""

    __slots__ = ("_declared", "_found", "_is_job", "_parameters", "at", "name")

    def __init__(
        self,
        place: str,
        declared: Any,
        work: object,
        *,
        bound: bool,
        is_job: Callable[[object], bool],
        own_name: str | None = None,
    ) -> None:
        """Describe ``declared``, a function or a class at a place ``module:qualname``, of which ``work`` is called.

        ``bound``: as a method, which gets its object by itself. ``own_name``: what the user calls the job.
        """
        self.name = own_name or place
        self.at = place if own_name else None
        self._declared = declared
        self._is_job = is_job
        self._found = False
        # A proxy of a function, such as wrapt's, passes for a function but may take other arguments.
        self._parameters = Parameters(work, bound=bound) if type(work) is FunctionType else None

    def takes(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        """Return whether it is certain that these arguments fit."""
        return self._parameters is not None and self._parameters.fit(args, kwargs)

    def check(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise ArgumentsError for arguments that do not fit, and NotAJobError where no worker would find the job."""
        if not self._found:
            self._find()
        parameters = self._parameters
        if parameters is not None and not parameters.fit(args, kwargs):
            problems = parameters.problems(args, kwargs)
            hint = "; a job has no `self`: make it a staticmethod" if "'self' is missing" in problems else ""
            msg = f"{self.name} cannot be called with these arguments: {', '.join(problems)}. It takes {parameters}{hint}"
            raise ArgumentsError(msg)

    def _find(self) -> None:
        declared = self._declared
        module = sys.modules.get(declared.__module__)
        if module is not None:
            found = _member(module, declared.__qualname__)
            if not self._is_job(found):
                if _is_being_imported(module) or _is_mock(found):
                    # The name may be given later, or a test has replaced it for a while; so it is looked up again.
                    return
                raise NotAJobError(_leads_elsewhere(self.name, found))
        self._found = True


def job_name(declared: Any) -> str:
    """Return the ``module:qualname`` by which a worker finds it again; NotAJobError where none could."""
    qualname = getattr(declared, "__qualname__", "") or ""
    if not qualname or "<" in qualname:
        msg = (
            f"a job must be defined at the top of a module, where a worker can import it, unlike {named(declared)}: "
            f"{_way_out(declared, qualname)}"
        )
        raise NotAJobError(msg)
    module = public_module_name(getattr(declared, "__module__", None) or "")
    if not module:
        msg = (
            f"{qualname} is defined in a prompt, a notebook or a script that no worker can import by name: "
            f"put it into a file named like a module, such as jobs.py"
        )
        raise NotAJobError(msg)
    return check_name("job", f"{module}:{qualname}")


def check_function(work: object) -> None:
    """Raise NotAJobError, with the way out, for what no worker could call by its name."""
    if isinstance(work, classmethod):
        msg = f"{named(work)} cannot be a job, since a worker has no class to call it with: make it a staticmethod"
        raise NotAJobError(msg)
    if not callable(work) or isinstance(work, type):
        msg = f"@queue.job makes jobs of functions, not of {brief(work)}; for a class, inherit JobMixin"
        raise NotAJobError(msg)
    owner = getattr(work, "__self__", None)
    if owner is not None and not isinstance(owner, ModuleType):
        msg = (
            f"{named(work)} cannot be a job, since a worker does not have the object it belongs to: write a function, "
            f"or a class that inherits JobMixin, whose attributes travel with the job"
        )
        raise NotAJobError(msg)
    check_returns(work)


def check_no_method(work: object) -> None:
    """Raise NotAJobError for a function in a class whose first parameter is the object or the class."""
    if type(work) is not FunctionType:
        return
    owner, _, name = work.__qualname__.rpartition(".")
    first = work.__code__.co_varnames[: min(work.__code__.co_argcount, 1)]
    if owner and not owner.endswith(">") and first in {("self",), ("cls",)}:
        msg = (
            f"{owner}.{name} is a method, and a worker has no {first[0]!r} to call it with: make it a staticmethod without"
            f" that parameter, a function outside of {owner}, or a class that inherits JobMixin, whose attributes travel"
            f" with the job"
        )
        raise NotAJobError(msg)


def check_returns(work: object) -> None:
    """Raise NotAJobError for a generator function, whose body no call runs."""
    if inspect.isgeneratorfunction(work) or inspect.isasyncgenfunction(work):
        name = getattr(work, "__qualname__", repr(work))
        msg = (
            f"{name} is a generator function, which a worker would call and never run: "
            f"return a list in the place of `yield`, or fire a job for each item"
        )
        raise NotAJobError(msg)


def check_is_own(name: str, work: Any) -> None:
    """Raise NotAJobError for a function that a whole module has under its name, such as one that is imported."""
    module = sys.modules.get(work.__module__)
    if module is None or _member(module, work.__qualname__) is not work:
        return
    if not _is_being_imported(module) and not _is_being_run(module):
        raise NotAJobError(_leads_elsewhere(name, work))


class _Declared(NamedTuple):
    """Where something was declared: in which execution of which module."""

    work: Any
    spec: object
    """Of the module; each reload has another."""
    namespace: object
    """The module's globals; a copy under another name has its own."""


_declared: dict[tuple[str, str], _Declared] = {}
"""All that was declared at the top of modules, by module and qualified name."""


def check_alone(name: str, declared: Any, work: Any) -> None:
    """Raise DuplicateJobError where the same run of a module has declared another job of this name.

    A module may be reloaded, and run as ``__main__`` beside being imported; at a prompt, everything may be
    declared again.
    """
    module: str = declared.__module__
    at_prompt = hasattr(sys, "ps1") or sys.flags.interactive
    if at_prompt and (module == "__main__" or module not in sys.modules):
        return
    namespace = getattr(inspect.unwrap(work), "__globals__", None)
    this = _Declared(inspect.unwrap(work), getattr(sys.modules.get(module), "__spec__", None), namespace)
    before = _declared.setdefault((module, declared.__qualname__), this)
    if before.work is this.work:
        return
    if before.spec is this.spec and before.namespace is this.namespace:
        msg = (
            f"{name} is declared twice, {_line(before.work)} and {_line(work)}: "
            f"a worker would run the second for both. Rename one of them"
        )
        raise DuplicateJobError(msg)
    _declared[module, declared.__qualname__] = this


def declared_by_code() -> dict[CodeType, tuple[str, str]]:
    """Return the code of each job that was declared, with its module and qualified name."""
    found = {}
    for name, declared in tuple(_declared.items()):
        code = getattr(declared.work, "__code__", None)
        if isinstance(code, CodeType):
            found[code] = name
    return found


def _line(work: Any) -> str:
    code = getattr(inspect.unwrap(work), "__code__", None)
    return repr(work) if code is None else f"in line {code.co_firstlineno}"


def _member(module: ModuleType, qualname: str) -> object:
    try:
        return member(module, qualname)
    except LookupError:
        return None


def _is_mock(found: object) -> bool:
    mock: Any = sys.modules.get("unittest.mock")
    return mock is not None and isinstance(found, mock.NonCallableMock)


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _is_being_run(module: ModuleType) -> bool:
    """Return whether the module's body is on the stack, as also loaders run it that do not mark it."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals is vars(module) and frame.f_code.co_name == "<module>":
            return True
        frame = frame.f_back
    return False


def _leads_elsewhere(name: str, found: object) -> str:
    module, _, qualname = name.partition(":")
    if found is None:
        return (
            f"module {module!r} has no {qualname!r}, so that no worker would find the job {name}: "
            f"keep it under the name of its function"
        )
    last = qualname.rpartition(".")[2]
    return (
        f"a worker would find {named(found)} under the name {name}, which is not a job, and every firing would fail: "
        f"put @queue.job where {last} is defined, or write a function of your own that calls it and make that the job"
    )


def _way_out(declared: object, qualname: str) -> str:
    if "<lambda>" in qualname:
        return "write it with `def`"
    if "<locals>" in qualname:
        wraps = (
            ""
            if isinstance(declared, type)
            else "; where a decorator has made it, use functools.wraps in that"
        )
        return f"move it out of {qualname.partition('.<locals>')[0]} and give it what it uses there as arguments{wraps}"
    if isinstance(declared, functools.partial):
        return "write a function that calls it"
    return "write a function that calls it, or a class that inherits JobMixin"
