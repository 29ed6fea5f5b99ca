"""One worker: its parts put together, its beginning and its end, and the orders it obeys.

The main thread goes through the ``loop`` and runs jobs, so that signals reach them. Beside it work the
watchdog (interrupts), the maintenance thread (leases, heart), the command listener (mailbox), the fetcher thread (waits for work), and,
once an async job has come, the async executor (event loop). What they share is in ``in_flight``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from skunkqueue import __version__
from skunkqueue.clock import SYSTEM_CLOCK, Clock, SystemClock, lease_clock, monotonic
from skunkqueue.context import current
from skunkqueue.errors import BackendError
from skunkqueue.imports import Gate
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins.calls import Rests
from skunkqueue.plugins.notify import Notifier
from skunkqueue.processes.control_pipe import BEGIN, DISMISS, DISMISS_ROUGH, GENTLE, GIVE_BACK, HOLD, ROUGH
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.log_setup import keep_enabled
from skunkqueue.processes.scoreboard import Scoreboard
from skunkqueue.processes.settings import WorkerSettings, named
from skunkqueue.records import MAX_RUNNING, Command, WorkerRecord
from skunkqueue.worker.application_handlers import ApplicationHandlers, leave_hanging
from skunkqueue.worker.command_listener import CommandListener
from skunkqueue.worker.complete.refires import Refires
from skunkqueue.worker.complete.settler import Settler
from skunkqueue.worker.fetch.claimer import Claimer
from skunkqueue.worker.fetch.claimer_of_several import ClaimerOfSeveral
from skunkqueue.worker.fetch.fetcher_thread import FetcherThread
from skunkqueue.worker.in_flight import NEVER, InFlight
from skunkqueue.worker.liveness import Liveness
from skunkqueue.worker.loop import Loop
from skunkqueue.worker.maintenance import Maintenance
from skunkqueue.worker.memory import resident
from skunkqueue.worker.run.executor import STAGES, Executor
from skunkqueue.worker.run.interrupt import Interrupter
from skunkqueue.worker.run.runner import Runner
from skunkqueue.worker.wakeup import Wakeup
from skunkqueue.worker.watchdog import Watchdog

if TYPE_CHECKING:
    from skunkqueue.worker.output_streams import OutputStreams
    from skunkqueue.worker.run.async_executor import AsyncExecutor

logger = logging.getLogger("skunkqueue.worker")

_MIB = 1024 * 1024
_LAST_BEAT = 2.0
"""Seconds to wait for the maintenance thread's last words."""
SLICE = 30.0
"""Seconds for which the store may block a wait of ours at a time."""


