"""Rules of schedules in words, as ``skunq schedules`` and the monitor show them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from skunkqueue import JobMixin, SkunkQueue
from skunkqueue.schedule import describe, find_strategy
from skunkqueue.scheduler import AIMDScheduler, RTOScheduler, SlowStartScheduler, TimeScheduler
from skunkqueue.scheduler.base import Scheduler
from skunkqueue.scheduler.words import cron_in_words, runs

Declare = Callable[[SkunkQueue], Scheduler]


class Nothing(JobMixin):
    def work(self) -> None:
        pass


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda queue: TimeScheduler(queue, timedelta(hours=3), name="s"), "every 3 h"),
        (lambda queue: TimeScheduler(queue, "@daily", tz="UTC", name="s"), "at 00:00 every day, UTC"),
        (
            lambda queue: AIMDScheduler(queue, initial=60, shortest=1, longest=3_600, increase=0.1, name="s"),
            "every 1 s to 1 h: 6 runs a minute more after a good run, half as often after trouble",
        ),
        (
            lambda queue: AIMDScheduler(queue, increase=2.5, decrease=0.25, name="s"),
            "every 1 s to 1 d: 2.5 runs a second more after a good run, 0.25 times as often after trouble",
        ),
        (
            lambda queue: SlowStartScheduler(queue, initial=60, threshold=5, increase=0.01, name="s"),
            (
                "every 1 s to 1 d: a good run doubles the rate up to every 5 s, then adds 36 runs an hour; a run "
                "that does not end within its interval halves it; a failure sets it back to every 1 min or less often"
            ),
        ),
        (
            lambda queue: RTOScheduler(queue, lower=0.5, upper=60, name="s"),
            "every 0.5 s to 1 min: as long as a run takes, with a margin; twice that after a failure",
        ),
    ],
)
def test_each_strategy_says_its_rule_in_words(declare: Declare, words: str, tmp_path: Path) -> None:
    with SkunkQueue("shop", conn_url=f"sqlite:///{tmp_path}/x.db") as queue:
        with declare(queue) as schedule:
            schedule << Nothing()()
        (declared,) = queue.backend.schedules()

        assert describe(find_strategy(declared.strategy), declared.params) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("30 6 * * mon-fri", "at 06:30 on Monday to Friday, UTC"),
        ("0 30 6 * * 1-5", "at 06:30 on Monday to Friday, UTC"),
        ("15 8,12,18 * * *", "at 08:15, 12:15 and 18:15 every day, UTC"),
        ("0 9 * * sat,0", "at 09:00 on Saturday and Sunday, UTC"),
        ("* * * * *", "every minute, UTC"),
        ("*/5 * * * *", "every 5 min, UTC"),
        ("7 * * * *", "every hour at minute 7, UTC"),
        ("7 */6 * * *", "every 6 h at minute 7, from midnight on, UTC"),
        ("0 3 1 * *", "at 03:00 on day 1 of each month, UTC"),
        ("0 3 L * *", "at 03:00 on the last day of each month, UTC"),
        ("0 0 24 dec *", "at 00:00 on 24 December, UTC"),
        ("0 3 1 * mon", "cron 0 3 1 * mon UTC"),
        ("*/5 9-17 * * *", "cron */5 9-17 * * * UTC"),
        ("10 30 6 * * *", "cron 10 30 6 * * * UTC"),
        ("0 3 * * mon#1", "cron 0 3 * * mon#1 UTC"),
    ],
)
def test_a_cron_line_is_said_in_words_where_it_has_short_ones(line: str, words: str) -> None:
    assert cron_in_words(line, "UTC") == words


@pytest.mark.parametrize(
    ("rate", "words"),
    [(1.0, "1 run a second"), (1 / 60, "1 run a minute"), (0.5 / 3_600, "0.5 runs an hour")],
)
def test_a_rate_is_said_in_the_unit_in_which_it_is_one_or_more(rate: float, words: str) -> None:
    assert runs(rate) == words
