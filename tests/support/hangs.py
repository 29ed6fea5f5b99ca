"""A time limit for each test that holds whatever the test does with signals: it ends with a traceback, and the rest goes on.

A pytest plugin (``tests/conftest.py`` registers it; ``-p tests.support.hangs`` elsewhere), with one setting
``hang_limit``, in seconds for each of a test's setup, call and teardown. It uses neither ``SIGALRM`` nor the
interval timer, so that tests may. A thread watches. When the limit has passed it writes the tracebacks of all threads,
and sends the main thread a signal of its own, whose handler raises ``HangError`` there. A test that blocks
signals, catches what is raised, or hangs where Python cannot interrupt takes its process along: pytest-xdist
reports it as crashed, replaces the process, and goes on with the next test.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Generator
from dataclasses import dataclass
from time import monotonic
from types import FrameType

import pytest

SIGNAL = getattr(signal, "SIGRTMAX", signal.SIGUSR2)
"""One that no test and nothing of ours uses."""
EVERY = 0.5
"""Seconds between two looks, or a fifth of the limit where that is less."""
INTERRUPTS = 10
"""How often, at most, a test is interrupted: code that catches everything may have caught the last one."""
EXIT = 70


class HangError(BaseException):
    """A test took longer than it may. Not an ``Exception``: code under test, and hypothesis, must not catch it."""


@dataclass(eq=False)
class Watch:
    """One phase of one test."""

    name: str
    until: float
    """When it has taken too long."""


class Watchdog:
    """Watches the phases of tests, one at a time, from a thread; to be made in the main thread."""

    def __init__(self, limit: float, stderr: int) -> None:
        self._limit = limit
        self._every = min(EVERY, limit / 5)
        self._stderr = stderr
        self._watch: Watch | None = None
        self._main = threading.main_thread().ident or 0
        self._closed = threading.Event()
        # One thread for all: tests compare the threads that there are before and after.
        threading.Thread(target=self._look, name="hangs", daemon=True).start()

    @contextlib.contextmanager
    def watching(self, name: str) -> Generator[None, None, None]:
        """Raise HangError in the body where it takes too long. Only for the main thread."""
        # The last test may have put its own handler there, or none.
        signal.signal(SIGNAL, self._interrupt)
        self._watch = Watch(name, monotonic() + self._limit)
        try:
            yield
        finally:
            self._watch = None

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _look(self) -> None:
        while not self._closed.wait(self._every):
            watch = self._watch
            if watch is not None and monotonic() > watch.until:
                self._end(watch)

    def _end(self, watch: Watch) -> None:
        self._say(f"\n{watch.name} hangs: it has taken over {self._limit:g} s. All threads:")
        faulthandler.dump_traceback(file=self._stderr, all_threads=True)
        for _ in range(INTERRUPTS):
            signal.pthread_kill(self._main, SIGNAL)
            if self._closed.wait(self._every) or self._watch is not watch:
                return
        self._say(f"{watch.name} hangs where it cannot be interrupted: its process ends.")
        os._exit(EXIT)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        # This runs in the main thread: what is watched cannot change meanwhile.
        if self._watch is not None and monotonic() > self._watch.until:
            msg = f"{self._watch.name} has taken over {self._limit:g} s"
            raise HangError(msg)

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._stderr, f"{text}\n".encode(errors="replace"))


WATCHDOG = pytest.StashKey[Watchdog]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the setting."""
    parser.addini("hang_limit", "seconds that a test's setup, call or teardown may take", default="0")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the terminal, which pytest takes from tests, and begin to watch."""
    limit = float(config.getini("hang_limit"))
    if limit:
        config.stash[WATCHDOG] = Watchdog(limit, os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the thread."""
    if WATCHDOG in config.stash:
        config.stash[WATCHDOG].close()


def _watching(item: pytest.Item, phase: str) -> contextlib.AbstractContextManager[None]:
    watchdog = item.config.stash.get(WATCHDOG, None)
    return watchdog.watching(f"{item.nodeid} ({phase})") if watchdog else contextlib.nullcontext()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Watch a test's setup."""
    with _watching(item, "setup"):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Watch a test itself."""
    with _watching(item, "call"):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Watch a test's teardown, that of shared fixtures included where it is the last."""
    with _watching(item, "teardown"):
        return (yield)
