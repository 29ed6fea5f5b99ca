"""Importing what a stored name stands for, and nothing else.

A store's content is not trusted: a program that can write to it must not be able to make a process import any
module it likes. A ``Gate`` finds only what the process has loaded already, what lies in the folders
where the user's own code is, and the packages the user named.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from skunkqueue.errors import JobNotFoundError

logger = logging.getLogger(__name__)

_INSTALLED = frozenset({"site-packages", "dist-packages"})
# Python's own modules hold no jobs, also where a worker is started in "/", as in many containers.
_PYTHON = os.path.realpath(Path(os.__file__).parent) + os.sep
# The second is what multiprocessing calls the script in the children it starts afresh, and the third a prompt
# of the module `code`, such as Django's shell.
_MAINS = ("__main__", "__mp_main__", "__console__")
_MAX_SLEEPS = 10_000
"""Sleeps that a script's body may skip. A script that sleeps more often is taken to loop for ever."""


class _ImportState(threading.local):
    """What a worker's import does on this thread."""

    depth = 0
    module = ""
    suppressed = False
    warned = False
    sleeps = 0


_state = _ImportState()


def main_module_name(alias: str = "__main__") -> str | None:
    """Return the name under which others can import what runs as ``__main__``; ``None``: they cannot."""
    main = sys.modules.get(alias)
    spec: ModuleSpec | None = getattr(main, "__spec__", None)
    file: str | None = getattr(main, "__file__", None)
    name = spec.name if spec is not None else Path(file or "").stem
    # `python folder` runs a `__main__` that other processes do not find, and `my-demo.py` cannot be a module's name.
    return name if name not in _MAINS and _is_module_name(name) else None


def public_module_name(module: str) -> str | None:
    """Return the name by which a module can be imported, given the name that its objects have (such as ``__main__``)."""
    return main_module_name(module) if module in _MAINS else module


def member(module: ModuleType, qualname: str) -> object:
    """Return what a module defines under a qualified name; LookupError where that is nothing.

    Runs no code: neither a module's ``__getattr__`` nor properties, and never leaves the module by way
    of something it has imported.
    """
    first, *rest = qualname.split(".")
    found = vars(module)[first]
    for name in rest:
        found = _inherited(found, name)
    return found.__func__ if isinstance(found, staticmethod) else found


def _inherited(kind: object, name: str) -> object:
    for parent in kind.__mro__ if isinstance(kind, type) else ():
        if name in vars(parent):
            return vars(parent)[name]
    raise LookupError(name)


