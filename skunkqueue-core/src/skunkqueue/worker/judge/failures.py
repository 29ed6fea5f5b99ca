"""Turns exceptions into failures to be stored: type, message, traceback. Survives what broken exceptions do.

An exception is the job's own object: its ``__str__``, its type's name and its chain may raise anything, lie, or
be endless. Nothing here raises, and what it returns can be stored and logged.
"""

from __future__ import annotations

import builtins
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from skunkqueue.payload import MAX_TRACEBACK, Failure, storable

MAX_MESSAGE = 2_000
_MAX_NAME = 200
_MAX_CHAIN = 50
"""Exceptions of a chain or a group whose tracebacks are kept."""
_MAX_PARTS = 1_000
"""Exceptions of a group that are looked at."""
_SHOWN_PARTS = 3
_MAX_FRAMES = 50
_OWN = str(Path(__file__).parents[1])
_EXITS = {
    SystemExit: "the job called sys.exit, which ends only the job",
    KeyboardInterrupt: "the job raised KeyboardInterrupt, which ends only the job",
    GeneratorExit: "the job raised GeneratorExit, which ends only the job",
}
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"
# What every class has, whatever its metaclass says of it.
_qualname = type.__dict__["__qualname__"].__get__
_module = type.__dict__["__module__"].__get__
# The same of exceptions: a subclass may hide them behind properties of its own.
_trace = BaseException.__dict__["__traceback__"].__get__
_cause = BaseException.__dict__["__cause__"].__get__
_context = BaseException.__dict__["__context__"].__get__
_suppressed = BaseException.__dict__["__suppress_context__"].__get__


def failure_of(error: BaseException) -> Failure:
    """Describe an exception; the traceback begins where the job's own code does."""
    return Failure(kind_of(error), message_of(error), _traceback(error))


def kind_of(error: BaseException) -> str:
    """Return the name of an exception's type, with its module unless everybody knows it."""
    kind = type(error)
    try:
        name, module = _qualname(kind), _module(kind)
    except BaseException:  # noqa: BLE001 - the module is whatever the class says it is
        return "?"
    if type(module) is not str or module in ("builtins", "skunkqueue.errors"):
        return storable(name, _MAX_NAME)
    return storable(f"{module}.{name}", _MAX_NAME)


def message_of(error: BaseException) -> str:
    """Return an exception's message, whatever its ``__str__`` does; a group's names its parts."""
    try:
        text = storable(str(error), MAX_MESSAGE)
    except BaseException as broken:  # noqa: BLE001 - a user's __str__ may raise anything
        text = f"(its message cannot be read: {kind_of(broken)})"
    why = _EXITS.get(type(error))
    if why:
        text = f"{text} ({why})" if text else why
    if is_group(error):
        text = f"{text}: {_parts_shown(error)}"
    return text


def place_of(error: BaseException) -> str:
    """Return the file and line where it was raised, for a line of the log."""
    trace: TracebackType | None = _trace(error)
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


def is_group(error: BaseException) -> bool:
    """Return whether it is an exception group, as a ``TaskGroup`` raises it."""
    return issubclass(type(error), _group_types())


def parts_of(error: BaseException) -> list[BaseException]:
    """Return the exceptions in a group, those in groups within it too; of any other just itself."""
    found: list[BaseException] = []
    waiting = [error]
    seen = 0
    while waiting and seen < _MAX_PARTS:
        one = waiting.pop()
        seen += 1
        if is_group(one):
            waiting.extend(reversed(_exceptions(one)))
        else:
            found.append(one)
    return found or [error]


def cause_of(error: BaseException) -> BaseException:
    """Return what an exception was raised from or while handling; itself where there is nothing."""
    cause, context, _ = _links(error)
    return cause or context or error


def _group_types() -> tuple[type[BaseException], ...]:
    # Built in from Python 3.11 on; before, anyio and trio bring a library of that name.
    for holder in (builtins, sys.modules.get("exceptiongroup")):
        kind = getattr(holder, "BaseExceptionGroup", None)
        if isinstance(kind, type):
            return (kind,)
    return ()


def _exceptions(group: BaseException) -> list[BaseException]:
    try:
        parts: Any = getattr(group, "exceptions", ())
        return [one for one in parts[:_MAX_PARTS] if issubclass(type(one), BaseException)]
    except BaseException:  # noqa: BLE001 - a subclass may do anything here
        return []


def _parts_shown(group: BaseException) -> str:
    parts = parts_of(group)
    shown = [f"{kind_of(one)}: {message_of(one)}" for one in parts[:_SHOWN_PARTS] if one is not group]
    if len(parts) > _SHOWN_PARTS:
        shown.append("and others")
    return storable("; ".join(shown), MAX_MESSAGE)


def _links(error: BaseException) -> tuple[BaseException | None, BaseException | None, bool]:
    return _cause(error), _context(error), _suppressed(error)


def _chain(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """Go from an exception to its causes; each comes with the words between it and the one before."""
    seen: set[int] = set()
    words, here = "", error
    while id(here) not in seen and len(seen) < _MAX_CHAIN:
        seen.add(id(here))
        yield words, here
        cause, context, suppressed = _links(here)
        if cause is not None:
            words, here = _CAUSE, cause
        elif context is not None and not suppressed:
            words, here = _CONTEXT, context
        else:
            return


def _are_few(error: BaseException) -> bool:
    """Return whether an exception has few others in its chain and its parts: Python shows them all, or fails."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            if len(seen) > _MAX_CHAIN:
                return False
            waiting += [link for link in (_cause(one), _context(one)) if link is not None]
            waiting += _exceptions(one) if is_group(one) else []
    return True


def _traceback(error: BaseException) -> str:
    text = ""
    if _are_few(error):
        try:
            text = storable("".join(traceback.format_exception(type(error), error, _own_frames_cut(error))))
        except BaseException:  # noqa: BLE001 - as in message_of; then without its help
            text = ""
    if not text:
        for words, one in _chain(error):
            text = f"{_frames(one)}{kind_of(one)}: {message_of(one)}\n{words}{text}"
    if len(text) <= MAX_TRACEBACK:
        return text
    # The beginning says what was called, the end what went wrong.
    half = MAX_TRACEBACK // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def _own_frames_cut(error: BaseException) -> TracebackType | None:
    trace: TracebackType | None = _trace(error)
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN):
        trace = trace.tb_next
    return trace


def _frames(error: BaseException) -> str:
    trace = _own_frames_cut(error)
    if trace is None:
        return ""
    shown = traceback.StackSummary.extract(traceback.walk_tb(trace), limit=-_MAX_FRAMES).format()
    return storable("".join(["Traceback (most recent call last):\n", *shown]))
