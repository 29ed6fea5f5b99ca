"""What needs attention on the overview, and what its charts tell those who do not see them."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient

from skunkqueue.cli.doctor import store as doctor
from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, Verdict
from tests.support.waiting import eventually
from tests.web.crews import add_worker
from tests.web.firings import QUEUE, claim, firing
from tests.web.schedules import declare, run_once


def matters(client: FlaskClient) -> list[str]:
    """List what needs attention, once it has been looked for."""

    def found() -> list[str]:
        text = html.unescape(client.get("/").text)
        return re.findall(r'<li class="matter" id="matter-\d+">(.*?)</li>', text, re.DOTALL)

    return eventually(found, what="something needs attention")


def test_firings_that_wait_too_long_need_attention(client: FlaskClient, store: Backend) -> None:
    add_worker(store, route="mail")
    store.enqueue([firing(route="mail", due=store.now() - 7_200) for _ in range(3)])

    (matter,) = matters(client)

    assert "does not keep up: the oldest of 3 pending firings is 2 h" in matter
    assert 'href="/queue?queue=shop&route=mail"' in matter


@pytest.mark.parametrize("state", ["disconnected", "deaf"])
def test_a_worker_that_is_disconnected_needs_attention(
    client: FlaskClient, store: Backend, state: str
) -> None:
    worker = add_worker(store, state=state)

    matter = next(each for each in matters(client) if "disconnected" in each)

    assert worker in matter
    assert f'href="/workers/{worker}"' in matter


@pytest.mark.usefixtures("strategies")
def test_a_schedule_whose_run_nobody_will_begin_needs_attention(client: FlaskClient, store: Backend) -> None:
    declare(store, after=-7_200.0, route="nightly")

    (matter,) = matters(client)

    assert "state-problem" in matter
    assert "no worker" in matter
    assert 'href="/queue?queue=shop&route=nightly"' in matter


@pytest.mark.usefixtures("strategies")
def test_a_schedule_that_no_worker_goes_on_with_needs_attention(client: FlaskClient, store: Backend) -> None:
    planned = declare(store, route="nightly")
    store.purge(QUEUE, "nightly")
    assert planned.firing is not None

    (matter,) = matters(client)

    assert "state-problem" in matter
    assert "Route nightly of queue shop has no worker to go on with schedule 'tick'" in matter
    assert "skunq work -q shop -r nightly" in matter
    assert 'href="/queue?queue=shop&route=nightly"' in matter


@pytest.mark.usefixtures("strategies")
def test_a_schedule_whose_last_run_failed_needs_attention(client: FlaskClient, store: Backend) -> None:
    add_worker(store)
    declare(store, after=-1.0)
    run_once(store, verdict=Verdict.ERROR, error="ValueError: no")

    (matter,) = matters(client)

    assert "last run of schedule tick of queue shop ended as error" in matter
    assert 'href="/schedule?queue=shop&name=tick"' in matter


def test_schedules_whose_strategy_is_not_installed_need_attention(
    client: FlaskClient, store: Backend
) -> None:
    add_worker(store)
    declare(store, strategy="nobody has it")

    (matter,) = matters(client)

    assert "1 schedule cannot run here" in matter
    assert "nobody has it" in matter
    assert 'href="/schedules"' in matter


def test_a_store_that_is_nearly_full_needs_attention(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LOW_SPACE", 2**80)
    assert store.workers() == []

    (matter,) = matters(client)

    assert "free beside" in matter
    assert "skunq prune" in matter
    assert "state-problem" in matter


def test_each_chart_says_what_it_shows(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing() for _ in range(3)])
    now = store.now()
    store.settle(
        [
            Outcome(id=one.id, token=one.token, verdict=Verdict.COMPLETE, began=now - 1, took=1.0)
            for one in claim(store, limit=2)
        ]
    )

    def charts() -> list[tuple[str, str]]:
        return re.findall(
            r"<figure.*?<h2>([^<]+)</h2>.*?<svg [^>]*aria-label=\"([^\"]*)\"", client.get("/").text, re.DOTALL
        )

    found = eventually(charts)
    assert len({told for _, told in found}) == len(found) == 5
    for title, told in found:
        assert told.startswith(f"{title}. ")
        assert re.search(r"\w{3,} \w+", told.removeprefix(title)), told


@pytest.mark.usefixtures("strategies")
def test_the_charts_of_a_schedule_have_the_interval_run_time_and_delay_of_each_run(
    client: FlaskClient, store: Backend
) -> None:
    declare(store, after=-1.0)
    for interval, took in ((60.0, 1.5), (120.0, 2.5), (240.0, 3.5)):
        run_once(store, interval=interval, took=took)

    text = client.get("/schedule", query_string={"queue": QUEUE, "name": "tick"}).text

    def values(chart: str) -> list[list[str]]:
        """Read the table below a chart."""
        (table,) = re.findall(rf'id="{chart}-values">.*?<tbody[^>]*>(.*?)</tbody>', text, re.DOTALL)
        return [re.findall(r"<td>([^<]*)", row) for row in table.split("<tr>")[1:]]

    assert values("pace") == [["1 min"], ["2 min"], ["4 min"]]
    assert values("work") == [["1.5 s", "250 ms"], ["2.5 s", "250 ms"], ["3.5 s", "250 ms"]]
    labels = dict(re.findall(r'id="(pace|work)">.*?aria-label="([^"]+)"', text, re.DOTALL))
    assert labels["pace"].startswith("Interval. The interval that the strategy chose")
    assert labels["work"].startswith("Run time and delay. How long each of the last 3 runs took")
