"""The parent: starts worker processes, watches them, hears signals. Knows nothing of jobs.

The signals are the seed's: HUP, ABRT, QUIT and TERM stop gently (each worker ends its current job and
records it), INT stops roughly (an exception is raised in each running job). INT after a gentle one
makes it rough; a second INT, or the end of the grace, kills. What a SIGKILL of the pool leaves, its
workers see to: they end when the leash closes (``child``). Commands from the store do the same, and more
(``pool_commands``).
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterable

from skunkqueue import __version__
from skunkqueue.clock import monotonic
from skunkqueue.ids import new_id
from skunkqueue.pools import PoolRecord
from skunkqueue.records import Command
from skunkqueue.worker import logs
from skunkqueue.worker.board import GIVE_BACK as GIVE_BACK_CAUSE
from skunkqueue.worker.board import ROUGH as ROUGH_CAUSE
from skunkqueue.worker.board import STRATEGY as STRATEGY_CAUSE
from skunkqueue.worker.child import Child, End
from skunkqueue.worker.clerk import Clerk
from skunkqueue.worker.hooks import TimedNotifier
from skunkqueue.worker.pidfile import Pidfile
from skunkqueue.worker.plugin_deaths import PluginDeaths
from skunkqueue.worker.pool_commands import PoolCommands
from skunkqueue.worker.pool_crew import Crew
from skunkqueue.worker.pool_reaper import PoolReaper
from skunkqueue.worker.pool_reporter import PoolReporter, View
from skunkqueue.worker.post import Post
from skunkqueue.worker.reload import Watch
from skunkqueue.worker.rolling_restart import RollingRestart
from skunkqueue.worker.settings import (
    EXIT_FAULT,
    EXIT_OK,
    EXIT_ROUGH,
    EXIT_SETTINGS,
    EXIT_STORE,
    GENTLE,
    GIVE_BACK,
    ROUGH,
    Ending,
    PoolSettings,
)
from skunkqueue.worker.signals import SignalBell, not_ignored
from skunkqueue.worker.starter import Starter, Troubles, explain, hold_standard_streams
from skunkqueue.worker.store_link import StoreLink

logger = logging.getLogger("skunkqueue.pool")

GENTLE_SIGNALS = (signal.SIGHUP, signal.SIGABRT, signal.SIGQUIT, signal.SIGTERM)
STOP_SIGNALS = (*GENTLE_SIGNALS, signal.SIGINT)
_LOOK_EVERY = 0.5
_LOOK_AGAIN = 1.0
_RELOAD_EVERY = 0.3
_CLERK_PATIENCE = 10.0
_LAST_BEAT = 2.0
"""Seconds to wait until the pool is taken off the list."""
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
        # With something random: process 1 of a container has the same number each time.
        self.id = f"{self.host}:{os.getpid()}:{new_id()[-6:]}"
        self._starter = Starter(settings, self.id)
        self._troubles = Troubles()
        self.settings = settings = self._starter.settings
        self._crew = Crew(settings)
        self._plugins = PluginDeaths()
        self._link = link = StoreLink(settings.config)
        self._clerk = Clerk(link, _CLERK_PATIENCE)
        self._reaper = PoolReaper(
            self._clerk, self._plugins, pool=self.id, host=self.host, lease=settings.lease
        )
        self._restart = RollingRestart(
            self._crew, self._start, lambda entry, did: self._clerk.note(entry, did, done=True)
        )
        self._commands = PoolCommands(
            self._crew, self._clerk, self._restart, grace=settings.grace, stop=self._stop
        )
        self._kill_at = self._give_back_at = float("inf")
        self._was_ready = False
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
            reporter = self._reporter(bell)
            try:
                self._watch(bell, reporter)
            finally:
                self._end_all()
                reporter.finish(_LAST_BEAT)
                self._commands.finish()
                self._clerk.finish(_CLERK_PATIENCE)
            notifier.tell(
                "skunkqueue_pool_stopped", pool=self.id, queue=settings.queue, exit_code=self._exit_code
            )
            logger.info("pool %s has ended", self.id)
        return self._exit_code

    # --- the loop ---------------------------------------------------------------------------------

    def _watch(self, bell: SignalBell, reporter: PoolReporter) -> None:
        crew = self._crew
        watch = Watch((".", *self.settings.path)) if self.settings.reload else None
        while True:
            self._fill()
            self._restart.go_on(monotonic())
            if crew.is_done():
                return
            reporter.show(View(self._state(), crew.wanted(), crew.seen()))
            for number in bell.wait(self._pause()):
                self._hear(number)
            self._commands.obey()
            self._reap()
            self._look()
            if watch is not None and not crew.order and (path := watch.changed()):
                self._reload(path)

    def _reporter(self, bell: SignalBell) -> PoolReporter:
        def hear(command: Command) -> None:
            self._commands.hear(command)
            bell.ring()

        settings = self.settings
        record = PoolRecord(
            id=self.id,
            host=self.host,
            pid=os.getpid(),
            queue=settings.queue,
            routes=settings.routes,
            workers=self._crew.wanted(),
            started=0.0,
            version=__version__,
        )
        return PoolReporter(self._link, record, settings.lease, hear)

    def _state(self) -> str:
        if self._crew.order:
            return "stopping"
        if self._restart.is_active:
            return "restarting"
        return "quiet" if self._crew.is_quiet else "running"

    def _pause(self) -> float:
        now = monotonic()
        crew = self._crew
        waits = [
            _RELOAD_EVERY if self.settings.reload else _LOOK_EVERY,
            self._kill_at - now,
            self._give_back_at - now,
            crew.next_kill(),
            self._restart.pause(now),
        ]
        if not crew.order:
            waits += [post.due - now for post in crew.posts if post.child is None and not post.closed]
        return max(0.0, min(waits))

    def _fill(self) -> None:
        if self._crew.order:
            return
        now = monotonic()
        for post in self._crew.posts:
            if not post.is_due(now):
                continue
            obstacle = self._starter.obstacle()
            if obstacle is not None:
                self._cannot_start(post, obstacle, obstacle)
                # To look again costs next to nothing.
                post.due = min(post.due, now + _LOOK_AGAIN)
                continue
            try:
                post.take(self._start(post.route))
            except (OSError, MemoryError) as error:
                word = explain(error)
                self._cannot_start(post, word, word)

    def _start(self, route: str) -> Child:
        child = self._starter.start(
            route,
            resting=self._plugins.left(),
            quiet=bool(self._troubles),
            holds=self._crew.is_quiet,
        )
        logger.debug("%s is started", child)
        return child

    def _hear(self, number: int) -> None:
        if number != signal.SIGCHLD:
            self._stop(ROUGH if number == signal.SIGINT else GENTLE, signal.Signals(number).name)

    def _stop(self, order: bytes, why: str) -> None:
        crew = self._crew
        if order == GENTLE:
            if not crew.order:
                logger.info("%s: stopping gently, current jobs are ended first", why)
                crew.tell_all(GENTLE)
                if self.settings.stop_timeout is not None:
                    self._give_back_at = monotonic() + self.settings.stop_timeout
        elif crew.order != ROUGH:
            logger.info("%s: stopping roughly, current jobs are interrupted", why)
            self._exit_code = EXIT_ROUGH
            self._give_back_at = float("inf")
            self._kill_at = monotonic() + self.settings.grace
            crew.tell_all(ROUGH)
        else:
            logger.info("%s again: killing the workers", why)
            self._kill_all("the pool was told twice to stop roughly")

    def _reload(self, path: str) -> None:
        logger.info("%s has changed: replacing the workers", path)
        for post in self._crew.posts:
            self._crew.give_place(post)

    # --- workers that end -------------------------------------------------------------------------

    def _reap(self) -> None:
        crew = self._crew
        for post in crew.posts:
            if post.child is not None and (end := post.child.reap()) is not None:
                child, post.child = post.child, None
                self._ended(post, child, end)
        for child in tuple(crew.leaving):
            if (end := child.reap()) is not None:
                crew.leaving.remove(child)
                self._see_off(child, end)
                child.close()
        new = crew.successor
        if new is not None and (end := new.reap()) is not None:
            crew.successor = None
            self._see_off(new, end)
            self._restart.lost(new, end, monotonic())
            new.close()
        if os.getpid() == 1:
            _reap_strangers({child.pid for child in crew.children()})

    def _ended(self, post: Post, child: Child, end: End) -> None:
        if child.board.is_ready:
            self._note_ready()
        if child.board.settled:
            post.futile = 0
        self._see_off(child, end)
        if self._crew.order or child.is_dismissed:
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
        """Give back what a worker has left, and tell those who wanted it to end."""
        is_ordered = bool(self._crew.order) or child.is_dismissed
        self._reaper.see_off(child, end, is_ordered=is_ordered)
        self._commands.ended(child, end)

    def _refused(self, post: Post, child: Child, end: End) -> None:
        """See to one that ended before it was ready."""
        word = child.board.word
        if not self._was_ready and not any(one.board.is_ready for one in self._crew.children()):
            post.closed = post.refused = True
            if all(other.closed for other in self._crew.posts):
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
        for post in self._crew.posts:
            if post.refused:
                # What one worker could do, another can: its trouble has passed, or will.
                post.closed = post.refused = False
                self._back_off(post)

    def _back_off(self, post: Post, code: int | None = None, *, quiet: bool = False) -> None:
        """Fill a post later; a burst gives it up after some workers that never were ready, with that exit code."""
        wait = post.back_off()
        if code is not None and self.settings.burst and post.futile >= _BURST_TRIES:
            post.closed = True
            if not self._was_ready and all(other.closed for other in self._crew.posts):
                logger.error("no worker can start, and a burst does not wait: giving up")
                self._exit_code = code
        elif wait and not quiet:
            logger.info("the next worker of route %r is started in %s", post.route, logs.duration(wait))

    # --- workers that do not end ------------------------------------------------------------------

    def _look(self) -> None:
        now = monotonic()
        if now >= self._give_back_at:
            self._give_back(now)
        if now >= self._kill_at:
            logger.info("the grace of %s is over: killing the workers", logs.duration(self.settings.grace))
            self._kill_all("its job did not end when it was interrupted")
        for child in self._crew.overdue(now):
            child.kill_at = float("inf")
            logger.info("%s is killed: its job did not end when it was interrupted", child)
            child.kill(ROUGH_CAUSE, ())
        for child in self._crew.children():
            if child.killed_for is None:
                self._look_at(child, now)
        if not self._was_ready and any(child.board.is_ready for child in self._crew.children()):
            self._note_ready()
        if self._troubles:
            for child in self._crew.children():
                self._troubles.end_with(child)

    def _look_at(self, child: Child, now: float) -> None:
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
            self._reaper.vouch(child, now)

    def _give_back(self, now: float) -> None:
        self._give_back_at = float("inf")
        self._kill_at = now + self.settings.grace
        limit = logs.duration(self.settings.stop_timeout or 0.0)
        logger.info("the stop time-out of %s is over: current jobs are interrupted and given back", limit)
        self._crew.tell_all(GIVE_BACK)

    def _kill_all(self, word: str) -> None:
        self._kill_at = float("inf")
        cause = GIVE_BACK_CAUSE if self._crew.order == GIVE_BACK else ROUGH_CAUSE
        for child in self._crew.children():
            logger.info("%s is killed: %s", child, word)
            child.kill(cause, ())

    def _end_all(self) -> None:
        """Leave no process behind, also where the pool itself fails."""
        for child in self._crew.children():
            child.kill(ROUGH_CAUSE, ())
        self._crew.order = self._crew.order or GENTLE
        while self._crew.children():
            self._reap()
            time.sleep(0.01)


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
