"""docs/schedules.md tells of every parameter, and its table of summer time is what the code does."""

from __future__ import annotations

import inspect
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from skunkqueue.persistence.backend import HISTORY_LENGTH
from skunkqueue.scheduler import AIMDScheduler, RTOScheduler, Scheduler, SlowStartScheduler, TimeScheduler
from skunkqueue.scheduler.cron import cron_line
from tests.docs.pages import read

PAGE = read("docs/schedules.md")
SECTIONS = {
    "## TimeScheduler": TimeScheduler,
    "### RTO": RTOScheduler,
    "### AIMD": AIMDScheduler,
    "### SlowStart": SlowStartScheduler,
}
BERLIN = ZoneInfo("Europe/Berlin")
CHANGES = (datetime(2025, 3, 30, tzinfo=BERLIN), datetime(2025, 10, 26, tzinfo=BERLIN))
"""The days of the table's columns."""


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_table_of_parameters_is_the_schedulers(heading: str) -> None:
    scheduler: type[Scheduler] = SECTIONS[heading]
    level = heading.partition(" ")[0]
    (section,) = re.findall(rf"^{heading}\b.*?(?=^#{{2,{len(level)}}} |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    table = section.partition("| Parameter |")[2].partition("\n\n")[0]

    told = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)

    assert sorted(told) == sorted(set(inspect.signature(scheduler).parameters) - {"queue"})


SUMMER = re.findall(
    r"^\| `([^`]+)` \|([^|]*)\|([^|]*)\|$", PAGE.partition("| 30 March")[2].partition("\n\n")[0], re.MULTILINE
)


@pytest.mark.parametrize(("line", "spring", "autumn"), SUMMER, ids=[row[0] for row in SUMMER])
def test_the_table_of_summer_time_is_what_happens(line: str, spring: str, autumn: str) -> None:
    for day, told in zip(CHANGES, (spring, autumn), strict=True):
        found = []
        moment: float | None = (day + timedelta(hours=1)).timestamp() - 1
        end = (day + timedelta(hours=4)).timestamp()
        while (moment := cron_line(line, "Europe/Berlin").after(moment or 0.0)) is not None and moment < end:
            found.append(f"{datetime.fromtimestamp(moment, BERLIN):%H:%M %Z}")

        assert ", ".join(found) == told.strip()


def test_the_table_of_summer_time_is_found() -> None:
    assert len(SUMMER) == 4


def test_the_length_of_the_history_is_told() -> None:
    assert f"the last {HISTORY_LENGTH} runs" in PAGE
