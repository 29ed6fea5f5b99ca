"""One worker process as its pool sees it: starts it, gives it orders, learns how it ended.

Workers are started fresh, never forked from a process that may hold connections, and in a session of
their own, so that a terminal's Ctrl-C reaches only the pool. The control pipe brings the settings and
later the orders; when it closes, the pool is gone and the worker ends itself. Orders travel this way and
not as signals, because a job may have changed its process' signal handlers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import NamedTuple

import msgspec

from skunkqueue.clock import monotonic
from skunkqueue.processes.control_pipe import BEGIN, DISMISS_ROUGH, GIVE_BACK, HOLD, ROUGH
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.scoreboard import ENDING_AT, WORD_AT, WORD_SIZE, Scoreboard
from skunkqueue.processes.scoreboard import GIVE_BACK as GIVE_BACK_CAUSE
from skunkqueue.processes.scoreboard import ROUGH as ROUGH_CAUSE
from skunkqueue.processes.settings import WorkerSettings, named
from skunkqueue.show import signal_name

_MIB = 1024 * 1024
# As `python -m skunkqueue.worker`, but without the working directory on the path while our own modules
# are imported: a user may well have a `queue.py` there.
# A tenth of its start would be spent on looking for garbage, of which there is none while modules are imported.
_START = f"""
import gc, os, sys
gc.disable()
sys.path[:] = filter(None, sys.path)
try:
    from skunkqueue.worker.__main__ import main
except Exception as error:
    # As while an environment is being replaced. What `Scoreboard.leave` does needs a module of ours.
    scoreboard = int(sys.argv[2])
    word = f"{{type(error).__name__}}: {{error}}"
    os.pwrite(scoreboard, word.encode(errors="backslashreplace")[:{WORD_SIZE - 1}] + bytes(1), {WORD_AT})
    os.pwrite(scoreboard, bytes([{int(Ending.NO_CODE)}]), {ENDING_AT})
    os._exit({Ending.NO_CODE.exit_code})
main(sys.argv[1:])
"""
# Linux counts it in KiB, macOS in bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class End(NamedTuple):
    """How a process ended."""

    ending: Ending
    exit_code: int | None
    signal: int | None
    rss: int
    """Peak resident memory in bytes."""

    def __str__(self) -> str:
        if self.signal is not None:
            how = f"killed by {signal_name(self.signal)}"
        else:
            how = f"exit code {self.exit_code}"
        return f"{how}, peak memory {self.rss // _MIB} MiB"


class ChildProcess:
    """A worker process."""

    def __init__(
        self, settings: WorkerSettings, *, code_changes: bool = False, folder: str | None = None
    ) -> None:
        """Start it in this folder or, where none is named, in this process' own.

        Where its code changes all the time, no compiled copies of that are kept. Raises OSError and
        MemoryError, and leaves nothing open then.
        """
        self.settings = settings
        self.began = monotonic()
        self.killed_for: str | None = None
        """``timeout``, ``rough`` or ``stop``, once the pool has killed it."""
        self.blamed: tuple[str, ...] = ()
        """The firings it was killed for."""
        self.is_stopped = False
        """Somebody has sent it SIGSTOP."""
        self.is_leaving = False
        """It was told to end."""
        self.is_quiet = False
        """It was told to begin nothing more."""
        self.is_dismissed = False
        """No other worker is to take its slot."""
        self.replaced_by: str | None = None
        """Id of the worker that was ready before this one was told to end, and has its slot."""
        self.give_back_at = float("inf")
        """When it is to give back what it still runs, if it was told alone to end (monotonic)."""
        self.kill_at = float("inf")
        """When it is to be killed, if it was told alone to end at once (monotonic)."""
        self.ready_by = float("inf")
        """When it is to be killed if it is not ready then, since it was told to end while it started (monotonic)."""
        self.kill_cause = ROUGH_CAUSE
        """Why it is killed if it does not end in time, told alone or with all others."""
        self.receipts: list[str] = []
        """Entries of the audit log that are done once it has ended."""
        rows = settings.rows
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as childs:
            self.scoreboard, scoreboard_end = Scoreboard.shared(rows)
            ours.callback(self.scoreboard.close)
            childs.callback(os.close, scoreboard_end)
            control_pipe_end, self._control_pipe = os.pipe()
            ours.callback(os.close, self._control_pipe)
            childs.callback(os.close, control_pipe_end)
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [
                    sys.executable,
                    # A copy is known by the second and the size, which two quick changes may share.
                    *(("-B",) if code_changes else ()),
                    "-c",
                    _START,
                    str(control_pipe_end),
                    str(scoreboard_end),
                    str(rows),
                    str(os.getpid()),
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=(control_pipe_end, scoreboard_end),
                start_new_session=True,
                cwd=folder,
            )
            ours.pop_all()
        self.pid = self._process.pid
        # The pipe holds 4 KiB and more before anybody reads, and most settings are shorter; a child that is
        # dead already is found when it is reaped.
        self._say(msgspec.json.encode(settings) + b"\n")

    def __str__(self) -> str:
        return f"worker {self.settings.id} (pid {self.pid}) of {named(self.settings.routes)}"

    def order(self, verb: bytes) -> None:
        """Give it one of the orders of ``control_pipe``; giving it twice does no harm."""
        if verb in (HOLD, BEGIN):
            self.is_quiet = verb == HOLD
        else:
            self.is_leaving = True
        if verb in (ROUGH, DISMISS_ROUGH, GIVE_BACK):
            self.give_back_at = float("inf")
        if verb in (ROUGH, DISMISS_ROUGH):
            self.kill_cause = ROUGH_CAUSE
        elif verb == GIVE_BACK and self.kill_at == float("inf"):
            # Not where it was told to end roughly before, since its jobs are killed then.
            self.kill_cause = GIVE_BACK_CAUSE
        self._say(verb)

    def kill(self, cause: str, blamed: tuple[str, ...]) -> None:
        """Kill it and what it has started; ``blamed`` are the firings that this is for."""
        if self._process.returncode is not None:
            # Its pid may belong to another process by now.
            return
        if self.killed_for is None:
            self.killed_for, self.blamed = cause, blamed
        # It leads a process group of its own, where its job's own children are too.
        for send, target in ((os.killpg, self.pid), (os.kill, self.pid)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                send(target, signal.SIGKILL)

    def reap(self) -> End | None:
        """Return how it ended; ``None``: it runs. Collects this child only."""
        while True:
            try:
                pid, status, usage = os.wait4(self.pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                # Other code in this process has collected it, so nothing is known of its end.
                pid, status, usage = self.pid, 0, None
            if pid == 0:
                return None
            if not (os.WIFSTOPPED(status) or os.WIFCONTINUED(status)):
                break
            self.is_stopped = os.WIFSTOPPED(status)
        code = os.waitstatus_to_exitcode(status)
        # Popen must neither wait for it again nor warn.
        self._process.returncode = code
        return End(
            ending=self.scoreboard.ending,
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            rss=int(usage.ru_maxrss * _RSS_UNIT) if usage is not None else 0,
        )

    def close(self) -> None:
        """Close the pipe and the scoreboard, after ``reap``."""
        os.close(self._control_pipe)
        self.scoreboard.close()

    def _say(self, data: bytes) -> None:
        rest = memoryview(data)
        with contextlib.suppress(BrokenPipeError):
            while rest:
                # A signal in the middle of a long write ends it early.
                rest = rest[os.write(self._control_pipe, rest) :]