def _is_module_name(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def suppress_firing() -> bool:
    """Return whether firing must do nothing now because a worker is importing the user's module.

    A script without a ``__main__`` guard fires at its top level; when a worker imports it to find its
    jobs, it must not fire them again. Warns once for each module.
    """
    if not _state.depth:
        return False
    _state.suppressed = True
    if not _state.warned:
        _state.warned = True
        logger.warning(
            "module %r fires jobs or declares schedules while a worker imports it; that is ignored. "
            "Put them below `if __name__ == '__main__':` to end this warning.",
            _state.module,
        )
    return True


class Gate:
    """Finds objects by module and qualified name, within bounds.

    ``paths``: folders beside the working directory that hold the user's code. ``allow``: top-level
    packages that may be imported wherever they are installed. ``worker``: imports make firing inert.
    ``command``: what errors advise to start elsewhere, or with other options. ``runs``: firings fail for what is not found,
    and errors say what to do about them.
    """

    def __init__(
        self,
        paths: Sequence[str] = (),
        allow: Sequence[str] = (),
        *,
        worker: bool = False,
        command: str = "the worker",
        runs: bool = False,
    ) -> None:
        self._command = command
        self._runs = runs
        self._roots = tuple(os.path.realpath(path) for path in (*_working_directory(), *paths))
        self._allow = frozenset(allow)
        self._worker = worker
        if worker:
            _install_sleep()

    def find(self, module: str, qualname: str) -> object:
        """Return the object, importing its module if need be and allowed.

        Raises JobNotFoundError, whose message says what is missing and the way out.
        """
        holder = self._module(module)
        try:
            return member(holder, qualname)
        except LookupError as error:
            cure = (
                "bring the name back, or deploy the same code to this process and restart it"
                if self._runs
                else "check the name, and that this is the code you mean"
            )
            msg = f"module {module!r} has no {qualname!r} (any more): {cure}"
            raise JobNotFoundError(msg, elsewhere=True) from error

    def _module(self, name: str) -> ModuleType:
        if not _is_module_name(name):
            msg = f"{name!r} is not the name of a module"
            raise JobNotFoundError(msg)
        loaded = sys.modules.get(name)
        if loaded is not None:
            return loaded
        if name == main_module_name():
            return sys.modules["__main__"]
        self._check_place(name)
        return self.load(name, "fix it, then `skunq requeue` what failed for it" if self._runs else "fix it")

    def _check_place(self, name: str) -> None:
        top = name.partition(".")[0]
        if top in self._allow:
            return
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            msg = (
                f"there is no module {top!r} in {', '.join(self._roots)}: start {self._command} in the folder "
                f"of your code, or name that folder with --path"
            )
            raise JobNotFoundError(msg, elsewhere=True)
        places = (
            [spec.origin]
            if spec.has_location and spec.origin
            else list(spec.submodule_search_locations or ())
        )
        if places and all(self._is_ours(place) for place in places):
            return
        msg = (
            f"module {top!r} is not in {', '.join(self._roots)} but at {places[0] if places else 'no file'}; "
            f"installed code is imported for a firing only if {self._command} is started with --allow {top}"
        )
        raise JobNotFoundError(msg, elsewhere=True)

    def _is_ours(self, place: str) -> bool:
        place = os.path.realpath(place)
        if place.startswith(_PYTHON):
            return False
        for root in self._roots:
            if place.startswith(root.rstrip(os.sep) + os.sep):
                return _INSTALLED.isdisjoint(Path(place).relative_to(root).parts)
        return False

    def load(self, name: str, cure: str = "fix it") -> ModuleType:
        """Import a module, wherever it lies. Raises JobNotFoundError where that fails, which ends with ``cure``."""
        outer = vars(_state).copy()
        if self._worker:
            vars(_state).update(depth=_state.depth + 1, module=name, suppressed=False, warned=False, sleeps=0)
        try:
            return importlib.import_module(name)
        except (Exception, SystemExit) as error:
            msg = f"module {name!r} cannot be imported: {type(error).__name__}: {error}; {cure}"
            raise JobNotFoundError(msg, elsewhere=_is_missing(name, error)) from error
        finally:
            vars(_state).clear()
            vars(_state).update(outer)


def _is_missing(name: str, error: BaseException) -> bool:
    """Return whether it is the module itself that is not there, and not one that it imports."""
    lacking = error.name if isinstance(error, ModuleNotFoundError) else None
    return lacking is not None and (name == lacking or name.startswith(f"{lacking}."))


def _working_directory() -> list[str]:
    try:
        return [os.getcwd()]  # noqa: PTH109 - a string is wanted
    except OSError:
        return []  # it was removed, as by a deployment; a producer needs none


def _install_sleep() -> None:
    """Let ``time.sleep`` return at once in a script body that a worker only imports.

    The script waits there for what it has just fired, but here it fired nothing. Each of its jobs would begin
    that much later.
    """
    real = time.sleep
    if getattr(real, "skunkqueue", False):
        return

    def sleep(seconds: float, /) -> None:
        """Delay for a number of seconds."""
        if not _state.suppressed:
            real(seconds)
            return
        _state.sleeps += 1
        if _state.sleeps > _MAX_SLEEPS:
            msg = (
                "it fires jobs and waits in a loop at its top level, which never ends in a worker: "
                "put that below `if __name__ == '__main__':`"
            )
            # Not an Exception: the loop may catch those.
            raise SystemExit(msg)

    sleep.skunkqueue = True  # type: ignore[attr-defined]  # a mark, so that it is installed once
    time.sleep = sleep  # type: ignore[assignment]  # typeshed's SupportsIndex works here as well


@functools.cache
def default_gate() -> Gate:
    """Return the gate through which a producer finds the classes of results: its own code only."""
    return Gate([sys.path[0]] if sys.path and sys.path[0] else [])
