"""Faults on demand: which call of a server goes wrong, how, and whether it was done nevertheless.

Knows no keys and no sockets.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Call = Literal["commit", "read", "version", "watch"]
Landing = Literal["never", "before", "after"]
"""Whether a commit that fails is done all the same: before the client hears of the failure, or some time after."""
SILENCE = 0
"""No error: there is no answer at all."""
ENDLESS = -1


class Fault(msgspec.Struct, kw_only=True):
    """One thing that goes wrong."""

    call: Call
    code: int
    """The error, or ``SILENCE``."""
    skip: int = 0
    """How many such calls go well first."""
    times: int = 1
    """How many go wrong then."""
    landing: Landing = "never"
    delay: float = 0.0
    """Seconds until a commit is done that lands ``after`` its failure."""
    prefix: bytes = b""
    """Only where a commit writes a key that begins with this."""


class Faults:
    """All that is to go wrong, and how often something did."""

    def __init__(self) -> None:
        self.met = 0
        self._left: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Have something go wrong from now on."""
        self._left.append(fault)

    def clear(self) -> None:
        """Have nothing go wrong any more, and count anew."""
        self.met = 0
        self._left.clear()

    def meet(self, call: Call, keys: list[bytes] | None = None) -> Fault | None:
        """Say what goes wrong with a call now."""
        for fault in self._left:
            wanted = fault.call == call and (
                not fault.prefix or any(key.startswith(fault.prefix) for key in keys or ())
            )
            if not wanted:
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.times:
                fault.times -= 1
                self.met += 1
                return fault
        return None
