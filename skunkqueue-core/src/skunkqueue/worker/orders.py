"""What a worker does when it is told something: by its pool, by a command in its mailbox, by a signal."""

from __future__ import annotations

import logging
from collections.abc import Callable

from skunkqueue.errors import BackendError
from skunkqueue.processes.control_pipe import BEGIN, DISMISS, DISMISS_ROUGH, GENTLE, GIVE_BACK, HOLD, ROUGH
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.records import Command
from skunkqueue.worker.loop import Loop
from skunkqueue.worker.run import reasons
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")


class Orders:
    """For one worker; its methods are called from any thread, and ``stop`` from signal handlers too."""

    def __init__(self, services: Services, loop: Loop, *, wake_watchdog: Callable[[], None]) -> None:
        self._backend = services.backend
        self._in_flight = services.in_flight
        self._loop = loop
        self._wake_watchdog = wake_watchdog

    def stop(self, *, rough: bool = False, ending: Ending = Ending.STOPPED) -> None:
        """End after the running jobs, or interrupt them."""
        if rough:
            self._in_flight.interrupt_all = reasons.ROUGH
            self._loop.hurried = True
        self._loop.stop(ending)
        self._wake_watchdog()

    def give_back(self) -> None:
        """End without waiting for the running jobs: they are interrupted, and run again elsewhere."""
        if self._in_flight.interrupt_all is None:
            self._in_flight.interrupt_all = reasons.GIVE_BACK
        self.stop()

    def obey_pool(self, order: bytes) -> None:
        """Do what the pool says by the control pipe."""
        if order == GENTLE:
            self.stop()
        elif order == ROUGH:
            self.stop(rough=True)
        elif order == GIVE_BACK:
            self.give_back()
        elif order in (DISMISS, DISMISS_ROUGH):
            self.stop(rough=order == DISMISS_ROUGH, ending=Ending.DISMISSED)
        elif order in (HOLD, BEGIN):
            self._loop.hold(holding=order == HOLD)

    def obey_command(self, command: Command) -> None:
        """Do what a command in the mailbox says."""
        if command.verb == "kill" and command.firing is not None:
            self._in_flight.kills[command.firing] = self._in_flight.monotonic()
            self._wake_watchdog()
        elif command.verb in ("stop", "rough"):
            logger.info("told to stop%s by command", " roughly" if command.verb == "rough" else "")
            self._note(command, "ends without another in its place")
            self.stop(rough=command.verb == "rough", ending=Ending.DISMISSED)
        elif command.verb in ("quiet", "resume"):
            is_quiet = command.verb == "quiet"
            self._loop.hold(holding=is_quiet)
            self._note(command, f"begins {'nothing more' if is_quiet else 'jobs again'}")
        elif command.verb == "restart":
            logger.info("told to end by command, for another to take its place")
            self._loop.word = "told to by command"
            self._note(command, "ends for another to take its place")
            self.stop(ending=Ending.RECYCLED)
        else:
            logger.warning("an unknown command is ignored: %r", command.verb)
            self._note(command, f"nothing: this version does not know {command.verb!r}")

    def _note(self, command: Command, did: str) -> None:
        """Note in the audit log what was done, for a command that the pool did not get."""
        if command.id is None or "audit" not in self._backend.capabilities:
            return
        try:
            self._backend.note_entry(command.id, did=did, heard=True, done=True)
        except BackendError as error:
            logger.warning("not noted in the audit log: entry=%s reason=%s", command.id, error)
