"""Gives back the firings of a worker that died, and keeps the leases of one whose job holds the GIL."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from skunkqueue import __version__
from skunkqueue.pool.child_process import ChildProcess, End
from skunkqueue.pool.plugin_deaths import PluginDeaths
from skunkqueue.pool.store_reporter import StoreReporter
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.scoreboard import GIVE_BACK as GIVE_BACK_CAUSE
from skunkqueue.processes.scoreboard import ROUGH as ROUGH_CAUSE
from skunkqueue.processes.scoreboard import STRATEGY as STRATEGY_CAUSE
from skunkqueue.processes.scoreboard import RunningFiring
from skunkqueue.records import MAX_RUNNING, Death, WorkerRecord

logger = logging.getLogger("skunkqueue.pool")

_SHOWN_AFTER = 1.0
"""Seconds for which a worker is silent before its pool lists what it runs."""


class Reaper:
    """For one pool."""

    def __init__(
        self, store_reporter: StoreReporter, plugins: PluginDeaths, *, pool: str, host: str, lease: float
    ) -> None:
        self._store_reporter = store_reporter
        self._plugins = plugins
        self._pool = pool
        self._host = host
        self._lease = lease
        self._vouched: dict[str, float] = {}
        self._shown: dict[str, tuple[str, ...]] = {}
        """What was listed of each worker that is silent: its state, and the ids of what it runs."""

    def see_off(self, child: ChildProcess, end: End, *, is_ordered: bool) -> None:
        """Give back what a worker has left; ``is_ordered``: it was told to end, so its death is not an error."""
        self._vouched.pop(child.settings.id, None)
        self._shown.pop(child.settings.id, None)
        if end.ending is Ending.NONE:
            self._reap_worker(child, end, is_ordered=is_ordered)
        elif child.scoreboard.is_ready:
            # It ended by itself, but may have claimed something in its last moment. What it ran is
            # not to blame, so nothing counts as begun.
            self._reap(child, (), _death(child, end, "exit"))

    def _reap_worker(self, child: ChildProcess, end: End, *, is_ordered: bool) -> None:
        called = child.scoreboard.plugin_calls() if child.killed_for in (None, STRATEGY_CAUSE) else []
        if called and child.killed_for is None and self._plugins.is_unproven(called, end):
            logger.error("%s died while the code of a plugin ran: %s", child, end)
            refs = [call.ref.id for call in called if call.ref.id]
            self._reap(child, refs, _death(child, end, "signal"))
            return
        if called:
            # The plugin's code is blamed, and jobs that ran beside it are not.
            blamed = self._plugins.blame(called, str(end))
            logger.error("%s died: %s", child, end)
            self._reap(child, blamed, _death(child, end, STRATEGY_CAUSE))
            return
        begun = child.scoreboard.running()
        word = f" while it ran {', '.join(one.id for one in begun)}" if begun else ""
        if child.killed_for is None or not is_ordered:
            logger.error("%s died%s: %s", child, word, end)
        cause = child.killed_for or ("signal" if end.signal is not None else "exit")
        counted = [one for one in begun if not child.blamed or one.id in child.blamed]
        if child.killed_for is None and any(one.suspect for one in begun):
            # A firing that killed workers before is blamed, and others beside it are not.
            counted = [one for one in begun if one.suspect]
        if cause == GIVE_BACK_CAUSE:
            # Its jobs did nothing wrong but take long, so none of them has a death counted.
            counted = []
        if cause == ROUGH_CAUSE:
            self._store_reporter.kill([one.ref for one in counted], f"its worker had to be killed: {end}")
        self._reap(child, [one.id for one in counted], _death(child, end, cause))

    def _reap(self, child: ChildProcess, begun: Sequence[str], death: Death) -> None:
        """Give back all that a worker held; firings in ``begun`` count this death, and what ran beside them does not."""
        spared = [one.ref for one in child.scoreboard.running() if one.id not in begun]
        if spared:
            self._store_reporter.give_back(spared)
        self._store_reporter.reap(child.settings.id, begun, death)

    def vouch(self, child: ChildProcess, now: float) -> None:
        """Keep the leases of a worker whose job holds the GIL, so that none of its threads can; list soon what it runs.

        Not of one that somebody has stopped (SIGSTOP), since its job does not get on.
        """
        worker = child.settings.id
        looked = child.scoreboard.looked
        begun = child.scoreboard.running()
        third = self._lease / 3
        if not begun or child.is_stopped or not looked or now - looked < min(_SHOWN_AFTER, third):
            self._shown.pop(worker, None)
            return
        ids = tuple(one.id for one in begun)
        is_due = now - looked >= third and now - self._vouched.get(worker, 0.0) >= third
        record = self._record_of(child, begun)
        shown = (record.state, *ids)
        if not is_due and self._shown.get(worker) == shown:
            return
        self._shown[worker] = shown
        if is_due:
            self._vouched[worker] = now
            refs = [one.ref for one in begun]
            self._store_reporter.vouch(
                record, refs, self._lease, lambda asked: child.kill(ROUGH_CAUSE, asked)
            )
        else:
            self._store_reporter.show(record, self._lease)

    def _record_of(self, child: ChildProcess, begun: list[RunningFiring]) -> WorkerRecord:
        """Describe a worker that cannot do it."""
        return WorkerRecord(
            id=child.settings.id,
            queue=child.settings.queue,
            route=child.settings.route,
            routes=child.settings.routes,
            pool=self._pool,
            host=self._host,
            pid=child.pid,
            started=child.scoreboard.started,
            state="stopping" if child.is_leaving else "quiet" if child.is_quiet else "busy",
            current=begun[0].id,
            running=tuple(one.id for one in begun[:MAX_RUNNING]),
            more=len(begun[MAX_RUNNING:]),
            done=child.scoreboard.settled,
            version=__version__,
        )


def _death(child: ChildProcess, end: End, cause: str) -> Death:
    return Death(
        at=0.0,
        worker=child.settings.id,
        cause=cause,
        signal=end.signal,
        exit_code=end.exit_code,
        rss=end.rss or None,
    )
