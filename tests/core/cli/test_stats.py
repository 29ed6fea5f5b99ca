"""``skunq stats``: what was counted over a time, by route and by job."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime

import pytest

from skunkqueue.cli.bars import chart, gathered
from skunkqueue.cli.columns import Shape, fitted
from skunkqueue.cli.counted import Period, lines_of
from skunkqueue.cli.stats import JOBS, ROUTES
from skunkqueue.cli.text import fine_span
from skunkqueue.clock import VirtualClock
from skunkqueue.config import resolve
from skunkqueue.counters import Counters
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.records import Verdict
from tests.core.cli.program import WORKER, Skunq, begin, body, end, finish, fire


def test_what_was_counted_is_told_by_route_and_by_job(store: Backend, skunq: Skunq) -> None:
    for _ in range(3):
        finish(store)
    finish(store, Verdict.ERROR, body("shop:buy"))
    finish(store, route="bar")

    told = skunq.json("stats")

    routes = {each["route"]: each for each in told["routes"]}
    jobs = {(each["route"], each["job"]): each for each in told["jobs"]}
    assert routes["foo"]["counts"]["complete"] == 3
    assert routes["foo"]["counts"]["error"] == 1
    assert routes["foo"]["counts"]["enqueued"] == 4
    assert jobs["foo", "shop:buy"]["counts"]["error"] == 1
    assert jobs["bar", "shop:sell"]["counts"]["complete"] == 1
    for share in ("p50", "p95", "p99"):
        assert routes["foo"]["run"][share] == pytest.approx(0.5, rel=0.1)
    assert sum(routes["foo"]["done"]) == 4


def test_people_are_shown_rates_percentiles_and_a_chart(store: Backend, skunq: Skunq) -> None:
    finish(store)
    finish(store, data=body("shop:buy"))

    told = skunq("stats")

    assert "Routes" in told
    assert "Jobs" in told
    header = next(line for line in told.splitlines() if line.startswith("QUEUE"))
    for title in ("PER S", "WAIT P95", "RUN P99", "DONE OVER TIME"):
        assert title in header
    # In a pipe a chart is of plain letters.
    assert told.isascii()
    assert "@" in told


def test_one_job_can_be_asked_for(store: Backend, skunq: Skunq) -> None:
    finish(store)
    finish(store, data=body("shop:buy"))

    told = skunq.json("stats", "--job", "shop:buy")

    assert [each["job"] for each in told["jobs"]] == ["shop:buy"]
    assert told["routes"] == []


def test_a_job_is_found_on_the_last_of_many_routes(store: Backend, skunq: Skunq) -> None:
    for number in range(120):
        fire(store, route=f"a-{number}")
    finish(store, data=body("shop:buy"), route="z")

    told = skunq.json("stats", "--job", "shop:buy")

    assert [each["route"] for each in told["jobs"]] == ["z"]
    assert (told["routes_read"], told["routes_there"]) == (121, 121)


def test_of_too_many_routes_the_busiest_are_read_and_it_says_so(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skunkqueue.cli.counted.MAX_ROUTES", 1)
    finish(store, route="a")
    fire(store, route="z")

    told = skunq.result("stats", "--json", expect=0)

    found = json.loads(told.stdout)
    assert [each["route"] for each in found["routes"]] == ["z"]
    assert (found["routes_read"], found["routes_there"]) == (1, 2)
    assert "only the 1 busiest of 2 routes are read: choose some with -q and -r" in told.stderr


def test_hours_are_read_where_minutes_would_be_many(store: Backend, skunq: Skunq) -> None:
    finish(store)

    for words, step in ((), 60.0), (("--since", "3h"), 3_600.0), (("--hours",), 3_600.0):
        assert skunq.json("stats", *words)["step"] == step
    assert skunq.json("stats", "--since", "3h", "--minutes")["step"] == 60.0


def test_what_is_kept_no_more_is_said_to_be_missing(store: Backend, skunq: Skunq) -> None:
    finish(store)

    told = skunq.result("stats", "--since", "40d", expect=0)

    assert "hours are kept for 30 d" in told.stderr


def test_a_time_to_come_is_refused(skunq: Skunq) -> None:
    told = skunq.error("stats", "--since", "2100-01-01T00:00Z", expect=2)

    assert "--since 2100-01-01T00:00:00" in told
    assert "is in the future" in told


def test_nothing_counted_is_exit_code_1(store: Backend, skunq: Skunq) -> None:
    finish(store)

    assert "nothing was counted there" in skunq.error("stats", "-q", "other", expect=1)


def test_counters_are_added_up_over_time_and_samples_are_not() -> None:
    period = Period(begin=60.0, now=200.0, step=60.0)
    minutes = [
        Counters(queue="q", route="r", job=None, begin=60.0, values={"complete": 2, "pending": 7}),
        Counters(queue="q", route="r", job=None, begin=180.0, values={"error": 1, "pending": 4}),
    ]

    (line,) = lines_of(minutes, period)

    assert line.ended == 3
    assert line.done == [2.0, 0.0, 1.0]
    assert line.samples["pending"] == [7.0, 0.0, 4.0]


def test_programs_read_all_samples_of_a_route(store: Backend, skunq: Skunq) -> None:
    finish(store)

    told = skunq.json("stats")

    (route,), (job,) = told["routes"], told["jobs"]
    steps = len(route["done"])
    assert [len(route[sample]) for sample in ("pending", "running", "oldest")] == [steps] * 3
    assert not {"pending", "running", "oldest"} & job.keys()


def test_each_sample_is_the_largest_of_its_minute() -> None:
    period = Period(begin=60.0, now=100.0, step=60.0)
    values = [{"complete": 1, "running": 2, "oldest": 0.5}, {"running": 1, "oldest": 9.5}]

    (line,) = lines_of(
        [Counters(queue="q", route="r", job=None, begin=60.0, values=each) for each in values], period
    )

    assert line.samples == {"pending": [0.0], "running": [2.0], "oldest": [9.5]}


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0 ms"),
        (0.000_012, "12 µs"),
        (0.000_999, "999 µs"),
        (0.000_999_9, "1.0 ms"),
        (0.003_44, "3.4 ms"),
        (0.009_96, "10 ms"),
        (0.34, "340 ms"),
        (12.5, "12.5 s"),
    ],
)
def test_short_times_are_told_finely(seconds: float, shown: str) -> None:
    assert fine_span(seconds) == shown
    assert fine_span(seconds, plain=True) == shown.replace("µ", "u")


@pytest.mark.parametrize("took", [0.000_34, 0.003_4])
def test_percentiles_of_short_jobs_are_not_rounded_to_nothing(
    store: Backend, skunq: Skunq, took: float
) -> None:
    fire(store)
    end(store, begin(store), took=took)

    told = skunq.json("stats")["routes"][0]["run"]["p50"]

    assert fine_span(told, plain=True) in skunq("stats")
    assert "0 ms" not in fine_span(told)


def test_rates_and_percentiles_are_those_of_what_was_counted(url: str) -> None:
    """A hundred firings wait 0.05 to 5 s, and run 0.1 to 10 s."""
    clock = VirtualClock(time.time() // 60.0 * 60.0 - 1_800.0)
    store = SQLiteBackend.open(resolve(conn_url=url), clock=clock)
    for number in range(100):
        fire(store, delay=number / 20)
    clock.advance(5.0)
    lent = store.claim("demo", "foo", WORKER, 100, 600.0)
    clock.advance(20.0)
    for number, claim in enumerate(lent, 1):
        end(store, claim, took=number / 10)
    store.close()
    skunq = Skunq()

    told = skunq.json("stats", "--since", "40m")

    (route,), (job,) = told["routes"], told["jobs"]
    now, since = (datetime.fromisoformat(told[name]).timestamp() for name in ("now", "since"))
    seconds, minute = now - since, int((clock.now() - since) // 60)
    assert 2_400.0 <= seconds < 2_500.0
    for line in (route, job):
        assert line["done_rate"] == line["enqueued_rate"] == pytest.approx(100 / seconds, rel=0.01)
        assert line["wait"] == pytest.approx({"p50": 2.5, "p95": 4.75, "p99": 4.95}, rel=0.1)
        assert line["run"] == pytest.approx({"p50": 5.0, "p95": 9.5, "p99": 9.9}, rel=0.1)
        assert {at: done for at, done in enumerate(line["done"]) if done} == {minute: 100.0}
    header, row = (
        re.split(" {2,}", line)
        for line in skunq("stats", "--since", "40m").splitlines()
        if line.startswith(("QUEUE", "demo"))
    )
    shown = dict(zip(header, row, strict=False))
    for of in ("wait", "run"):
        for share, seconds_of in route[of].items():
            assert shown[f"{of} {share}".upper()] == fine_span(seconds_of, plain=True)


@pytest.mark.parametrize("shape", [ROUTES, JOBS])
def test_the_percentiles_of_a_busy_route_fit_a_terminal_of_80_columns(shape: Shape) -> None:
    def cell(title: str) -> str:
        if title.endswith(("P50", "P95", "P99")):
            return "999 ms"
        return {
            "QUEUE": "shop", "ROUTE": "default", "JOB": "shop.jobs:sell", ">IN": "1,234,567", ">DONE": "1,234,567",
            ">PER S": "342.94", ">ERROR": "120", ">RETRIED": "12", ">DEATHS": "0",
        }.get(title, "@" * 30)  # fmt: skip

    found = fitted(shape, [[cell(title) for title in shape.titles]], 80)

    assert {">WAIT P95", ">RUN P95", ">PER S", ">ERROR"} <= set(found.titles)
    assert "999 ms" in found.cells[0]
    assert sum(found.widths) + 2 * (len(found.widths) - 1) <= 80


def test_a_chart_has_the_largest_number_highest_and_nothing_for_nothing() -> None:
    assert chart([0.0, 1.0, 4.0, 8.0, None]) == " ▁▄█ "
    assert chart([0.0, 1.0, 4.0, 8.0], plain=True) == " _=@"
    assert chart([]) == ""
    assert chart([0.0, 0.0]) == "  "
    assert chart([0.001, 1_000.0])[0] == "▁"


def test_neighbours_become_one_mark_where_there_is_too_little_room() -> None:
    assert gathered([1.0, 2.0, 3.0, 4.0, 5.0], 3) == [3.0, 7.0, 5.0]
    assert gathered([1.0, 2.0, 3.0], 2, max) == [2.0, 3.0]
    assert gathered([1.0, 2.0], 30) == [1.0, 2.0]


def test_all_that_was_ever_counted_is_told_by_job(store: Backend, skunq: Skunq) -> None:
    for _ in range(3):
        finish(store)
    finish(store, Verdict.ERROR, body("shop:buy"))
    finish(store, route="bar")
    store.prune(older=-1.0)

    told = skunq.json("stats", "--ever")["totals"]

    counts = {(each["job"], each["route"]): each["counts"] for each in told}
    assert counts["shop:sell", "foo"]["complete"] == counts["shop:sell", "foo"]["enqueued"] == 3
    assert counts["shop:buy", "foo"]["error"] == 1
    assert counts["shop:sell", "bar"]["complete"] == 1
    assert told[0]["run"]["p50"] == pytest.approx(0.5, rel=0.1)
    (only,) = skunq.json("stats", "--ever", "--job", "shop:buy")["totals"]
    assert only["job"] == "shop:buy"
    lines = skunq("stats", "--ever").splitlines()
    assert lines[0].split()[:5] == ["JOB", "QUEUE", "ROUTE", "IN", "DONE"]
    assert lines[1].split()[:5] == ["shop:sell", "demo", "foo", "3", "3"]


def test_all_time_has_no_beginning(store: Backend, skunq: Skunq) -> None:
    finish(store)
    for words in (["--since", "1h"], ["--minutes"], ["--hours"]):
        assert "--ever is all the time" in skunq.error("stats", "--ever", *words, expect=2)


def test_nothing_was_ever_counted_in_a_new_store(store: Backend, skunq: Skunq) -> None:
    del store
    assert "nothing was ever counted" in skunq.error("stats", "--ever", expect=1)
