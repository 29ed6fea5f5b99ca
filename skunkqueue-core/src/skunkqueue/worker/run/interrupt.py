"""Raising ``Interrupted`` inside the job that runs in the main thread, and nowhere else.

Another thread asks for it and sends the process SIGURG. The signal wakes the main thread also from a
sleep, a lock or a socket, and Python then calls our handler between two bytecodes of whatever runs. The
handler raises only where the job's own code is above one of the ``stages`` (the functions that call the
user's code) on the stack; anywhere else it does nothing and the asker asks again. So no exception can escape into our own
code, whenever the signal comes.

SIGURG, because the system ignores it by default and hardly anybody uses it: a job that sets or resets
handlers is not killed by it. A job inside a C function is interrupted when that function returns or
looks for signals.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from skunkqueue.clock import monotonic
from skunkqueue.errors import Interrupted

SIGNAL = signal.SIGURG
# Modules in which an exception at any point could leave a lock taken that our own threads need, or a store's connection in
# the middle of a request. Calls of them end soon, unless they are meant to wait.
_DELICATE = ("logging", "skunkqueue.persistence", "skunkqueue.processes", "skunkqueue.worker")
SPARED_FOR = 1.0
"""Seconds for which code of such modules is not interrupted; after that it is."""


class Interrupter:
    """One for each worker; made, installed and removed in the main thread."""

    def __init__(self, stages: tuple[CodeType, ...], subject: Callable[[], object]) -> None:
        """``subject`` returns what the main thread works on now."""
        self._stages = stages
        self._subject = subject
        self._main = 0
        self._before: Any = None
        self._wanted: tuple[object, str, float] | None = None
        self.delivered: tuple[object, str] | None = None
        """The subject and the reason of the last exception that was raised."""

    def install(self) -> bool:
        """Begin to hear the signal; False outside of the main thread, where nothing can be interrupted."""
        if threading.current_thread() is not threading.main_thread():
            return False
        self._main = threading.get_ident()
        self._before = signal.signal(SIGNAL, self._handle)
        return True

    def keep(self) -> None:
        """Install it again where a job has put another handler in its place; main thread only."""
        if self._main and signal.getsignal(SIGNAL) != self._handle:
            signal.signal(SIGNAL, self._handle)

    def remove(self) -> None:
        """Put the former signal handler back."""
        if self._main:
            signal.signal(SIGNAL, signal.SIG_DFL if self._before is None else self._before)
            self._main = 0

    def ask(self, subject: object, reason: str) -> None:
        """Interrupt the job if it still works on ``subject``; from any thread, as often as need be."""
        wanted = self._wanted
        since = wanted[2] if wanted is not None and wanted[0] is subject else monotonic()
        self._wanted = (subject, reason, since)
        if self._main:
            signal.pthread_kill(self._main, SIGNAL)

    def forget(self) -> None:
        """Drop an interrupt that was asked for and has not been raised yet."""
        self._wanted = None

    def _handle(self, _number: int, frame: FrameType | None) -> None:
        self.strike(frame)

    def strike(self, frame: FrameType | None) -> None:
        """Raise Interrupted if it is asked for and ``frame`` belongs to the job's own code."""
        wanted = self._wanted
        if wanted is None or wanted[0] is not self._subject() or not self._in_job(frame, wanted[2]):
            return
        self._wanted = None
        self.delivered = (wanted[0], wanted[1])
        raise Interrupted(wanted[1])

    def _in_job(self, frame: FrameType | None, since: float) -> bool:
        spared = monotonic() - since < SPARED_FOR
        inner = frame
        while frame is not None:
            if any(frame.f_code is stage for stage in self._stages):
                return frame is not inner
            if spared and str(frame.f_globals.get("__name__", "")).startswith(_DELICATE):
                return False
            frame = frame.f_back
        return False
