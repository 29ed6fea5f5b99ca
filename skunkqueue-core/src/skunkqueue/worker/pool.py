"""The parent: starts worker processes, watches them, hears signals. Knows nothing of jobs.

The signals are the seed's: HUP, ABRT, QUIT and TERM stop gently (each worker ends its current job and
records it), INT stops roughly (an exception is raised in each running job). INT after a gentle one
makes it rough; a second INT, or the end of the grace, kills. What a SIGKILL of the pool leaves, its
workers see to: they end when the leash closes (``child``).
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterable

from skunkqueue import __version__
from skunkqueue.clock import monotonic
from skunkqueue.records import MAX_RUNNING, Death, WorkerRecord
from skunkqueue.worker import logs
from skunkqueue.worker.board import ROUGH as ROUGH_CAUSE
from skunkqueue.worker.board import STRATEGY as STRATEGY_CAUSE
from skunkqueue.worker.child import Child, End
from skunkqueue.worker.clerk import Clerk
from skunkqueue.worker.hooks import TimedNotifier
from skunkqueue.worker.pidfile import Pidfile
from skunkqueue.worker.plugin_deaths import PluginDeaths
from skunkqueue.worker.post import Post
from skunkqueue.worker.reload import Watch
from skunkqueue.worker.settings import (
    EXIT_FAULT,
    EXIT_OK,
    EXIT_ROUGH,
    EXIT_SETTINGS,
    EXIT_STORE,
    GENTLE,
    ROUGH,
    Ending,
    PoolSettings,
)
from skunkqueue.worker.signals import SignalBell, not_ignored
from skunkqueue.worker.starter import Starter, Troubles, explain, hold_standard_streams

logger = logging.getLogger("skunkqueue.pool")

GENTLE_SIGNALS = (signal.SIGHUP, signal.SIGABRT, signal.SIGQUIT, signal.SIGTERM)
STOP_SIGNALS = (*GENTLE_SIGNALS, signal.SIGINT)
_LOOK_EVERY = 0.5
_LOOK_AGAIN = 1.0
_RELOAD_EVERY = 0.3
_CLERK_PATIENCE = 10.0
_BURST_TRIES = 3
_OBSTACLES = {Ending.NO_STORE: EXIT_STORE, Ending.NO_CODE: EXIT_FAULT, Ending.FAULT: EXIT_FAULT}
"""Why a worker could not start, where that may pass; and with what a burst ends that waits in vain."""
_REFUSALS = {Ending.REFUSED_SETTINGS: EXIT_SETTINGS, Ending.REFUSED_STORE: EXIT_STORE}


class Pool:
    """A pool for one queue; ``run`` blocks the main thread until it ends."""

    def __init__(self, settings: PoolSettings) -> None:
        """Raise ConfigError or NameInvalidError for settings that make no sense."""
        settings.check()
        self.host = os.uname().nodename
        self.id = f"{self.host}:{os.getpid()}"
        self._starter = Starter(settings, self.id)
        self._troubles = Troubles()
        self.settings = settings = self._starter.settings
        self._posts = [Post(route) for route in settings.routes for _ in range(settings.processes)]
        self._leaving: list[Child] = []
        """Workers that are being replaced but still end their job."""
        self._clerk = Clerk(settings.config, _CLERK_PATIENCE)
        self._plugins = PluginDeaths()
        self._order = b""
        self._kill_at = float("inf")
        self._was_ready = False
        self._vouched: dict[str, float] = {}
        self._exit_code = EXIT_OK

    def run(self) -> int:
        """Work until stopped or done; return the exit code (``settings.EXIT_*``)."""
        settings = self.settings
        hold_standard_streams()
        logs.set_up_pool(settings, self.id)
        heard = not_ignored(STOP_SIGNALS)
        with Pidfile(settings.pidfile), SignalBell((*heard, signal.SIGCHLD)) as bell:
            notifier = TimedNotifier()
            notifier.add_installed()
            notifier.tell(
                "skunkqueue_pool_started",
                pool=self.id,
                host=self.host,
                pid=os.getpid(),
                queue=settings.queue,
                routes=settings.routes,
            )
            logger.info("pool %s works on queue %r, %s", self.id, settings.queue, _routes(settings))
            if ignored := [number.name for number in STOP_SIGNALS if number not in heard]:
                logger.info("signals ignored since the start: %s", ", ".join(ignored))
            try:
                self._watch(bell)
            finally:
                self._end_all()
            self._clerk.finish(_CLERK_PATIENCE)
            notifier.tell(
                "skunkqueue_pool_stopped", pool=self.id, queue=settings.queue, exit_code=self._exit_code
            )
            logger.info("pool %s has ended", self.id)
        return self._exit_code

    # --- the loop ---------------------------------------------------------------------------------

    def _watch(self, bell: SignalBell) -> None:
        watch = Watch((".", *self.settings.path)) if self.settings.reload else None
        while True:
            self._fill()
            if not self._children() and (self._order or all(post.closed for post in self._posts)):
                return
            for number in bell.wait(self._pause()):
                self._hear(number)
            self._reap()
            self._look()
            if watch is not None and not self._order and (path := watch.changed()):
                self._reload(path)

    def _children(self) -> list[Child]:
        return [post.child for post in self._posts if post.child is not None] + self._leaving

    def _pause(self) -> float:
        now = monotonic()
        waits = [_RELOAD_EVERY if self.settings.reload else _LOOK_EVERY, self._kill_at - now]
        if not self._order:
            waits += [post.due - now for post in self._posts if post.child is None and not post.closed]
        return max(0.0, min(waits))

    def _fill(self) -> None:
        if self._order:
            return
        now = monotonic()
        for post in self._posts:
            if not post.is_due(now):
                continue
            obstacle = self._starter.obstacle()
            if obstacle is not None:
                self._cannot_start(post, obstacle, obstacle)
                # To look again costs next to nothing.
                post.due = min(post.due, now + _LOOK_AGAIN)
                continue
            try:
                post.child = self._starter.start(
                    post.route, resting=self._plugins.left(), quiet=bool(self._troubles)
                )
            except (OSError, MemoryError) as error:
                word = explain(error)
                self._cannot_start(post, word, word)
            else:
                logger.debug("%s is started", post.child)

    def _hear(self, number: int) -> None:
        if number == signal.SIGCHLD:
            return
        name = signal.Signals(number).name
        if number != signal.SIGINT:
            if not self._order:
                logger.info("%s: stopping gently, current jobs are ended first", name)
                self._stop(GENTLE)
        elif self._order != ROUGH:
            logger.info("%s: stopping roughly, current jobs are interrupted", name)
            self._exit_code = EXIT_ROUGH
            self._kill_at = monotonic() + self.settings.grace
            self._stop(ROUGH)
        else:
            logger.info("%s again: killing the workers", name)
            self._kill_all("the pool was told twice to stop roughly")

    def _stop(self, order: bytes) -> None:
        self._order = order
        for child in self._children():
            child.order(order)

    def _reload(self, path: str) -> None:
        logger.info("%s has changed: replacing the workers", path)
        for post in self._posts:
            if post.child is not None:
                post.child.order(GENTLE)
                self._leaving.append(post.child)
                post.child = None
            post.fill_at_once()

    # --- workers that end -------------------------------------------------------------------------

    def _reap(self) -> None:
        for post in self._posts:
            if post.child is not None and (end := post.child.reap()) is not None:
                child, post.child = post.child, None
                self._ended(post, child, end)
        for child in tuple(self._leaving):
            if (end := child.reap()) is not None:
                self._leaving.remove(child)
                self._see_off(child, end)
                child.close()
        if os.getpid() == 1:
            _reap_strangers({child.pid for child in self._children()})

    def _ended(self, post: Post, child: Child, end: End) -> None:
        if child.board.is_ready:
            self._note_ready()
        if child.board.settled:
            post.futile = 0
        self._see_off(child, end)
        if self._order:
            post.closed = True
        elif end.ending in _REFUSALS:
            self._refused(post, child, end)
        elif end.ending in _OBSTACLES:
            self._cannot_start(post, end.ending, child.board.word, _OBSTACLES[end.ending])
        elif not (child.board.is_ready or end.ending):
            self._back_off(post, EXIT_FAULT)
        elif end.ending in (Ending.FINISHED, Ending.DISMISSED):
            logger.debug("%s has ended: %s", child, end.ending.name.lower())
            post.closed = True
        elif end.ending in (Ending.RECYCLED, Ending.STOPPED):
            logger.info("%s is replaced: %s", child, child.board.word or end.ending.name.lower())
            post.due = 0.0
        else:
            if end.ending is Ending.DEAF:
                logger.error("%s has ended: %s (%s)", child, child.board.word, end)
            self._back_off(post)
        child.close()

    def _see_off(self, child: Child, end: End) -> None:
        """Give back what a worker has left."""
        if end.ending is Ending.NONE:
            self._bury(child, end)
        elif child.board.is_ready:
            # It ended by itself, but something may have been lent to it in its last moment. What it ran is
            # not to blame, so nothing counts as begun.
            self._clerk.bury(child.settings.id, (), _death(child, end, "exit"))

    def _bury(self, child: Child, end: End) -> None:
        called = child.board.plugin_calls() if child.killed_for in (None, STRATEGY_CAUSE) else []
        if called and child.killed_for is None and self._plugins.may_be_innocent(called, end):
            logger.error("%s died while the code of a plugin ran: %s", child, end)
            refs = [call.ref.id for call in called if call.ref.id]
            self._clerk.bury(child.settings.id, refs, _death(child, end, "signal"))
            return
        if called:
            # Jobs that ran beside a plugin's code are taken to be innocent.
            blamed = self._plugins.blame(called, str(end))
            logger.error("%s died: %s", child, end)
            self._clerk.bury(child.settings.id, blamed, _death(child, end, STRATEGY_CAUSE))
            return
        begun = child.board.begun()
        word = f" while it ran {', '.join(one.id for one in begun)}" if begun else ""
        if child.killed_for is None or not self._order:
            logger.error("%s died%s: %s", child, word, end)
        cause = child.killed_for or ("signal" if end.signal is not None else "exit")
        counted = [one for one in begun if not child.blamed or one.id in child.blamed]
        if child.killed_for is None and any(one.suspect for one in begun):
            # Others that ran beside one which killed workers before are taken to be innocent.
            counted = [one for one in begun if one.suspect]
        if cause == ROUGH_CAUSE:
            self._clerk.kill([one.ref for one in counted], f"its worker had to be killed: {end}")
        self._clerk.bury(child.settings.id, [one.id for one in counted], _death(child, end, cause))

    def _refused(self, post: Post, child: Child, end: End) -> None:
        """See to one that ended before it was ready."""
        word = child.board.word
        if not self._was_ready and not any(one.board.is_ready for one in self._children()):
            post.closed = post.refused = True
            if all(other.closed for other in self._posts):
                logger.error("no worker can start: %s", word)
                self._exit_code = _REFUSALS[end.ending]
            return
        self._cannot_start(post, end.ending, word, _REFUSALS[end.ending])

    def _cannot_start(self, post: Post, kind: object, word: str, code: int = EXIT_FAULT) -> None:
        """See to a post whose worker could not start for what may pass."""
        is_news = self._troubles.tell(kind, post.route, word)
        self._back_off(post, code, quiet=not is_news)

    def _note_ready(self) -> None:
        if self._was_ready:
            return
        self._was_ready = True
        for post in self._posts:
            if post.refused:
                # What one worker could do, another can: its trouble has passed, or will.
                post.closed = post.refused = False
                self._back_off(post)

    def _back_off(self, post: Post, code: int | None = None, *, quiet: bool = False) -> None:
        """Fill a post later; a burst gives it up after some workers that never were ready, with that exit code."""
        wait = post.back_off()
        if code is not None and self.settings.burst and post.futile >= _BURST_TRIES:
            post.closed = True
            if not self._was_ready and all(other.closed for other in self._posts):
                logger.error("no worker can start, and a burst does not wait: giving up")
                self._exit_code = code
        elif wait and not quiet:
            logger.info("the next worker of route %r is started in %s", post.route, logs.duration(wait))

    # --- workers that do not end ------------------------------------------------------------------

    def _look(self) -> None:
        now = monotonic()
        if now >= self._kill_at:
            logger.info("the grace of %s is over: killing the workers", logs.duration(self.settings.grace))
            self._kill_all("its job did not end when it was interrupted")
        for child in self._children():
            if child.killed_for is not None:
                continue
            called = child.board.plugin_calls()
            over = [one for one in child.board.begun() if one.deadline and one.deadline <= now]
            if any(call.deadline <= now for call in called):
                logger.error("%s is killed: the code of a plugin does not return", child)
                child.kill(STRATEGY_CAUSE, ())
            elif over and not called:
                cause = over[0].cause
                logger.error("%s is killed: its job did not end when it was interrupted (%s)", child, cause)
                child.kill(cause, tuple(one.id for one in over if one.cause == cause))
            else:
                self._vouch(child, now)
        if not self._was_ready and any(child.board.is_ready for child in self._children()):
            self._note_ready()
        if self._troubles:
            for child in self._children():
                self._troubles.end_with(child)

    def _vouch(self, child: Child, now: float) -> None:
        """Keep the leases of a worker whose job holds the GIL, so that none of its threads can.

        Not of one that somebody has stopped (SIGSTOP), since its job does not get on.
        """
        lease = self.settings.lease
        looked = child.board.looked
        begun = child.board.begun()
        if not begun or child.is_stopped or not looked or now - looked < lease / 3:
            return
        if now - self._vouched.get(child.settings.id, 0.0) < lease / 3:
            return
        self._vouched[child.settings.id] = now
        record = WorkerRecord(
            id=child.settings.id,
            queue=child.settings.queue,
            route=child.settings.route,
            pool=self.id,
            host=self.host,
            pid=child.pid,
            started=child.board.started,
            state="busy",
            current=begun[0].id,
            running=tuple(one.id for one in begun[:MAX_RUNNING]),
            done=child.board.settled,
            version=__version__,
        )
        ids = tuple(one.id for one in begun)
        self._clerk.vouch(record, [one.ref for one in begun], lease, lambda: child.kill(ROUGH_CAUSE, ids))

    def _kill_all(self, word: str) -> None:
        self._kill_at = float("inf")
        for child in self._children():
            logger.info("%s is killed: %s", child, word)
            child.kill(ROUGH_CAUSE, ())

    def _end_all(self) -> None:
        """Leave no process behind, also where the pool itself fails."""
        for child in self._children():
            child.kill(ROUGH_CAUSE, ())
        self._order = self._order or GENTLE
        while self._children():
            self._reap()
            time.sleep(0.01)


def _death(child: Child, end: End, cause: str) -> Death:
    return Death(
        at=0.0,
        worker=child.settings.id,
        cause=cause,
        signal=end.signal,
        exit_code=end.exit_code,
        rss=end.rss or None,
    )


def _routes(settings: PoolSettings) -> str:
    each = f", {settings.processes} workers each" if settings.processes > 1 else ""
    return f"route{'s' * (len(settings.routes) > 1)} {', '.join(map(repr, settings.routes))}{each}"


def _reap_strangers(ours: Iterable[int]) -> None:
    """Collect dead processes that were left to process 1, as every init must; never our own workers."""
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None or found.si_pid in ours:
            return
        os.waitpid(found.si_pid, os.WNOHANG)
