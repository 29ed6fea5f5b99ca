"""The entry of a worker process, which ``pool.child_process`` starts. People type ``skunq work``."""

from __future__ import annotations

import atexit
import ctypes
import gc
import logging
import os
import signal
import sys
import threading
import traceback

import msgspec

from skunkqueue.config import open_backend
from skunkqueue.errors import (
    BackendError,
    BackendFullError,
    BackendLoginError,
    BackendReadOnlyError,
    BackendUnavailableError,
    HandlerError,
    SkunkQueueError,
)
from skunkqueue.plugins.calls import Rests
from skunkqueue.plugins.notify import use
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.log_setup import set_up_worker
from skunkqueue.processes.scoreboard import Scoreboard
from skunkqueue.processes.settings import WorkerSettings
from skunkqueue.processes.signals import not_ignored, tell_crashes
from skunkqueue.processes.timed_notifier import TimedNotifier
from skunkqueue.worker.monkey_patches import refuse_monkey_patches
from skunkqueue.worker.output_streams import OutputStreams
from skunkqueue.worker.worker import Worker

logger = logging.getLogger("skunkqueue.worker")

_PASSING = (BackendUnavailableError, BackendFullError, BackendReadOnlyError)
"""Errors that may pass: a replica, which takes no writes, may become a primary."""
_PR_SET_PDEATHSIG = 1
_EXIT_TIME = 2.0
"""Seconds that a module's own exit functions may take."""


def main(arguments: list[str]) -> None:
    """Work until told to stop; does not return."""
    control_pipe, scoreboard_end, rows, pool = map(int, arguments)
    _die_with(pool)
    # Programs that a job starts are not to hold it open.
    os.set_inheritable(control_pipe, False)  # noqa: FBT003 - os's signature
    scoreboard = Scoreboard.opened(scoreboard_end, rows)
    settings = msgspec.json.decode(_read_line(control_pipe), type=WorkerSettings)
    streams = OutputStreams()
    try:
        sys.path[:0] = [_folder(scoreboard), *settings.path]
        set_up_worker(settings)
        tell_crashes()
        refuse_monkey_patches()
        backend = open_backend(settings.config)
        notifier = TimedNotifier(scoreboard, Rests(settings.resting))
        notifier.add_installed()
        use(notifier)
        worker = Worker(
            backend,
            settings,
            notifier=notifier,
            scoreboard=scoreboard,
            control_pipe=control_pipe,
            streams=streams,
            give_up=lambda: _give_up(scoreboard),
        )
        _hear_signals(worker)
        os.register_at_fork(after_in_child=worker.runner.note_fork)
        # What is loaded by now stays, so the garbage collector, which the pool has this process begin without, need
        # not look at it.
        gc.freeze()
        gc.enable()
        ending = worker.run()
        word = worker.loop.word
        # This gives back what a wait has claimed just now.
        backend.close()
    except BackendLoginError as error:
        ending, word = Ending.REFUSED_STORE, str(error)
    except _PASSING as error:
        ending, word = Ending.NO_STORE, str(error)
    except BackendError as error:
        ending, word = Ending.REFUSED_STORE, str(error)
    except HandlerError as error:
        ending, word = Ending.FAULT, str(error)
    except SkunkQueueError as error:
        ending, word = Ending.REFUSED_SETTINGS, str(error)
    except BaseException as error:
        is_told = settings.quiet and not scoreboard.is_ready
        logger.log(logging.DEBUG if is_told else logging.ERROR, "a fault in the worker", exc_info=True)
        if scoreboard.is_ready:
            os._exit(1)
        # It has claimed nothing yet.
        ending, word = Ending.FAULT, "".join(traceback.format_exception_only(type(error), error)).strip()
    scoreboard.leave(ending, word)
    _exit(ending.exit_code, streams)


def _folder(scoreboard: Scoreboard) -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - a string is wanted
    except FileNotFoundError:
        scoreboard.leave(Ending.NO_CODE, "the working folder was removed")
        os._exit(Ending.NO_CODE.exit_code)


def _hear_signals(worker: Worker) -> None:
    # The pool's orders come by the control pipe. These handlers are for people who signal a worker itself.
    for number in not_ignored((signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)):
        signal.signal(number, lambda _number, _frame: worker.stop())
    for number in not_ignored((signal.SIGINT,)):
        signal.signal(number, lambda _number, _frame: worker.stop(rough=True))


def _give_up(scoreboard: Scoreboard) -> None:
    """End at once, whatever runs: the leases have ended, and other workers run these firings."""
    scoreboard.leave(Ending.DISCONNECTED, "the store has not answered for too long")
    os._exit(Ending.DISCONNECTED.exit_code)


def _die_with(pool: int) -> None:
    """Let the system kill this process with its pool, where it can (Linux).

    The control pipe does the same everywhere, but only while Python code can run: not in a C call that holds
    the GIL.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != pool:
        os._exit(1)


def _read_line(control_pipe: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        # Byte by byte, since orders may follow.
        byte = os.read(control_pipe, 1)
        if not byte:
            os._exit(1)
        line += byte
    return line


def _exit(code: int, streams: OutputStreams) -> None:
    """End without waiting for threads that jobs have left behind."""
    timer = threading.Timer(_EXIT_TIME, os._exit, (code,))
    timer.daemon = True
    timer.start()
    try:
        atexit._run_exitfuncs()  # noqa: SLF001 - os._exit would leave them out, and modules rely on them
    except BaseException:
        logger.exception("an exit function failed")
    streams.flush()
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
