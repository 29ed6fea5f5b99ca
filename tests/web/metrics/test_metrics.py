"""What Prometheus is told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it comes with Schemathesis, and its types do not
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from skunkqueue.counters import GROWTH, Counters, tally
from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, Verdict
from skunkqueue.web import create_app
from skunkqueue.web.metrics import collector
from skunkqueue.web.metrics.collector import folded
from skunkqueue.web.metrics.histograms import BOUNDS, cumulated
from tests.docs.pages import ROOT
from tests.web.access.conftest import bearer
from tests.web.crews import add_pool
from tests.web.firings import claim, firing
from tests.web.monitor_client import MonitorClient

FOLDER = ROOT / "docs" / "monitoring"
NAME = re.compile(r"\bskunkqueue_[a-z_]+")


def read(client: FlaskClient, **more: Any) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Return all samples, by name and labels."""
    answer = client.get("/metrics", **more)
    assert answer.status_code == 200
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def labels(**given: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(given.items()))


def run(
    store: Backend,
    *,
    waited: float = 0.0,
    took: float = 2.0,
    verdict: Verdict = Verdict.COMPLETE,
    **fields: Any,
) -> None:
    store.enqueue([firing(job="shop:send", **fields)])
    (claimed,) = claim(store)
    outcome = Outcome(
        id=claimed.id,
        token=claimed.token,
        verdict=verdict,
        began=claimed.due + waited,
        took=took,
        queue=claimed.queue,
        route=claimed.route,
        was_due=claimed.due,
        job=claimed.job,
    )
    assert store.settle([outcome]) == []


def test_totals_are_told_by_queue_route_and_job(client: FlaskClient, store: Backend) -> None:
    for _ in range(3):
        run(store)
    run(store, verdict=Verdict.ERROR)

    found = read(client)
    job = {"queue": "shop", "route": "default", "job": "shop:send"}

    assert found["skunkqueue_firings_enqueued_total"][labels(**job)] == 4
    assert found["skunkqueue_firings_finished_total"][labels(**job, state="complete")] == 3
    assert found["skunkqueue_firings_finished_total"][labels(**job, state="error")] == 1
    assert found["skunkqueue_run_seconds_count"][labels(**job)] == 4
    assert found["skunkqueue_run_seconds_sum"][labels(**job)] == pytest.approx(8.0)


def test_depth_wait_workers_and_pools_are_told(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(), firing(), firing(route="nobody")])
    store.pause("shop", "nobody")
    add_pool(store, workers=2)

    found = read(client)
    place = {"queue": "shop", "route": "default"}

    assert found["skunkqueue_firings"][labels(**place, state="pending")] == 2
    assert found["skunkqueue_oldest_wait_seconds"][labels(**place)] >= 0
    assert found["skunkqueue_live_workers"][labels(**place)] == 2
    assert found["skunkqueue_live_workers"][labels(queue="shop", route="nobody")] == 0
    assert found["skunkqueue_route_paused"][labels(queue="shop", route="nobody")] == 1
    assert found["skunkqueue_workers"][labels(**place, state="idle")] == 2
    assert found["skunkqueue_pools"][labels(queue="shop", state="running")] == 1
    assert found["skunkqueue_pool_workers"][labels(queue="shop")] == 2


def test_waits_are_in_the_buckets_of_their_lengths(client: FlaskClient, store: Backend) -> None:
    for waited in (0.5, 3.0, 3.5, 100.0):
        run(store, waited=waited)

    found = read(client)
    job = {"queue": "shop", "route": "default", "job": "shop:send"}
    waits = {
        bound: found["skunkqueue_wait_seconds_bucket"][labels(**job, le=bound)]
        for bound in ("0.25", "1.0", "4.0", "64.0", "256.0", "+Inf")
    }

    assert waits == {"0.25": 0, "1.0": 1, "4.0": 3, "64.0": 3, "256.0": 4, "+Inf": 4}
    assert found["skunkqueue_wait_seconds_count"][labels(**job)] == 4
    assert found["skunkqueue_wait_seconds_sum"][labels(**job)] == pytest.approx(107.0)
    assert found["skunkqueue_run_seconds_sum"][labels(**job)] == pytest.approx(8.0)


def test_the_oldest_wait_is_that_of_the_first_in_line(client: FlaskClient, store: Backend) -> None:
    now = store.now()
    store.enqueue([firing(due=now - 100), firing(due=now - 50), firing(route="later", due=now + 100)])

    oldest = read(client)["skunkqueue_oldest_wait_seconds"]

    assert 100 <= oldest[labels(queue="shop", route="default")] <= store.now() - now + 100
    assert oldest[labels(queue="shop", route="later")] == 0


def test_the_monitor_tells_of_itself(client: FlaskClient) -> None:
    client.get("/queues")
    client.get("/nothing")

    found = read(client)

    assert found["skunkqueue_store_up"][()] == 1
    assert found["skunkqueue_monitor_requests_total"][labels(endpoint="queues.queues", status="2xx")] == 1
    assert found["skunkqueue_monitor_requests_total"][labels(endpoint="none", status="4xx")] == 1
    assert found["process_resident_memory_bytes"][()] > 0
    assert found["skunkqueue_monitor_streams"][()] == 0


def test_names_with_quotes_and_line_breaks_do_not_break_the_format(
    client: FlaskClient, store: Backend
) -> None:
    odd = 'a"b\\c\nd{e="f"} 1'
    store.enqueue([firing(route=odd, job=odd)])

    found = read(client)

    assert found["skunkqueue_firings"][labels(queue="shop", route=odd, state="pending")] == 1


