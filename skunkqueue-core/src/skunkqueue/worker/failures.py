"""Exceptions as failures to be stored: type, message, traceback. Survives what broken exceptions do."""

from __future__ import annotations

import traceback
from pathlib import Path

from skunkqueue.payload import MAX_TRACEBACK, Failure

MAX_MESSAGE = 2_000
_OWN = str(Path(__file__).parent)
_EXITS = {
    SystemExit: "the job called sys.exit, which ends only the job",
    KeyboardInterrupt: "the job raised KeyboardInterrupt, which ends only the job",
    GeneratorExit: "the job raised GeneratorExit, which ends only the job",
}


def failure_of(error: BaseException) -> Failure:
    """Describe an exception; the traceback begins where the job's own code does."""
    return Failure(kind_of(error), message_of(error), _traceback(error))


def kind_of(error: BaseException) -> str:
    """Name an exception's type, with its module unless everybody knows it."""
    kind = type(error)
    if kind.__module__ in ("builtins", "skunkqueue.errors"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    """Tell an exception's message, whatever its ``__str__`` does."""
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001 - a user's __str__ may raise anything
        text = f"(its message cannot be had: {type(broken).__name__})"
    why = _EXITS.get(type(error))
    if why:
        text = f"{text} ({why})" if text else why
    return _storable(text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + "...")


def place_of(error: BaseException) -> str:
    """Tell the file and line where it was raised, for a line of the log."""
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


def _storable(text: str) -> str:
    # A name of a file may hold lone surrogates, which UTF-8 cannot carry.
    return text.encode("utf-8", "backslashreplace").decode()


def _traceback(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN):
        trace = trace.tb_next
    try:
        lines = traceback.format_exception(type(error), error, trace)
    except Exception as broken:  # noqa: BLE001 - as in message_of
        return f"(the traceback cannot be shown: {type(broken).__name__})"
    text = _storable("".join(lines))
    if len(text) <= MAX_TRACEBACK:
        return text
    # The beginning says what was called, the end what went wrong.
    half = MAX_TRACEBACK // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