class Worker:
    """One worker; ``run`` works in the calling thread until told to stop, or nothing is due in a burst.

    Outside of a process' main thread, as in tests, jobs cannot be interrupted. With a virtual clock it
    hears no commands, and time passes whenever there is nothing to do.
    """

    def __init__(
        self,
        backend: Backend,
        settings: WorkerSettings,
        *,
        clock: Clock = SYSTEM_CLOCK,
        notifier: Notifier | None = None,
        scoreboard: Scoreboard | None = None,
        control_pipe: int | None = None,
        streams: OutputStreams | None = None,
        give_up: Callable[[], None] | None = None,
        slice_: float = SLICE,
    ) -> None:
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._is_virtual = not isinstance(clock, SystemClock)
        self._monotonic = clock.monotonic if self._is_virtual else monotonic
        self._notifier = Notifier() if notifier is None else notifier
        self._streams = streams
        self._loggers = 0
        """How many loggers there were when ours were last looked after."""
        self._ended = threading.Event()
        self._wakeup = wakeup = Wakeup()
        self._folder = os.getcwd()  # noqa: PTH109 - as it is compared with
        self.scoreboard = scoreboard = Scoreboard.private(settings.rows) if scoreboard is None else scoreboard

        me = settings.id
        self._liveness = liveness = Liveness(clock, settings.lease)
        self.in_flight = in_flight = InFlight(
            self._monotonic, self._monotonic if self._is_virtual else lease_clock(), settings.lease
        )
        self._refires = Refires(
            backend,
            settings.queue,
            settings.routes,
            in_flight=in_flight,
            scoreboard=scoreboard,
            lease=settings.lease,
            rests=Rests(settings.resting),
        )
        self._interrupter = Interrupter(STAGES, lambda: in_flight.running and in_flight.running.claim)
        self._settler = Settler(
            backend,
            in_flight,
            self._refires,
            scoreboard=scoreboard,
            liveness=liveness,
            notifier=self._notifier,
            worker=me,
        )
        most = settings.max_payload
        if backend.max_payload is not None:
            most = min(most, backend.max_payload)
        gate = Gate(settings.path, settings.allow, worker=True)
        self._application = ApplicationHandlers(settings.queue, gate)
        self._executor = Executor(gate, most, self._application.start, threaded=settings.threads > 1)
        self.runner = Runner(
            self._executor,
            self._interrupter,
            in_flight,
            settler=self._settler,
            refires=self._refires,
            scoreboard=scoreboard,
            worker=me,
            unknown_for=settings.unknown_jobs_for,
            max_payload=most,
            application=self._application,
            open_async_executor=self._open_async_executor,
        )
        self._watchdog = Watchdog(
            in_flight,
            self._interrupter,
            scoreboard,
            liveness=liveness,
            clock=clock,
            grace=settings.grace,
            obey=self._obey_pool,
            give_up=self._give_up if give_up is None else give_up,
            control_pipe=control_pipe,
        )
        self._maintenance = Maintenance(
            backend,
            in_flight,
            self._settler,
            self._refires,
            liveness=liveness,
            notifier=self._notifier,
            clock=clock,
            lease=settings.lease,
            describe=self._describe,
            interrupt=self._watchdog.wake,
            wake=wakeup.wake,
            ended=self._ended,
        )
        self._command_listener = CommandListener(
            backend, me, self._obey, liveness=liveness, slice_=slice_, ended=self._ended
        )
        claimer = (
            Claimer(backend, settings)
            if len(settings.routes) == 1
            else ClaimerOfSeveral(backend, settings, self._monotonic)
        )
        self._fetcher_thread = FetcherThread(
            backend,
            claimer,
            settings,
            in_flight,
            wakeup.wake,
            liveness=liveness,
            notifier=self._notifier,
            slice_=slice_,
            ended=self._ended,
        )
        self.loop = Loop(
            claimer,
            settings,
            in_flight=in_flight,
            runner=self.runner,
            settler=self._settler,
            refires=self._refires,
            liveness=liveness,
            notifier=self._notifier,
            scoreboard=scoreboard,
            wakeup=wakeup,
            # On a virtual clock it would not block but race through time.
            fetcher_thread=None if self._is_virtual else self._fetcher_thread,
            tidy=self._tidy,
        )
        if settings.holds:
            self.loop.hold(holding=True)
        self._record = WorkerRecord(
            id=me,
            queue=settings.queue,
            route=settings.route,
            routes=settings.routes,
            pool=settings.pool,
            host=os.uname().nodename,
            pid=os.getpid(),
            started=0.0,
            version=__version__,
        )

    # --- life -------------------------------------------------------------------------------------

    def run(self) -> Ending:
        """Work; BackendError where the store cannot be reached at the very start.

        ConfigError where a module cannot be imported, HandlerError where the application's own start raises.
        """
        self._application.load(self._settings.imports)
        self._application.start()
        self._record = msgspec.structs.replace(self._record, started=self._backend.now())
        self._backend.register(self._describe(), self._settings.lease)
        self._liveness.answered()
        # Also the first look, lest a job that holds the GIL from the very start be taken for a worker that
        # is still starting.
        self.scoreboard.look(self._monotonic())
        self.scoreboard.ready(self._record.started)
        self._interrupter.install()
        threads: list[threading.Thread] = [self._watchdog, self._maintenance]
        if not self._is_virtual:
            threads += [self._command_listener, self._fetcher_thread]
        for thread in threads:
            thread.start()
        logger.info(
            "worker %s is ready for %s of queue %r on %s",
            self._settings.id,
            named(self._settings.routes),
            self._settings.queue,
            self._backend.location(),
        )
        self._notifier.tell("skunkqueue_worker_started", worker=self._describe())
        try:
            self.loop.run()
        finally:
            self._end()
        return self.loop.ending

    def stop(self, *, rough: bool = False, ending: Ending = Ending.STOPPED) -> None:
        """End after the running jobs, or interrupt them; from any thread and from signal handlers."""
        if rough:
            self._watchdog.rough = self.loop.hurried = True
        self.loop.stop(ending)
        self._watchdog.wake()

    def give_back(self) -> None:
        """End without waiting for the running jobs: they are interrupted, and run again elsewhere."""
        self._watchdog.gives_back = True
        self.stop()

    def _end(self) -> None:
        self._ended.set()
        if self._maintenance.is_alive():
            # A beat that is under way would list the worker again.
            self._maintenance.join(_LAST_BEAT)
        self.loop.release_rest()
        try:
            self._backend.unregister(self._settings.id)
        except BackendError as error:
            logger.warning("this worker could not be taken off the list, and will vanish from it: %s", error)
        self._watchdog.end()
        self._fetcher_thread.end()
        self._interrupter.remove()
        self._refires.close()
        if self.runner.async_executor is not None:
            self.runner.async_executor.close()
        grace, code = self._settings.grace, self.loop.ending.exit_code
        self._application.stop(grace, lambda: leave_hanging(grace, code))
        reason = self.loop.ending.name.lower()
        self._notifier.tell("skunkqueue_worker_stopped", worker=self._describe(), reason=reason)
        self._notifier.close()
        logger.info("worker %s has ended: %s", self._settings.id, self.loop.word or reason)

    def _tidy(self) -> None:
        """Undo what jobs may have done to the process."""
        self._watchdog.leave_if_cut_off()
        self._interrupter.keep()
        # What hooks log from here on is not the last job's.
        current.set(None)
        if self._streams is not None:
            self._streams.keep()
            if len(logging.Logger.manager.loggerDict) != self._loggers:
                self._loggers = len(logging.Logger.manager.loggerDict)
                keep_enabled()
            with contextlib.suppress(OSError):
                if os.getcwd() != self._folder:  # noqa: PTH109 - called often
                    os.chdir(self._folder)

    def _open_async_executor(self) -> AsyncExecutor:
        from skunkqueue.worker.run.async_executor import AsyncExecutor  # noqa: PLC0415 - asyncio is large and not every worker needs it

        async_executor = AsyncExecutor(
            self._executor,
            self.in_flight,
            self.scoreboard,
            done=self.runner.ended_async,
            wake=self._wakeup.wake,
            threads=self._settings.threads,
        )
        self._watchdog.async_executor = async_executor
        return async_executor

    # --- orders -------------------------------------------------------------------------------

    def _obey_pool(self, order: bytes) -> None:
        if order == GENTLE:
            self.stop()
        elif order == ROUGH:
            self.stop(rough=True)
        elif order == GIVE_BACK:
            self.give_back()
        elif order in (DISMISS, DISMISS_ROUGH):
            self.stop(rough=order == DISMISS_ROUGH, ending=Ending.DISMISSED)
        elif order in (HOLD, BEGIN):
            self.loop.hold(holding=order == HOLD)

    def _obey(self, command: Command) -> None:
        if command.verb == "kill" and command.firing is not None:
            self.in_flight.kills[command.firing] = self._monotonic()
            self._watchdog.wake()
        elif command.verb in ("stop", "rough"):
            logger.info("told to stop%s by command", " roughly" if command.verb == "rough" else "")
            self._note(command, "ends without another in its place")
            self.stop(rough=command.verb == "rough", ending=Ending.DISMISSED)
        elif command.verb in ("quiet", "resume"):
            is_quiet = command.verb == "quiet"
            self.loop.hold(holding=is_quiet)
            self._note(command, f"begins {'nothing more' if is_quiet else 'jobs again'}")
        elif command.verb == "restart":
            logger.info("told to end by command, for another to take its place")
            self.loop.word = "told to by command"
            self._note(command, "ends for another to take its place")
            self.stop(ending=Ending.RECYCLED)
        else:
            logger.warning("an unknown command is ignored: %r", command.verb)
            self._note(command, f"nothing: this version does not know {command.verb!r}")

    def _note(self, command: Command, did: str) -> None:
        """Leave a receipt for whoever sent a command, where the pool did not get it."""
        if command.id is None or "audit" not in self._backend.capabilities:
            return
        try:
            self._backend.note_entry(command.id, did=did, heard=True, done=True)
        except BackendError as error:
            logger.warning("not noted in the audit log: entry=%s reason=%s", command.id, error)

    def _give_up(self) -> None:
        self.stop(rough=True, ending=Ending.DISCONNECTED)

    def _describe(self) -> WorkerRecord:
        begun = self.in_flight.begun()
        if not begun and (planning := self.in_flight.planning) is not None:
            begun = [planning]
        if self._liveness.is_disconnected:
            state = "disconnected"
        elif self.loop.stopping:
            state = "stopping"
        elif begun:
            state = "busy"
        else:
            state = "quiet" if self.in_flight.holding else "idle"
        return msgspec.structs.replace(
            self._record,
            state=state,
            current=begun[0].claim.id if begun else None,
            running=tuple(one.claim.id for one in begun if one.began != NEVER)[:MAX_RUNNING],
            done=self._settler.done,
            rss=resident(),
        )
