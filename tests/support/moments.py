"""Doing something at each moment of a call: before each bytecode, in turn, as a signal handler may run there.

Knows nothing of queues or stores.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_MISSED = 4


class Stop(BaseException):
    """What a handler raises."""


class Moment:
    """The nth moment of one call."""

    def __init__(self, number: int, folders: tuple[str, ...], act: Callable[[], object]) -> None:
        self.number = number
        self.came = False
        self.where = ""
        self.act = act
        self._folders = folders
        self.passed = 0

    def __call__(self, call: Callable[[], object]) -> None:
        """Make the call, and act within it."""
        # From Python 3.12 on that is looked at when tracing begins.
        sys._getframe().f_trace_opcodes = True
        sys.settrace(self._enter)
        try:
            next(_apart(call))
        finally:
            sys.settrace(None)

    def _enter(self, frame: FrameType, _event: str, _arg: object) -> Any:
        # What is raised within a finalizer is reported by Python itself, and goes no further.
        if frame.f_code.co_name == "__del__" or not any(
            folder in frame.f_code.co_filename for folder in self._folders
        ):
            return None
        frame.f_trace_opcodes = True
        return self._step

    def _step(self, frame: FrameType, event: str, _arg: object) -> Any:
        if event in {"opcode", "line"} and not self.came:
            if self.passed == self.number:
                self.came = True
                self.where = f"{frame.f_code.co_name}, line {frame.f_lineno}"
                self.act()
            self.passed += 1
        return self._step


def _apart(call: Callable[[], object]) -> Iterator[object]:
    """Make a call such that no exception stays the one being handled, with the connections its frames refer to.

    That is what becomes of one whose handler is left between two bytecodes where no signal is looked for. Python
    keeps what a generator handles by itself, and forgets it with the generator.
    """
    yield call()


def moments(
    folders: tuple[str, ...], act: Callable[[], object], *, begin: int = 0, step: int = 1
) -> Iterator[Moment]:
    """Give one moment after the other, until calls are over before their moments have come.

    Not until the first call is: some are shorter than others, and Python 3.13 now and then traces lines only.
    """
    number, missed = begin, 0
    while missed < _MISSED:
        moment = Moment(number, folders, act)
        yield moment
        missed = 0 if moment.came else missed + 1
        number += step


def stop() -> None:
    """Do what a handler does that raises."""
    raise Stop
