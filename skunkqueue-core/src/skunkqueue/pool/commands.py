"""Carries out the commands from the pool's mailbox: for all of its workers, or for one.

``command_listener`` hears them on another thread; the main thread carries them out. Each leaves a receipt in the audit log: that it
was heard, and what was done.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from skunkqueue.pool.child_process import ChildProcess, End
from skunkqueue.pool.crew import Crew
from skunkqueue.pool.rolling_restart import RollingRestart
from skunkqueue.pool.store_reporter import StoreReporter
from skunkqueue.pools import NOTHING
from skunkqueue.processes.control_pipe import BEGIN, DISMISS, DISMISS_ROUGH, GENTLE, HOLD, ROUGH
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.scoreboard import GIVE_BACK as GIVE_BACK_CAUSE
from skunkqueue.processes.scoreboard import ROUGH as ROUGH_CAUSE
from skunkqueue.records import Command

logger = logging.getLogger("skunkqueue.pool")


class PoolCommands:
    """For one pool."""

    def __init__(
        self,
        crew: Crew,
        store_reporter: StoreReporter,
        restart: RollingRestart,
        *,
        stop: Callable[[bytes, str], None],
    ) -> None:
        """``stop`` ends the pool, gently or roughly; it is given the order, and who gave it."""
        self._crew = crew
        self._store_reporter = store_reporter
        self._restart = restart
        self._stop = stop
        self._heard: deque[Command] = deque()
        self._at_the_end: list[str] = []
        """Entries of the audit log that are done once the pool has ended."""

    def hear(self, command: Command) -> None:
        """Take a command; from any thread."""
        self._heard.append(command)

    def obey(self) -> None:
        """Carry out what was heard; by the main thread."""
        while self._heard:
            command = self._heard.popleft()
            logger.info(
                "command: verb=%r worker=%r entry=%r", command.verb, command.worker or "", command.id or ""
            )
            if command.id is not None:
                self._store_reporter.note(command.id)
            if command.worker is not None:
                did = self._tell_one(command, command.worker)
            else:
                did = self._tell_all(command)
            if did is not None and command.id is not None:
                self._store_reporter.note(command.id, did, done=True)

    def ended(self, child: ChildProcess, end: End) -> None:
        """Write the receipts that wait for this worker's end."""
        for receipt in child.receipts:
            self._store_reporter.note(receipt, _how(child, end), done=True)

    def finish(self) -> None:
        """Write the receipts that wait for the pool's end."""
        for receipt in self._at_the_end:
            self._store_reporter.note(receipt, "the pool has ended", done=True)

    # --- each returns what was done; None: that comes later ---------------------------------------------------------

    def _tell_all(self, command: Command) -> str | None:
        crew, verb = self._crew, command.verb
        if verb in ("stop", "rough"):
            self._at_the_end += [command.id] if command.id is not None else []
            self._stop(ROUGH if verb == "rough" else GENTLE, "by command")
            return None
        if crew.order:
            return f"{NOTHING}the pool is stopping already"
        if verb in ("quiet", "resume"):
            count = crew.hold(quiet=verb == "quiet")
            words = "begin nothing more" if crew.is_quiet else "begin jobs again"
            return f"told {count} worker{'' if count == 1 else 's'} to {words}"
        if verb == "restart":
            self._restart.begin(command.id)
            return None
        logger.warning("an unknown command is ignored: %r", verb)
        return f"{NOTHING}this version does not know {verb!r}"

    def _tell_one(self, command: Command, worker: str) -> str | None:
        verb = command.verb
        if verb in ("quiet", "resume"):
            return self._hold_one(worker, quiet=verb == "quiet")
        if verb not in ("stop", "rough", "restart"):
            logger.warning("an unknown command is ignored: %r", verb)
            return f"{NOTHING}this version does not know {verb!r}"
        child = self._crew.find(worker)
        if child is None:
            return self._tell_slot(verb, worker)
        if verb == "restart":
            return self._replace(child, command.id)
        if command.id is not None:
            child.receipts.append(command.id)
        child.is_dismissed = True
        self._crew.tell_one(child, DISMISS if verb == "stop" else DISMISS_ROUGH)
        return None

    def _replace(self, child: ChildProcess, receipt: str | None) -> str | None:
        slot = self._crew.slot_of(child.settings.id)
        if child is self._crew.successor:
            return f"{NOTHING}that worker is new: it takes the place of another"
        if slot is not None and not (self._crew.order or child.is_dismissed):
            self._restart.replace(slot, receipt)
        elif receipt is not None:
            # It ends in any case.
            child.receipts.append(receipt)
        return None

    def _hold_one(self, worker: str, *, quiet: bool) -> str:
        child = self._crew.find(worker)
        if child is None or child.is_leaving:
            return f"{NOTHING}that worker ends, or has ended already"
        if self._crew.is_quiet:
            return f"{NOTHING}its whole pool is quiet"
        child.order(HOLD if quiet else BEGIN)
        return f"told it to begin {'nothing more' if quiet else 'jobs again'}"

    def _tell_slot(self, verb: str, worker: str) -> str:
        """Carry out a command for a worker that has died, and whose slot is still empty."""
        slot = self._crew.slot_of(worker)
        if slot is None or self._crew.order:
            return f"{NOTHING}that worker has ended already"
        if verb == "restart":
            slot.fill_at_once()
            return "it had died: another is started at once"
        slot.close()
        return "it had died: none takes its place"


def _how(child: ChildProcess, end: End) -> str:
    how = _ended(child, end)
    return how if child.replaced_by is None else f"replaced by {child.replaced_by}; {how}"


def _ended(child: ChildProcess, end: End) -> str:
    if child.killed_for in (ROUGH_CAUSE, GIVE_BACK_CAUSE):
        what = "its job did not end" if child.scoreboard.is_ready else "it did not get ready"
        return f"killed, since {what}: {end}"
    if end.ending is Ending.NONE:
        return f"it died: {end}"
    if child.kill_cause == GIVE_BACK_CAUSE:
        return f"ended after the stop time-out: {end}"
    return f"ended: {end}"
