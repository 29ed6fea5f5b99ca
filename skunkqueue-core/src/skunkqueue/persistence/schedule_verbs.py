"""The verbs of ``Backend`` for schedules. A schedule moves on where its firing is settled (``records.Refire``)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from skunkqueue.records import Firing, Run, Schedule, Standing


class ScheduleVerbs(ABC):
    """Part of ``Backend``; what its module says holds here too."""

    @abstractmethod
    def declare(self, schedule: Schedule, firing: Firing, over: Standing | None = None) -> bool | None:
        """Declare a schedule and arm its first firing; False where the same declaration is there already.

        The same means: equal route, strategy, params, body and priority. Any other declaration replaces the old one:
        its pending firing is removed and its generation raised; history and pause stay.
        A paused schedule stays paused: the firing is not enqueued.

        Queue, name, route, strategy, params, state, body, priority and interval come from ``schedule``. The store sets all
        other fields (``rules.declared_over``), whatever ``schedule`` has there: generation, declared, firing and next_run
        anew; paused, runs, last_run, took and verdict as they were.

        ``over``: how the schedule stood when the declaration was planned. Where it stands otherwise now (another
        generation, firing or number of runs, or its firing runs unexpectedly), nothing is changed and ``None`` returned.
        """

    @abstractmethod
    def schedules(self, queue: str | None = None) -> list[Schedule]:
        """List all schedules (of one queue), by queue and name."""

    @abstractmethod
    def get_schedule(self, queue: str, name: str) -> Schedule | None:
        """Read one schedule; ``None`` where there is no such schedule."""

    def get_schedules(self, queue: str, names: Sequence[str]) -> list[Schedule | None]:
        """Read schedules of a queue by name, in order; ``None`` where there is no such schedule. At most MAX_PAGE.

        A store that reads them in one round trip runs schedules faster.
        """
        return [self.get_schedule(queue, name) for name in names]

    @abstractmethod
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
        """Replace the pending firing of a schedule by ``firing`` (to run now, after a change, to heal it).

        ``state``, where given, replaces the strategy's. False, and nothing is changed, where the schedule is gone,
        of another generation or paused, where its firing is running, or where ``over`` is given and the schedule
        names another firing.
        """

    @abstractmethod
    def pause_schedule(self, queue: str, name: str) -> bool:
        """Remove the pending firing of a schedule, and arm none until it is resumed; False where there is no such schedule."""

    @abstractmethod
    def resume_schedule(
        self,
        queue: str,
        name: str,
        firing: Firing,
        generation: int | None = None,
        state: bytes | None = None,
    ) -> bool:
        """End a pause and arm this firing; False where there is no such schedule, or it is not paused.

        False as well where ``generation`` is given and the schedule has another. ``state``, where given, replaces
        the strategy's when the firing is armed.

        While the old firing is still live (it runs, or was settled as retry during the pause), only the pause ends:
        settling the old firing arms the next.
        """

    @abstractmethod
    def remove_schedule(self, queue: str, name: str, generation: int | None = None) -> bool:
        """Forget a schedule, its history and its pending firing; a running firing ends without refiring.

        False where there is no such schedule, or where ``generation`` is given and it has another.
        """

    @abstractmethod
    def history(self, queue: str, name: str) -> list[Run]:
        """List the last HISTORY_LENGTH runs of a schedule, oldest first."""

    @abstractmethod
    def idle_schedules(self, queue: str, route: str) -> list[Schedule]:
        """List unpaused schedules whose firing is not live any more (killed while pending, purged): they need to be armed."""
