"""The main loop of the parent process: watches workers, and hears signals. Knows nothing of jobs.

HUP, ABRT, QUIT and TERM stop gently: each worker ends its current job and records it. INT stops roughly: an exception is raised
in each running job (``stopping``). After a SIGKILL of the pool its workers end by themselves, since the control pipe closes
(``child_process``). Commands from the store do the same, and more (``commands``).
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
from skunkqueue.pool import plugin_exits
from skunkqueue.pool.child_process import ChildProcess, End
from skunkqueue.pool.commands import PoolCommands
from skunkqueue.pool.crew import Crew
from skunkqueue.pool.heartbeat import PoolHeartbeat, View
from skunkqueue.pool.pid_file import PidFile
from skunkqueue.pool.plugin_deaths import PluginDeaths
from skunkqueue.pool.reaper import Reaper
from skunkqueue.pool.reload import Watch
from skunkqueue.pool.respawn import Respawn
from skunkqueue.pool.rolling_restart import RollingRestart
from skunkqueue.pool.shared_store import SharedStore
from skunkqueue.pool.signals import SignalWakeup
from skunkqueue.pool.slot import Slot
from skunkqueue.pool.starter import Starter, hold_standard_streams
from skunkqueue.pool.stopping import Stopping
from skunkqueue.pool.store_reporter import StoreReporter
from skunkqueue.pools import PoolRecord
from skunkqueue.processes.control_pipe import GENTLE, ROUGH
from skunkqueue.processes.exit_codes import EXIT_ROUGH
from skunkqueue.processes.log_setup import set_up_pool
from skunkqueue.processes.scoreboard import GIVE_BACK as GIVE_BACK_CAUSE
from skunkqueue.processes.scoreboard import ROUGH as ROUGH_CAUSE
from skunkqueue.processes.scoreboard import STRATEGY as STRATEGY_CAUSE
from skunkqueue.processes.settings import PoolSettings
from skunkqueue.processes.signals import not_ignored
from skunkqueue.processes.timed_notifier import TimedNotifier
from skunkqueue.records import Command

logger = logging.getLogger("skunkqueue.pool")

GENTLE_SIGNALS = (signal.SIGHUP, signal.SIGABRT, signal.SIGQUIT, signal.SIGTERM)
STOP_SIGNALS = (*GENTLE_SIGNALS, signal.SIGINT)
_LOOK_EVERY = 0.5
_RELOAD_EVERY = 0.3
_HELD_UP = 0.02
_STORE_PATIENCE = 10.0
_LAST_BEAT = 2.0
"""Seconds to wait until the pool is taken off the list."""


class Supervisor:
    """A pool for one queue; ``run`` blocks the main thread until it ends."""

    def __init__(self, settings: PoolSettings) -> None:
        """Raise ConfigError or NameInvalidError for settings that are wrong."""
        settings.check()
        self.host = os.uname().nodename
        # With something random: process 1 of a container has the same number each time.
        self.id = f"{self.host}:{os.getpid()}:{new_id()[-6:]}"
        starter = Starter(settings, self.id)
        self.settings = settings = starter.settings
        self._crew = Crew(settings)
        plugins = PluginDeaths()
        self._store = SharedStore(settings.config)
        self._store_reporter = StoreReporter(self._store, _STORE_PATIENCE)
        self._respawn = Respawn(self._crew, starter, plugins, burst=settings.burst)
        self._reaper = Reaper(
            self._store_reporter, plugins, pool=self.id, host=self.host, lease=settings.lease
        )
        self._restart = RollingRestart(
            self._crew,
            self._respawn.start,
            lambda entry, did: self._store_reporter.note(entry, did, done=True),
        )
        self._stopping = Stopping(self._crew, settings)
        self._commands = PoolCommands(
            self._crew, self._store_reporter, self._restart, stop=self._stopping.stop
        )

    def run(self) -> int:
        """Work until stopped or done; return the exit code (``exit_codes.EXIT_*``)."""
        settings = self.settings
        hold_standard_streams()
        set_up_pool(settings, self.id)
        heard = not_ignored(STOP_SIGNALS)
        notifier = TimedNotifier()
        # Before signals are only noted: a plugin may hang as it is loaded, and the pool must end then, too.
        with plugin_exits.named(notifier):
            notifier.add_installed()
        with PidFile(settings.pidfile), SignalWakeup((*heard, signal.SIGCHLD)) as wakeup:
            with plugin_exits.named(notifier):
                notifier.tell(
                    "skunkqueue_pool_started",
                    pool=self.id,
                    host=self.host,
                    pid=os.getpid(),
                    queue=settings.queue,
                    routes=settings.all_routes,
                )
            logger.info("pool %s works on queue %r, %s", self.id, settings.queue, _routes(settings))
            if ignored := [number.name for number in STOP_SIGNALS if number not in heard]:
                logger.info("signals ignored since the start: %s", ", ".join(ignored))
            reporter = self._reporter(wakeup)
            try:
                self._watch(wakeup, reporter)
            finally:
                self._end_all()
                reporter.finish(_LAST_BEAT)
                self._commands.finish()
                self._store_reporter.finish(_STORE_PATIENCE)
            with plugin_exits.named(notifier):
                notifier.tell(
                    "skunkqueue_pool_stopped", pool=self.id, queue=settings.queue, exit_code=self._exit_code()
                )
            logger.info("pool %s has ended", self.id)
        return self._exit_code()

    def _exit_code(self) -> int:
        return EXIT_ROUGH if self._stopping.was_rough else self._respawn.exit_code

    # --- the loop ---------------------------------------------------------------------------------

    def _watch(self, wakeup: SignalWakeup, reporter: PoolHeartbeat) -> None:
        crew = self._crew
        watch = Watch((".", *self.settings.path)) if self.settings.reload else None
        while True:
            if not crew.order and not self._is_held_up:
                self._respawn.fill()
            self._restart.go_on(monotonic())
            if crew.is_done():
                return
            reporter.show(View(self._state(), crew.wanted(), crew.seen()))
            for number in wakeup.wait(self._pause()):
                self._hear(number)
            self._commands.obey()
            self._reap()
            self._look()
            if watch is not None and not crew.order and (path := watch.changed()):
                self._reload(path)

    def _reporter(self, wakeup: SignalWakeup) -> PoolHeartbeat:
        def hear(command: Command) -> None:
            self._commands.hear(command)
            wakeup.wake()

        settings = self.settings
        record = PoolRecord(
            id=self.id,
            host=self.host,
            pid=os.getpid(),
            queue=settings.queue,
            routes=settings.all_routes,
            workers=self._crew.wanted(),
            started=0.0,
            version=__version__,
        )
        return PoolHeartbeat(self._store, record, settings.lease, hear)

    def _state(self) -> str:
        if self._crew.order:
            return "stopping"
        if self._restart.is_active:
            return "restarting"
        return "quiet" if self._crew.is_quiet else "running"

    @property
    def _is_held_up(self) -> bool:
        """Return whether no worker may start yet: a burst's ends where nothing is due, so first what a dead one held is given back."""
        return self.settings.burst and self._store_reporter.is_behind

    def _pause(self) -> float:
        now = monotonic()
        crew = self._crew
        waits = [
            _RELOAD_EVERY if self.settings.reload else _LOOK_EVERY,
            self._stopping.next_limit(now),
            self._restart.pause(now),
        ]
        if self._is_held_up:
            waits.append(_HELD_UP)
        elif not crew.order:
            waits += [slot.due - now for slot in crew.slots if slot.child is None and not slot.closed]
        return max(0.0, min(waits))

    def _hear(self, number: int) -> None:
        if number != signal.SIGCHLD:
            self._stopping.stop(ROUGH if number == signal.SIGINT else GENTLE, signal.Signals(number).name)

    def _reload(self, path: str) -> None:
        logger.info("%s has changed: replacing the workers", path)
        for slot in self._crew.slots:
            self._crew.vacate(slot)

    # --- workers that end -------------------------------------------------------------------------

    def _reap(self) -> None:
        crew = self._crew
        for slot in crew.slots:
            if slot.child is not None and (end := slot.child.reap()) is not None:
                child, slot.child = slot.child, None
                self._ended(slot, child, end)
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

    def _ended(self, slot: Slot, child: ChildProcess, end: End) -> None:
        self._see_off(child, end)
        self._respawn.ended(slot, child, end, is_ordered=bool(self._crew.order) or child.is_dismissed)
        child.close()

    def _see_off(self, child: ChildProcess, end: End) -> None:
        """Give back what a worker has left, and write the receipts of commands that wait for its end."""
        is_ordered = bool(self._crew.order) or child.is_dismissed
        self._reaper.see_off(child, end, is_ordered=is_ordered)
        self._commands.ended(child, end)

    # --- workers that do not end ------------------------------------------------------------------

    def _look(self) -> None:
        now = monotonic()
        self._stopping.look(now)
        for child in self._crew.children():
            if child.killed_for is None:
                self._look_at(child, now)
        self._respawn.look()

    def _look_at(self, child: ChildProcess, now: float) -> None:
        called = child.scoreboard.plugin_calls()
        over = [one for one in child.scoreboard.running() if one.deadline and one.deadline <= now]
        if any(call.deadline <= now for call in called):
            logger.error("%s is killed: the code of a plugin does not return", child)
            child.kill(STRATEGY_CAUSE, ())
        elif over and not called:
            cause = over[0].cause
            logger.error("%s is killed: its job did not end when it was interrupted (%s)", child, cause)
            child.kill(cause, tuple(one.id for one in over if one.cause == cause))
        else:
            self._reaper.vouch(child, now)

    def _end_all(self) -> None:
        """Kill every worker that still runs, as where the pool itself fails; their jobs are given back, unless they were to end as killed."""
        order = self._crew.order
        for child in self._crew.children():
            child.kill(ROUGH_CAUSE if order == ROUGH else GIVE_BACK_CAUSE, ())
        self._crew.order = order or GENTLE
        while self._crew.children():
            self._reap()
            time.sleep(0.01)


def _routes(settings: PoolSettings) -> str:
    each = f", {settings.processes} workers each" if settings.processes > 1 else ""
    together = [" and ".join(map(repr, group)) for group in settings.route_groups]
    return f"route{'s' * (len(settings.all_routes) > 1)} {', '.join(together)}{each}"


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
