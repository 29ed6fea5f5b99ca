"""Copies of a worker process, which jobs make by ``os.fork``: each ends when its code comes back to what has called it.

A copy has one thread, that which forked. Here are the ways back of threads that are not the worker's own: to a pool of
threads, and to the event loop. Knows no job.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from skunkqueue.turns import frames_of

if TYPE_CHECKING:
    # Large, and not every worker needs it.
    from asyncio import AbstractEventLoop


class _NobodyWaits:
    """Takes the place of the future of a call on a pool's thread, and ends the copy when that call has ended."""

    def set_result(self, _result: object) -> NoReturn:
        """End the copy."""
        os._exit(1)

    def set_exception(self, _error: object) -> NoReturn:
        """End the copy."""
        os._exit(1)


def end_with_call() -> None:
    """In a copy: end it when the call ends that a ``ThreadPoolExecutor`` makes on this thread."""
    # If nobody has imported it, there is no such call.
    threads = sys.modules.get("concurrent.futures.thread")
    if threads is not None:
        calls = frames_of(sys._getframe(), threads._WorkItem.run.__code__)  # noqa: SLF001 - the first is documented
        if calls:
            calls[-1].f_locals["self"].future = _NobodyWaits()


def end_with_message_to(loop: AbstractEventLoop) -> None:
    """In a copy that another thread than a loop's has made: end it when it hands something to that loop."""

    def take(callback: Callable[..., object], *_: object, **__: object) -> None:
        # The collector hands over generators that nobody will go on with.
        if callback != loop.create_task:
            os._exit(1)

    changed: Any = loop
    changed.call_soon_threadsafe = take
