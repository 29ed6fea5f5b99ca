"""``skunq schedules``."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from skunkqueue.cli.schedules import every
from skunkqueue.payload import Body, Step, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Verdict
from tests.core.cli.program import Skunq, begin, body, packed
from tests.core.cli.schedules import declare, read, run_once, states, strategies

pytestmark = pytest.mark.usefixtures("strategies")
__all__ = ["strategies"]

# --- the listing ----------------------------------------------------------------------------------


def test_a_schedule_is_told_with_rule_jobs_and_times(store: Backend, skunq: Skunq) -> None:
    steps = encode(
        Body((Step("shop:buy", packed([[], {}, None])), Step("shop:sell", packed([[], {}, None]))))
    )
    declare(store, after=-1.0, body=steps, interval=60.0)
    run_once(store, took=2.5, interval=90.0)

    (told,) = skunq.json("schedules")["schedules"]

    assert {key: told[key] for key in ("queue", "name", "route", "strategy", "rule", "jobs", "priority")} == {
        "queue": "demo",
        "name": "tick",
        "route": "foo",
        "strategy": "every",
        "rule": "every 60 s",
        "jobs": ["shop:buy", "shop:sell"],
        "priority": 5,
    }
    assert (told["runs"], told["took"], told["interval"], told["state"]) == (1, 2.5, 90.0, "due")
    assert (told["paused"], told["route_paused"], told["firing"]) == (False, False, read(store).firing)
    assert told["verdict"] == "complete"
    assert all(told[key].endswith("Z") for key in ("declared", "last_run", "next_run"))
    assert 0 <= told["last_run_age"] < 60
    assert -60 < told["next_run_in"] < 0


@pytest.mark.usefixtures("store")
def test_only_who_has_no_strategies_is_told_to_install_them(
    skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "pip install" not in skunq.error("schedules", expect=1)

    monkeypatch.setattr("skunkqueue.cli.schedules.names", lambda _: [])

    assert "./skunkqueue-schedulers), and declare one with" in skunq.error("schedules", expect=1)


def test_long_lists_of_jobs_are_cut_for_people(store: Backend, skunq: Skunq) -> None:
    names = ["shop:buy", *(f"shop:sell_{number}" for number in range(9))]
    declare(store, body=encode(Body(tuple(Step(name, packed([[], {}, None])) for name in names))))

    assert "  shop:buy & shop:sell_0 & shop:sell_1 & …  " in skunq("schedules")
    assert skunq.json("schedules")["schedules"][0]["jobs"] == names


def test_people_get_a_row_for_each(store: Backend, skunq: Skunq) -> None:
    declare(store, after=7_230.0)
    declare(store, "tock", after=-1.0)
    run_once(store)

    header, tick, tock = skunq("schedules").splitlines()

    assert header.split()[:5] == ["QUEUE", "NAME", "STRATEGY", "RULE", "JOBS"]
    assert "every 60 s  shop:sell" in tick
    assert "in 2 h 0 m" in tick
    assert tick.endswith("0  waiting")
    assert "ago" in tock
    assert "1.5 s   1 m 0 s     1  due" in tock


def test_each_state_is_told_apart(store: Backend, skunq: Skunq) -> None:
    declare(store, "running", after=-1.0)
    begin(store)
    declare(store, "waiting")
    declare(store, "due", after=-1.0)
    declare(store, "paused")
    store.pause_schedule("demo", "paused")
    store.kill([declare(store, "idle").firing or ""])

    assert states(skunq) == {name: name for name in ("running", "waiting", "due", "paused", "idle")}


@pytest.mark.parametrize("route", ["foo", None])
def test_a_paused_route_or_queue_is_told_with_what_waits_there(
    store: Backend, skunq: Skunq, route: str | None
) -> None:
    declare(store, after=-1.0)
    declare(store, "tock", queue="other")
    store.pause("demo", route)

    tick, tock = skunq("schedules").splitlines()[1:]

    assert tick.endswith("  due (route paused)")
    assert tock.endswith("  waiting")
    told = skunq.json("schedules")["schedules"]
    assert [(each["state"], each["route_paused"]) for each in told] == [("due", True), ("waiting", False)]


def test_how_the_last_run_ended_is_told(store: Backend, skunq: Skunq) -> None:
    declare(store, after=-1.0)
    assert skunq.json("schedules")["schedules"][0]["verdict"] is None
    run_once(store, verdict=Verdict.ERROR)

    assert skunq.json("schedules")["schedules"][0]["verdict"] == "error"
    assert " ago  error  " in skunq("schedules")


@pytest.mark.parametrize(
    ("columns", "titles"),
    [
        (80, "NAME RULE LAST RUN VERDICT NEXT RUN STATE"),
        (100, "NAME RULE LAST RUN VERDICT NEXT RUN TOOK INTERVAL RUNS STATE"),
        (120, "QUEUE NAME STRATEGY RULE LAST RUN VERDICT NEXT RUN TOOK INTERVAL RUNS STATE"),
        (160, "QUEUE NAME STRATEGY RULE JOBS LAST RUN VERDICT NEXT RUN TOOK INTERVAL RUNS STATE"),
    ],
)
def test_a_terminal_shows_each_schedule_on_a_line(
    store: Backend, tmp_path: Path, columns: int, titles: str
) -> None:
    name = "demo:Foo & demo:Bar"
    steps = (Step("demo:Foo", packed([[], {}, None])), Step("demo:Bar", packed([[], {}, None])))
    declare(store, name, after=-1.0, body=encode(Body(steps)))
    run_once(store, verdict=Verdict.ERROR)
    declare(store, "demo:Old", after=3_000.0)

    skunq = pexpect.spawn(
        sys.executable,
        ["-m", "skunkqueue.cli", "schedules"],
        env={**os.environ, "TERM": "xterm", "PYTHONPATH": str(tmp_path / "site")},
        encoding="utf-8",
        timeout=20,
        dimensions=(40, columns),
    )
    told = skunq.read()

    assert "\x1b[31merror" in told
    header, _, first, second = re.sub(r"\x1b\[[\d;]*m", "", told).split("\r\n")[:4]
    assert " ".join(header.split()) == titles
    assert name in first
    assert "demo:Old" in second
    assert len(header) <= columns


def test_a_paused_schedule_is_paused_also_while_it_runs(store: Backend, skunq: Skunq) -> None:
    declare(store, after=-1.0)
    begin(store)
    store.pause_schedule("demo", "tick")

    assert states(skunq) == {"tick": "paused"}


def test_a_schedule_that_moved_on_while_it_was_read_is_not_idle(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(store, after=-1.0)
    backend = type(store)
    original = backend.get
    moved: list[bool] = []

    def settled_meanwhile(self: Backend, ids: list[str]) -> Any:
        if not moved:
            moved.append(True)
            run_once(store)
        return original(self, ids)

    monkeypatch.setattr(backend, "get", settled_meanwhile)

    assert states(skunq) == {"tick": "due"}


def test_states_are_read_a_page_at_a_time(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcde":
        declare(store, name)
    sizes: list[int] = []
    backend = type(store)
    original = backend.get

    def counted(self: Backend, ids: list[str]) -> Any:
        sizes.append(len(ids))
        return original(self, ids)

    monkeypatch.setattr(backend, "get", counted)
    monkeypatch.setattr("skunkqueue.cli.schedules.MAX_PAGE", 2)

    assert set(states(skunq).values()) == {"waiting"}
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("strategy", ["mute", "stammering", "stillborn", "broken", "missing", "os:getcwd"])
def test_a_strategy_that_cannot_tell_its_rule_stops_no_listing(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    # None of these hangs, and a busy machine takes its time to import them.
    monkeypatch.setattr("skunkqueue.cli.schedules.DESCRIBE_LIMIT", 60.0)
    declare(store, "good")
    declare(store, "poor", strategy=strategy)

    told = {each["name"]: each["rule"] for each in skunq.json("schedules")["schedules"]}

    assert told == {"good": "every 60 s", "poor": None}
    assert strategy in skunq("schedules")


def test_a_strategy_that_does_not_return_stops_no_listing(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skunkqueue.cli.schedules.DESCRIBE_LIMIT", 3.0)
    for number in range(3):
        declare(store, f"poor{number}", strategy="hanging")
    declare(store, "good")

    told = {each["name"]: each["rule"] for each in skunq.json("schedules")["schedules"]}

    hanging = "(describe() does not return)"
    assert told == {"good": "every 60 s", "poor0": hanging, "poor1": hanging, "poor2": hanging}
    assert hanging in skunq("schedules")


def test_what_comes_from_the_store_cannot_steer_a_terminal(store: Backend, skunq: Skunq) -> None:
    declare(store, body=body("shop:\x1b[2Jsell"), params=b"\x1b]0;x\x07")

    told = skunq("schedules")

    assert "\x1b" not in told
    assert "shop:\\x1b[2Jsell" in told
    assert "every \\x1b]0;x\\x07 s" in told


def test_a_damaged_body_is_shown_as_damaged(store: Backend, skunq: Skunq) -> None:
    declare(store, body=b"garbage")

    assert "(damaged)" in skunq("schedules")
    assert skunq.json("schedules")["schedules"][0]["jobs"] is None


def test_one_queue_or_route_can_be_asked_for(store: Backend, skunq: Skunq) -> None:
    declare(store)
    declare(store, "tock", route="bar")
    declare(store, queue="other")

    def listed(*words: str) -> list[tuple[str, str]]:
        return [(each["queue"], each["name"]) for each in skunq.json("schedules", *words)["schedules"]]

    assert listed("-q", "demo") == [("demo", "tick"), ("demo", "tock")]
    assert listed("-r", "foo") == [("demo", "tick"), ("other", "tick")]
    assert listed("-q", "demo", "-r", "bar") == [("demo", "tock")]


def test_no_schedules_is_exit_code_1_and_says_how_to_declare_one(store: Backend, skunq: Skunq) -> None:
    assert "with TimeScheduler(" in skunq.error("schedules", expect=1)
    assert skunq.json("schedules", expect=1)["schedules"] == []
    declare(store)
    assert "shows all" in skunq.error("schedules", "-q", "other", expect=1)


def test_all_pages_of_schedules_are_read(store: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skunkqueue.cli.schedules.MAX_PAGE", 3)
    names = [f"s{number}" for number in range(7)]
    for name in names:
        declare(store, name)
    declare(store, "other", queue="other")
    assert [each.name for each in every(store)] == [*names, "other"]
    assert [each.name for each in every(store, "demo", "foo")] == names
    assert every(store, "demo", "elsewhere") == []
