"""The schedules of ``skunq demo --web``: one of each kind, at paces at which people can watch them adapt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from skunkqueue.scheduler.aimd import AIMDScheduler
from skunkqueue.scheduler.fixed import TimeScheduler
from skunkqueue.scheduler.rto import RTOScheduler
from skunkqueue.scheduler.slow_start import SlowStartScheduler

if TYPE_CHECKING:
    from skunkqueue.call import Conjoinable
    from skunkqueue.queue import SkunkQueue


def declare(queue: SkunkQueue, jobs: Mapping[str, Conjoinable]) -> None:
    """Declare them; ``jobs``: ``tidy``, ``crawl``, ``probe`` and ``sync``."""
    with TimeScheduler(queue, 3.0, name="tidy up") as schedule:
        schedule << jobs["tidy"]
    with TimeScheduler(queue, "30 6 * * mon-fri", tz="Europe/Berlin", name="before work") as schedule:
        schedule << jobs["tidy"] << jobs["sync"]
    with AIMDScheduler(
        queue, initial=2.0, shortest=0.4, longest=20, increase=0.12, name="crawl the news"
    ) as gentle:
        gentle << jobs["crawl"]
    with RTOScheduler(queue, lower=0.5, name="probe a line") as timed:
        timed << jobs["probe"]
    with SlowStartScheduler(
        queue, initial=6.0, shortest=0.5, longest=30, threshold=1.0, name="sync the stock"
    ) as careful:
        careful << jobs["sync"]
