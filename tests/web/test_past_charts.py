"""The numbers below the charts: each is what its column says."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, Verdict
from tests.support.waiting import eventually
from tests.web.firings import claim, firing

TIMES = [(2.0, 0.1)] * 90 + [(10.0, 1.0)] * 8 + [(40.0, 5.0)] * 2
"""For how many seconds each firing waits and runs."""
UNITS = {"ms": 0.001, "s": 1.0, "": 1.0}

Column = list[float]


@pytest.fixture
def tables(client: FlaskClient, store: Backend) -> dict[str, dict[str, Column]]:
    """The columns of each table by name, of what was settled, with one firing left pending and three running."""
    due = store.now() - 60
    store.enqueue([firing(due=due) for _ in range(len(TIMES) + 4)])
    held = claim(store, limit=len(TIMES) + 3)
    outcomes = [
        Outcome(
            id=one.id,
            token=one.token,
            verdict=Verdict.COMPLETE,
            queue=one.queue,
            route=one.route,
            was_due=due,
            began=due + wait,
            took=took,
        )
        for one, (wait, took) in zip(held, TIMES, strict=False)
    ]
    assert store.settle(outcomes) == []
    store.sample()

    def drawn() -> str:
        text = client.get("/").text
        return text if 'id="chart-depth-values"' in text and 'id="reading"' not in text else ""

    found = re.findall(r'<details id="(chart-\w+)-values">(.*?)</details>', eventually(drawn), re.DOTALL)
    return {chart: columns(table) for chart, table in found}


def columns(table: str) -> dict[str, Column]:
    """Read a table: the numbers of each column, without empty fields."""
    head, _, rows = table.partition("<tbody")
    names = re.findall(r'<th scope="col">([^<]+)</th>', head)[1:]
    cells = [re.findall(r"<td>([^<]*)", row) for row in rows.split("<tr>")[1:]]
    return {
        name: [number for row in cells if (number := value(row[place])) is not None]
        for place, name in enumerate(names)
    }


def value(cell: str) -> float | None:
    """Read a number with its unit; ``None``: nothing was counted."""
    found = re.fullmatch(r"([\d.,]+) ?(\w*)", cell.strip())
    return None if found is None else float(found[1].replace(",", "")) * UNITS[found[2]]


@pytest.mark.parametrize(
    ("chart", "seconds"),
    [
        ("chart-wait", {"p50": 2.0, "p95": 10.0, "p99": 40.0}),
        ("chart-run", {"p50": 0.1, "p95": 1.0, "p99": 5.0}),
    ],
)
def test_a_percentile_is_that_of_its_column(
    tables: dict[str, dict[str, Column]], chart: str, seconds: dict[str, float]
) -> None:
    # A percentile that is read from a histogram is at most 9 % off.
    assert tables[chart] == {name: [pytest.approx(at, rel=0.1)] for name, at in seconds.items()}


def test_what_came_in_and_was_done_is_counted_in_its_column(tables: dict[str, dict[str, Column]]) -> None:
    assert {name: sum(column) for name, column in tables["chart-flow"].items()} == {"In": 104, "Done": 100}


def test_the_depth_is_what_is_pending_and_what_runs(tables: dict[str, dict[str, Column]]) -> None:
    assert {name: max(column) for name, column in tables["chart-depth"].items()} == {
        "Pending": 1,
        "Running": 3,
    }
