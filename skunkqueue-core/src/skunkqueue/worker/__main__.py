"""The entry of a worker process; ``child`` starts it. Not for people: they type ``skunq work``."""

from __future__ import annotations

import atexit
import ctypes
import faulthandler
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
from skunkqueue.worker import logs
from skunkqueue.worker.board import Board
from skunkqueue.worker.hooks import TimedNotifier
from skunkqueue.worker.monkey_patches import refuse_monkey_patches
from skunkqueue.worker.settings import Ending, WorkerSettings
from skunkqueue.worker.signals import not_ignored
from skunkqueue.worker.streams import Streams
from skunkqueue.worker.worker import Worker

logger = logging.getLogger("skunkqueue.worker")

_PASSING = (BackendUnavailableError, BackendFullError, BackendReadOnlyError)
"""What may be otherwise in a moment; a replica, which takes nothing, may become a primary."""
_PR_SET_PDEATHSIG = 1
_LAST_WORDS = 2.0
"""Seconds that a module's own exit functions may take."""


def main(arguments: list[str]) -> None:
    """Work until told to stop; does not return."""
    leash, board_end, slots, pool = map(int, arguments)
    _die_with(pool)
    board = Board.opened(board_end, slots)
    settings = msgspec.json.decode(_read_line(leash), type=WorkerSettings)
    streams = Streams()
    try:
        sys.path[:0] = [_folder(board), *settings.path]
        logs.set_up_worker(settings)
        # A crash inside C code tells at least where it was.
        faulthandler.enable()
        refuse_monkey_patches()
        backend = open_backend(settings.config)
        notifier = TimedNotifier(board, Rests(settings.resting))
        notifier.add_installed()
        use(notifier)
        worker = Worker(
            backend,
            settings,
            notifier=notifier,
            board=board,
            leash=leash,
            streams=streams,
            give_up=lambda: _give_up(board),
        )
        _hear_signals(worker)
        os.register_at_fork(after_in_child=worker.runner.note_fork)
        # What is loaded by now stays: the collector need not look at it again and again.
        gc.freeze()
        ending = worker.run()
        word = worker.cycle.word
        # Whatever a wait was lent in this very moment goes back.
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
        is_told = settings.quiet and not board.is_ready
        logger.log(logging.DEBUG if is_told else logging.ERROR, "a fault in the worker", exc_info=True)
        if board.is_ready:
            os._exit(1)
        # Nothing has been lent to it yet.
        ending, word = Ending.FAULT, "".join(traceback.format_exception_only(type(error), error)).strip()
    board.leave(ending, word)
    _exit(ending.exit_code, streams)


def _folder(board: Board) -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - a string is wanted
    except FileNotFoundError:
        board.leave(Ending.NO_CODE, "the working folder was removed")
        os._exit(Ending.NO_CODE.exit_code)


def _hear_signals(worker: Worker) -> None:
    # The pool's orders come by the leash; these are for whoever signals a worker itself.
    for number in not_ignored((signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)):
        signal.signal(number, lambda _number, _frame: worker.stop())
    for number in not_ignored((signal.SIGINT,)):
        signal.signal(number, lambda _number, _frame: worker.stop(rough=True))


def _give_up(board: Board) -> None:
    """End at once, whatever runs: what is held here belongs to others by now."""
    board.leave(Ending.DEAF, "the store has not answered for too long")
    os._exit(Ending.DEAF.exit_code)


def _die_with(pool: int) -> None:
    """Let the system kill this process with its pool, where it can (Linux).

    The leash does the same everywhere, but only while Python code can run: not in a C call that holds
    the GIL.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != pool:
        os._exit(1)


def _read_line(leash: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        # Byte by byte, since orders may follow.
        byte = os.read(leash, 1)
        if not byte:
            os._exit(1)
        line += byte
    return line


def _exit(code: int, streams: Streams) -> None:
    """End without waiting for threads that jobs have left behind."""
    timer = threading.Timer(_LAST_WORDS, os._exit, (code,))
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
