"""One call at a time, for code that may be interrupted at any bytecode, run again by a signal handler, or forked.

A ``threading.Lock`` stays locked for ever where a signal handler raises between its being taken and the ``try``
that gives it back. A turn is recorded together with the call that has it, so another call can look whether that
one is still under way, and take the turn over where it is not.

Where what a handler raises must not be missed, a loop is not written within the ``try``, but in a function that is called
there: at the end of a ``while`` Python 3.12 and 3.13 leave the ``try`` without its ``except`` and ``finally``
(python/cpython#130279); so does Python 3.11 at a ``break``, where only a
tracer can raise.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from threading import get_ident
from types import CodeType, FrameType
from typing import Generic, TypeVar

from skunkqueue.stacks import stacks


class Turned:
    """One call that wants a turn."""

    __slots__ = ("thread",)

    def __init__(self) -> None:
        self.thread = get_ident()


C = TypeVar("C", bound=Turned)
T = TypeVar("T")
U = TypeVar("U")
_PAUSE = 0.0005


class Turn(Generic[C]):
    """Which of several calls may go on. Every step is one operation on a ``dict``, which nothing interrupts."""

    __slots__ = ("_code", "_heirs", "_holder", "_variable")

    def __init__(self, code: CodeType, variable: str) -> None:
        """``code`` is that of the function whose calls take turns, each of which is in this local variable."""
        self._code = code
        self._variable = variable
        self._holder: dict[int, C] = {}
        self._heirs: dict[C, C] = {}

    @property
    def holder(self) -> C | None:
        """The call whose turn it is."""
        return self._holder.get(0)

    def take(self, call: C) -> C:
        """Take the turn if it is free; return the call that has it now, which is ``call`` itself on success."""
        return self._holder.setdefault(0, call)

    def pass_on(self, heir: C) -> None:
        """Give the turn to another call; only its holder may."""
        self._holder[0] = heir

    def give_back(self) -> None:
        """Let the next one have the turn; only its holder may."""
        self._holder.pop(0, None)

    def take_over(self, lost: C, call: C) -> bool:
        """Take the turn of a holder that is not under way any more, unless another call was faster."""
        last = lost
        while self._holder.get(0) is lost:
            following = self._heirs.setdefault(last, call)
            if following is call:
                # No other call gets here: each finds this call in the line, and sees that it is under way.
                if self._holder.get(0) is not lost:
                    return False
                self._holder[0] = call
                return True
            if self.is_under_way(following):
                return False
            last = following
        return False

    def is_under_way(self, call: C) -> bool:
        """Look for the call on its thread's stack; costs some microseconds for each thread of the process."""
        if call.thread == get_ident():
            top: FrameType | None = sys._getframe()  # noqa: SLF001 - documented
        else:
            top = stacks().get(call.thread)
        return any(frame.f_locals.get(self._variable) is call for frame in frames_of(top, self._code))


class Exclusive:
    """Short actions, run one at a time; a signal handler may interrupt any of them."""

    __slots__ = ("_turn",)

    def __init__(self) -> None:
        self._turn: Turn[Turned] = Turn(Exclusive.run.__code__, "call")

    def run(self, action: Callable[[], T], *, otherwise: U) -> T | U:
        """Run it alone; a signal handler that has interrupted such an action gets ``otherwise``."""
        call = Turned()
        try:
            return action() if self._may_have_turn(call) else otherwise
        finally:
            if self._turn.holder is call:
                self._turn.give_back()

    def _may_have_turn(self, call: Turned) -> bool:
        """Wait for the turn, and take it; False where its own thread has it."""
        while (holder := self._turn.take(call)) is not call:
            if not self._turn.is_under_way(holder):
                self._turn.take_over(holder, call)
            elif holder.thread == call.thread:
                return False
            else:
                time.sleep(_PAUSE)
        return True


def frames_of(top: FrameType | None, code: CodeType) -> list[FrameType]:
    """List the calls of one function on a stack."""
    found = []
    while top is not None:
        if top.f_code is code:
            found.append(top)
        top = top.f_back
    return found