def test_the_format_is_the_one_that_is_asked_for(client: FlaskClient) -> None:
    old = client.get("/metrics")
    new = client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})

    assert old.content_type.startswith("text/plain; version=0.0.4")
    assert new.content_type.startswith("application/openmetrics-text")
    assert new.text.endswith("# EOF\n")


@pytest.mark.parametrize("kind", ["application/openmetrics-text", "text/plain"])
@pytest.mark.parametrize("version", ["garbage", "1.0.garbage", "1..0", "-1", "1.0.0;version="])
def test_a_version_that_cannot_be_read_is_answered_all_the_same(
    client: FlaskClient, kind: str, version: str
) -> None:
    answer = client.get("/metrics", headers={"Accept": f"{kind};version={version}"})

    assert answer.status_code == 200
    assert "# TYPE skunkqueue_" in answer.text


def test_it_needs_a_login_where_pages_do(locked: MonitorClient) -> None:
    assert locked.get("/metrics").status_code == 401
    assert locked.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert locked.get("/metrics", headers=bearer("view")).status_code == 200


def test_a_store_that_is_away_is_told_and_no_error(tmp_path: Path) -> None:
    client = create_app(f"sqlite:///{tmp_path / 'none.db'}").test_client()

    found = read(client)

    assert found["skunkqueue_store_up"][()] == 0
    assert "skunkqueue_firings" not in found


def test_buckets_are_exactly_as_many_as_were_counted() -> None:
    values: dict[str, float] = {}
    times = [0.0, 0.0009, 0.001, 0.5, 0.99, 1.0001, 3.99, 4.01, 3_600.0, 2.0**18 - 1, 1e6]
    for took in times:
        tally(values, Verdict.COMPLETE, 0.0, 0.0, took)

    told = dict(cumulated(values, "run"))

    for bound in BOUNDS:
        assert told[str(bound)] == sum(took <= bound for took in times), bound
    assert told["+Inf"] == len(times)


def test_counts_of_older_versions_are_told_as_well() -> None:
    old: Mapping[str, float] = {"wait<0.001": 2, "wait<3600": 1, "wait<inf": 1}

    told = dict(cumulated(old, "wait"))

    assert told["+Inf"] == 4
    assert list(told.values()) == sorted(told.values())


def test_ends_of_buckets_are_ends_of_ours() -> None:
    ends = [GROWTH**number for number in range(-66, 87)]

    assert all(any(bound == pytest.approx(end, rel=1e-9) for end in ends) for bound in BOUNDS)
    assert len(BOUNDS) == 15


# --- what docs/monitoring brings --------------------------------------------------------------------


def told_names(client: FlaskClient) -> set[str]:
    answer = client.get("/metrics").text
    names = set(re.findall(r"^# TYPE (\S+)", answer, re.MULTILINE))
    return names | {f"{name}{end}" for name in names for end in ("_bucket", "_sum", "_count")}


def test_the_dashboard_and_the_alerts_ask_only_for_what_is_told(client: FlaskClient, store: Backend) -> None:
    run(store)
    board = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]

    names = {name for text in asked for name in NAME.findall(text)}

    assert len(names) > 10
    assert names - told_names(client) == set()


def test_the_page_tells_every_metric(client: FlaskClient, store: Backend) -> None:
    run(store)
    page = (FOLDER / "README.md").read_text()
    ours = {
        name
        for name in re.findall(r"^# TYPE (\S+)", client.get("/metrics").text, re.MULTILINE)
        if name.startswith("skunk")
    }

    assert [
        name for name in ours if name not in page and f"`{'_' + name.split('_', 2)[2]}`" not in page
    ] == []


@pytest.mark.parametrize(
    ("most", "told"),
    [
        (
            6,
            {
                ("a", "r", "x"),
                ("a", "r", "y"),
                ("a", "s", "x"),
                ("b", "r", "x"),
                ("b", "s", "x"),
                ("b", "s", "y"),
            },
        ),
        (
            5,
            {
                ("a", "r", "(all jobs)"),
                ("a", "s", "(all jobs)"),
                ("b", "r", "(all jobs)"),
                ("b", "s", "(all jobs)"),
            },
        ),
        (3, {("a", "(all routes)", "(all jobs)"), ("b", "(all routes)", "(all jobs)")}),
    ],
)
def test_too_many_routes_and_jobs_are_added_up(most: int, told: set[tuple[str, str, str]]) -> None:
    places = [
        ("a", "r", "x"),
        ("a", "r", "y"),
        ("a", "s", "x"),
        ("b", "r", "x"),
        ("b", "s", "x"),
        ("b", "s", "y"),
    ]
    totals = [
        Counters(queue=queue, route=route, job=job, begin=0.0, values={"complete": 2.0, "wait": 0.5})
        for queue, route, job in places
    ]

    found = folded(totals, most)

    assert {(each.queue, each.route, each.job) for each in found} == told
    assert sum(each.values["complete"] for each in found) == 12.0
    assert sum(each.values["wait"] for each in found) == 3.0


def test_of_very_many_routes_the_sums_by_queue_are_told(
    client: FlaskClient, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "MOST_ROUTES", 2)
    store.enqueue([firing(route=f"r{number}") for number in range(3)])

    depth = read(client)["skunkqueue_firings"]

    pending = {labels: count for labels, count in depth.items() if ("state", "pending") in labels}
    assert pending == {(("queue", "shop"), ("route", "(all routes)"), ("state", "pending")): 3.0}
