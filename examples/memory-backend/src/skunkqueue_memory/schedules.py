"""The verbs about schedules: each is a record that names the one firing that is armed for it.

A schedule moves on where its firing is settled (``_refire``), so nothing here runs by itself.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from msgspec.structs import replace

from skunkqueue.clock import Clock
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import HISTORY_LENGTH, MAX_PAGE
from skunkqueue.records import Firing, Refire, Run, Schedule, Standing, State
from skunkqueue_memory.shelf import Entry
from skunkqueue_memory.store import Store

Key = tuple[str, str]
"""A queue and the name of a schedule in it."""


class ScheduleVerbs(Store):
    """Schedules are declared, armed, paused and removed."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._schedules: dict[Key, Schedule] = {}
        self._history: defaultdict[Key, deque[Run]] = defaultdict(lambda: deque(maxlen=HISTORY_LENGTH))
        # One count for the whole store: a generation must not come back when a name is removed and
        # declared again, or a firing of the old schedule would refire into the new one.
        self._generations = 0

    def declare(self, schedule: Schedule, firing: Firing, over: Standing | None = None) -> bool | None:
        """Declare or replace a schedule."""
        with self._open():
            old = self._schedules.get((schedule.queue, schedule.name))
            if old is not None and old.declares_the_same_as(schedule):
                return False
            running = old is not None and self._firing_state(old) is State.RUNNING
            if rules.has_moved(old, over, running=running):
                return None
            if old is not None:
                self._disarm(old)
            self._generations += 1
            new = rules.declared_over(schedule, old, generation=self._generations, now=self.now())
            self._keep(new)
            if not new.paused:
                self._arm(new, firing)
            return True

    def schedules(self, queue: str | None = None) -> list[Schedule]:
        """List them by queue and name."""
        with self._open():
            chosen = [schedule for schedule in self._schedules.values() if queue in (None, schedule.queue)]
        return sorted(chosen, key=lambda schedule: (schedule.queue, schedule.name))

    def get_schedule(self, queue: str, name: str) -> Schedule | None:
        """Read one."""
        with self._open():
            return self._schedules.get((queue, name))

    def arm(
        self,
        queue: str,
        name: str,
        generation: int,
        firing: Firing,
        state: bytes | None = None,
        *,
        over: str | None = None,
    ) -> bool:
        """Let this firing be the next one."""
        with self._open():
            schedule = self._schedules.get((queue, name))
            if schedule is None or schedule.generation != generation or schedule.paused:
                return False
            if self._firing_state(schedule) is State.RUNNING or over not in (None, schedule.firing):
                return False
            self._disarm(schedule)
            self._arm(schedule if state is None else replace(schedule, state=state), firing)
            return True

    def pause_schedule(self, queue: str, name: str) -> bool:
        """Take its pending firing away."""
        with self._open():
            schedule = self._schedules.get((queue, name))
            if schedule is None:
                return False
            self._disarm(schedule)
            self._keep(replace(schedule, paused=True, next_run=None))
            return True

    def resume_schedule(
        self,
        queue: str,
        name: str,
        firing: Firing,
        generation: int | None = None,
        state: bytes | None = None,
    ) -> bool:
        """Arm it again, unless its last firing is still live: it ran when the pause began."""
        with self._open():
            schedule = self._schedules.get((queue, name))
            if schedule is None or not schedule.paused or generation not in (None, schedule.generation):
                return False
            resumed = replace(schedule, paused=False)
            self._keep(resumed)
            if self._firing_state(resumed) is None:
                self._arm(resumed if state is None else replace(resumed, state=state), firing)
            return True

    def remove_schedule(self, queue: str, name: str, generation: int | None = None) -> bool:
        """Forget it and all that hangs on it."""
        with self._open():
            schedule = self._schedules.get((queue, name))
            if schedule is None or generation not in (None, schedule.generation):
                return False
            self._disarm(schedule)
            self._forget(schedule)
            return True

    def history(self, queue: str, name: str) -> list[Run]:
        """Tell its last runs."""
        with self._open():
            return list(self._history.get((queue, name), ()))

    def schedule_page(
        self, queue: str | None = None, limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[Schedule]:
        """List some of them; a real store asks an index."""
        listed = [one for one in self.schedules(queue) if after is None or (one.queue, one.name) > after]
        return listed[: min(limit, MAX_PAGE)]

    def histories(self, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
        """Tell the last runs of several."""
        with self._open():
            return [self.history(queue, name) for queue, name in names]

    def idle_schedules(self, queue: str, route: str) -> list[Schedule]:
        """List those that nothing will move on."""
        with self._open():
            return [
                schedule
                for schedule in self.schedules(queue)
                if schedule.route == route and not schedule.paused and self._firing_state(schedule) is None
            ]

    def _refire(self, settled: str, refire: Refire) -> None:
        """Move a schedule on, as the settled firing of it says."""
        schedule = self._schedules.get((refire.queue, refire.name))
        if schedule is None or not rules.may_refire(schedule, refire, settled):
            return
        if refire.firing is None:
            self._forget(schedule)
            return
        self._history[refire.queue, refire.name].append(refire.run)
        moved = rules.after_run(schedule, refire)
        self._keep(moved)
        if not moved.paused:
            self._arm(moved, refire.firing)

    def _arm(self, schedule: Schedule, firing: Firing) -> None:
        armed = self._shelf.put(Entry.of(firing, self.now()))
        self._keep(replace(schedule, firing=armed, next_run=self._shelf.entries[armed].due))
        self._ring()

    def _disarm(self, schedule: Schedule) -> None:
        if self._firing_state(schedule) is State.PENDING:
            self._shelf.remove(self._shelf.entries[schedule.firing or ""])
            self._ring()

    def _firing_state(self, schedule: Schedule) -> State | None:
        """Tell whether its firing is pending or running; ``None`` where it is neither."""
        entry = self._shelf.entries.get(schedule.firing or "")
        return None if entry is None or entry.state.final else entry.state

    def _keep(self, schedule: Schedule) -> None:
        self._schedules[schedule.queue, schedule.name] = schedule

    def _forget(self, schedule: Schedule) -> None:
        del self._schedules[schedule.queue, schedule.name]
        self._history.pop((schedule.queue, schedule.name), None)
