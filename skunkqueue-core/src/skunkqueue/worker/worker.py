"""One worker: its parts put together, its beginning and its end.

The main thread goes through the ``loop`` and runs jobs, so that signals reach them. Beside it work the threads of
``watchdog``, ``maintenance``, ``command_listener`` and ``fetch.fetcher_thread`` and, once an async job has come, of
``run.async_executor``. What they share is in ``in_flight``; what all parts use is in ``services``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from skunkqueue.clock import SYSTEM_CLOCK, Clock, SystemClock, lease_clock, monotonic
from skunkqueue.errors import BackendError
from skunkqueue.imports import Gate
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins.notify import Notifier
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.scoreboard import Scoreboard
from skunkqueue.processes.settings import WorkerSettings, named
from skunkqueue.worker.application_handlers import ApplicationHandlers, leave_hanging
from skunkqueue.worker.command_listener import CommandListener
from skunkqueue.worker.complete.refires import Refires
from skunkqueue.worker.complete.settler import Settler
from skunkqueue.worker.fetch.claimer import Claimer
from skunkqueue.worker.fetch.claimer_of_several import ClaimerOfSeveral
from skunkqueue.worker.fetch.fetcher_thread import FetcherThread
from skunkqueue.worker.heartbeat import Heartbeat
from skunkqueue.worker.in_flight import InFlight
from skunkqueue.worker.judge.admission import Admission
from skunkqueue.worker.judge.judge import Judge
from skunkqueue.worker.lease_keeper import LeaseKeeper
from skunkqueue.worker.liveness import Liveness
from skunkqueue.worker.loop import Loop
from skunkqueue.worker.maintenance import Maintenance
from skunkqueue.worker.orders import Orders
from skunkqueue.worker.output_streams import OutputStreams
from skunkqueue.worker.run.executor import STAGES, Executor
from skunkqueue.worker.run.interrupt import Interrupter
from skunkqueue.worker.run.lazy_async_executor import LazyAsyncExecutor
from skunkqueue.worker.run.runner import Runner
from skunkqueue.worker.run.user_code import UserCode
from skunkqueue.worker.services import Services
from skunkqueue.worker.tidying import Tidying
from skunkqueue.worker.wakeup import Wakeup
from skunkqueue.worker.watchdog import Watchdog

logger = logging.getLogger("skunkqueue.worker")

_LAST_BEAT = 2.0
"""Seconds to wait for the maintenance thread to end."""
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
        is_virtual = not isinstance(clock, SystemClock)
        now = clock.monotonic if is_virtual else monotonic
        self.in_flight = in_flight = InFlight(now, now if is_virtual else lease_clock(), settings.lease)
        self.settings = settings
        self._services = services = Services(
            backend=backend,
            settings=settings,
            clock=clock,
            notifier=Notifier() if notifier is None else notifier,
            liveness=Liveness(clock, settings.lease),
            scoreboard=Scoreboard.private(settings.rows) if scoreboard is None else scoreboard,
            in_flight=in_flight,
            wakeup=Wakeup(),
            ended=threading.Event(),
        )
        self._interrupter = Interrupter(STAGES, lambda: in_flight.running)
        self._refires = Refires(services)
        self._settler = Settler(services, self._refires)
        self.heartbeat = Heartbeat(services, self._settler)
        self.runner = self._make_runner()
        claimer = (
            Claimer(backend, settings)
            if len(settings.routes) == 1
            else ClaimerOfSeveral(backend, settings, now)
        )
        self._fetcher_thread = FetcherThread(services, claimer, slice_=slice_)
        self._tidying = Tidying(self._interrupter, streams)
        self.loop = Loop(
            services,
            claimer,
            self.runner,
            settler=self._settler,
            refires=self._refires,
            async_executor=self._async_executor,
            # On a virtual clock it would not block but race through time.
            fetcher_thread=None if is_virtual else self._fetcher_thread,
            tidy=self._tidy,
        )
        self.orders = Orders(services, self.loop, wake_watchdog=lambda: self._watchdog.wake())  # noqa: PLW0108 - it is made below
        self._watchdog = Watchdog(
            services,
            self._interrupter,
            self._async_executor,
            obey=self.orders.obey_pool,
            give_up=self._give_up if give_up is None else give_up,
            control_pipe=control_pipe,
        )
        self._maintenance = Maintenance(
            services,
            self._settler,
            self._refires,
            lease_keeper=LeaseKeeper(services, self._watchdog.wake),
            heartbeat=self.heartbeat,
        )
        self._command_listener = CommandListener(services, self.orders.obey_command, slice_=slice_)
        self._threads: list[threading.Thread] = [self._watchdog, self._maintenance]
        if not is_virtual:
            self._threads += [self._command_listener, self._fetcher_thread]
        if settings.holds:
            self.loop.hold(holding=True)

    def _make_runner(self) -> Runner:
        """Put the parts together that run jobs."""
        services, settings = self._services, self._services.settings
        most = settings.max_payload
        if services.backend.max_payload is not None:
            most = min(most, services.backend.max_payload)
        gate = Gate(settings.path, settings.allow, worker=True, runs=True)
        self._application = ApplicationHandlers(settings.queue, gate)
        executor = Executor(gate, most, self._application.start, threaded=settings.threads > 1)
        self._async_executor = LazyAsyncExecutor(services, executor)
        user_code = UserCode(services, self._interrupter)
        judge = Judge(services, executor, user_code, self._application, max_payload=most)
        admission = Admission(
            services,
            judge,
            executor,
            user_code=user_code,
            refires=self._refires,
            settler=self._settler,
            async_executor=self._async_executor,
        )
        return Runner(
            services,
            executor,
            self._interrupter,
            async_executor=self._async_executor,
            admission=admission,
            judge=judge,
            refires=self._refires,
            settler=self._settler,
            user_code=user_code,
        )

    def run(self) -> Ending:
        """Work; BackendError where the store cannot be reached at the very start.

        ConfigError where a module cannot be imported, HandlerError where the application's own start raises.
        """
        services, settings = self._services, self._services.settings
        self._application.load(settings.imports)
        self._application.start()
        started = services.backend.now()
        self.heartbeat.start(started)
        # The watchdog's first look, made here: a job may hold the GIL from the very start, and the pool must not
        # take the worker for one that is still starting.
        services.scoreboard.look(self.in_flight.monotonic())
        services.scoreboard.ready(started)
        self._interrupter.install()
        for thread in self._threads:
            thread.start()
        logger.info(
            "worker %s is ready for %s of queue %r on %s",
            settings.id,
            named(settings.routes),
            settings.queue,
            services.backend.location(),
        )
        services.notifier.tell("skunkqueue_worker_started", worker=self.heartbeat.describe())
        try:
            self.loop.run()
        finally:
            self._end()
        return self.loop.ending

    def stop(self, *, rough: bool = False, ending: Ending = Ending.STOPPED) -> None:
        """End after the running jobs, or interrupt them; from any thread and from signal handlers."""
        self.orders.stop(rough=rough, ending=ending)

    def _end(self) -> None:
        services, settings = self._services, self._services.settings
        services.ended.set()
        if self._maintenance.is_alive():
            # A beat that is under way would list the worker again.
            self._maintenance.join(_LAST_BEAT)
        self.loop.release_rest()
        try:
            services.backend.unregister(settings.id)
        except BackendError as error:
            logger.warning("this worker could not be taken off the list, and will vanish from it: %s", error)
        self._watchdog.end()
        self._fetcher_thread.end()
        self._interrupter.remove()
        self._refires.close()
        self._async_executor.close()
        board, ending, word, grace = services.scoreboard, self.loop.ending, self.loop.word, settings.grace
        self._application.stop(grace, lambda: leave_hanging(board, ending, word, grace))
        reason = self.loop.ending.name.lower()
        services.notifier.tell("skunkqueue_worker_stopped", worker=self.heartbeat.describe(), reason=reason)
        services.notifier.close()
        logger.info("worker %s has ended: %s", settings.id, self.loop.word or reason)

    def _tidy(self) -> None:
        self._watchdog.leave_if_cut_off()
        self._tidying.tidy()

    def _give_up(self) -> None:
        self.stop(rough=True, ending=Ending.DISCONNECTED)
