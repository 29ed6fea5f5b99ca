"""``skunq doctor``: the usual mistakes, each with its cure."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from skunkqueue.cli.doctor.jobs import importable
from skunkqueue.cli.doctor.store import clocks, file_of
from skunkqueue.clock import SystemClock
from skunkqueue.config import open_backend, resolve
from skunkqueue.ids import new_id
from skunkqueue.payload import Body, Failure, Step, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins import BACKENDS, STRATEGIES, calls, registry
from skunkqueue.records import Death, Firing, Refire, Run, Schedule, Verdict
from tests.core.cli.program import Skunq, begin, body, end, finish, fire, hire, packed
from tests.core.plugins.distributions import STRATEGY, install


def findings(skunq: Skunq, check: str, *, expect: int, words: tuple[str, ...] = ()) -> str:
    """Run the doctor and return what it says under one check, with the cures."""
    told = skunq.json("doctor", *words, expect=expect)["findings"]
    return "\n".join(
        f"{each['level']}: {each['text']} -> {each['cure']}" for each in told if each["check"] == check
    )


def test_all_is_well_on_a_fresh_store(skunq: Skunq) -> None:
    told = skunq("doctor")

    assert "no problem found" in told
    assert len([line for line in told.splitlines() if line.startswith(("ok", "notice"))]) >= 12


def test_a_route_without_workers_is_found(store: Backend, skunq: Skunq) -> None:
    fire(store)

    told = findings(skunq, "routes", expect=1)

    assert "route foo of queue demo has 1 pending firing and no worker" in told
    assert "-> skunq work -q demo -r foo" in told


def test_no_command_is_told_that_would_listen_on_other_routes(store: Backend, skunq: Skunq) -> None:
    fire(store, route="a,b")

    told = findings(skunq, "routes", expect=1)

    assert told.endswith("has 1 pending firing and no worker -> start a worker there")


def test_firings_that_are_not_due_yet_are_no_problem(store: Backend, skunq: Skunq) -> None:
    fire(store, delay=3_600.0)

    assert "notice: " in findings(skunq, "routes", expect=0)


def test_a_paused_route_with_work_is_found(store: Backend, skunq: Skunq) -> None:
    hire(store)
    fire(store)
    store.pause("demo", "foo")

    assert "is paused with 1 pending firing -> skunq resume -q demo -r foo" in findings(
        skunq, "routes", expect=1
    )


def test_a_route_that_does_not_keep_up_is_found(store: Backend, skunq: Skunq) -> None:
    hire(store)
    fire(store, due=store.now() - 1_000.0)

    told = findings(skunq, "routes", expect=1)

    assert "does not keep up" in told
    assert "-c 2" in told


def test_a_route_that_is_worked_on_is_well(store: Backend, skunq: Skunq) -> None:
    hire(store)
    fire(store)

    assert findings(skunq, "routes", expect=0).startswith("ok: ")


def test_many_errors_are_found(store: Backend, skunq: Skunq) -> None:
    for _ in range(10):
        finish(store, Verdict.ERROR)
    finish(store)

    told = findings(skunq, "errors", expect=1)

    assert "10 of 11 firings" in told
    assert "skunq requeue --state error -q demo -r foo" in told


def test_a_job_that_always_fails_is_named(store: Backend, skunq: Skunq) -> None:
    for _ in range(3):
        finish(store, Verdict.ERROR)

    told = findings(skunq, "errors", expect=1)

    assert "all 3 runs of shop:sell on route foo of queue demo ended as error" in told
    assert "-> skunq errors --job shop:sell -q demo shows why" in told


def test_a_job_that_failed_twice_is_not_named(store: Backend, skunq: Skunq) -> None:
    for _ in range(2):
        finish(store, Verdict.ERROR)

    assert findings(skunq, "errors", expect=0).startswith("ok: ")


def test_a_few_errors_among_many_are_no_problem(store: Backend, skunq: Skunq) -> None:
    finish(store, Verdict.ERROR)
    for _ in range(12):
        finish(store)

    assert findings(skunq, "errors", expect=0).startswith("ok: ")


def test_a_firing_that_killed_its_workers_is_found(store: Backend, skunq: Skunq) -> None:
    made = fire(store)
    for name in ("w-1", "w-2", "w-3"):
        hire(store, name)
        begin(store, worker=name)
        store.reap(name, [made], Death(at=store.now(), worker=name, cause="signal", signal=11))
    end(store, begin(store), Verdict.ERROR)

    told = findings(skunq, "poison", expect=1)

    assert f"firing {made} of shop:sell was put aside: 3 workers died under it" in told
    assert f"skunq requeue {made}" in told


def test_a_disconnected_worker_is_found(store: Backend, skunq: Skunq) -> None:
    hire(store, "w-1", state="disconnected")

    assert "worker w-1 (pid 1 on here) is disconnected" in findings(skunq, "workers", expect=1)


def test_a_worker_of_another_version_is_found(store: Backend, skunq: Skunq) -> None:
    hire(store, "w-1", version="0.0.1")

    told = findings(skunq, "workers", expect=1)

    assert "runs skunkqueue 0.0.1" in told
    assert "restart that pool" in told


def test_a_module_that_cannot_be_found_is_told(store: Backend, skunq: Skunq) -> None:
    hire(store)
    fire(store, body("no_such_shop.counter:sell"))

    told = findings(skunq, "modules", expect=0)

    assert "jobs of module 'no_such_shop.counter' wait" in told
    assert "--path FOLDER" in told


def test_modules_are_looked_for_without_importing_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "bomb"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "fuse.py").write_text("raise SystemExit('imported')")

    assert importable("bomb")
    assert importable("bomb.fuse")
    assert not importable("bomb.match")
    assert not importable("bomb.fuse.end")
    assert importable("sys")
    assert not importable("no_such_shop")


def test_damaged_firings_are_found(store: Backend, skunq: Skunq) -> None:
    hire(store)
    fire(store, b"garbage")

    assert "1 waiting firing cannot be read" in findings(skunq, "payloads", expect=1)


def test_pickled_firings_without_a_secret_are_told(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    hire(store)
    monkeypatch.delenv("SKUNKQUEUE_SECRET", raising=False)
    fire(store, encode(Body((Step("shop:sell", packed(None), serializer="pickle"),))))

    assert "SKUNKQUEUE_SECRET is not set here" in findings(skunq, "payloads", expect=0)


def test_a_broken_plugin_is_found(skunq: Skunq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(
        tmp_path, "acme-broken", BACKENDS, {"broken": "acme_broken:x"}, acme_broken="raise OSError('dust')"
    )

    told = findings(skunq, "plugins", expect=1)

    assert "OSError: dust" in told
    assert "-> pip install --force-reinstall acme-broken, or pip uninstall acme-broken" in told


@pytest.mark.parametrize(
    ("name", "rivals", "cure"),
    [
        ("sqlite", ["grab"], "pip uninstall acme-grab, or ask its author for another name"),
        ("redis", ["grab"], "pip uninstall acme-grab, or ask its author for another name"),
        (
            "same",
            ["left", "right"],
            "pip uninstall acme-left, or pip uninstall acme-right, or ask its author for another name",
        ),
    ],
)
def test_of_two_that_bring_one_name_the_projects_own_is_to_stay(
    skunq: Skunq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, name: str, rivals: list[str], cure: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for each in rivals:
        install(tmp_path, f"acme-{each}", BACKENDS, {name: f"acme_{each}:x"})

    told = findings(skunq, "plugins", expect=1).splitlines()

    assert {line.rpartition("-> ")[2] for line in told} == {cure}
    assert all("uninstall" in line.partition("->")[0] for line in told)


def declare(store: Backend, name: str, *, after: float, **more: Any) -> None:
    """Declare a schedule whose first run is due after so many seconds."""
    made = Schedule(
        **{"queue": "demo", "name": name, "route": "foo", "params": b"", "state": b"", "body": body(), **more}
    )
    firing = Firing(id=new_id(), queue="demo", route=made.route, body=made.body, due=store.now() + after)
    assert store.declare(made, firing)


@pytest.fixture
def weekly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the strategy ``weekly``."""
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "acme-weekly", STRATEGIES, {"weekly": "acme_weekly:X"}, acme_weekly=STRATEGY)


def test_the_doctor_ends_although_a_strategy_hangs_while_it_is_loaded(
    store: Backend, skunq: Skunq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "LOAD_LIMIT", 0.2)
    monkeypatch.setattr(calls, "LIMIT", 0.2)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "acme_gate.py").write_text("import threading\nGATE = threading.Event()\n")
    source = "from acme_gate import GATE\nclass Stuck:\n    def __init__(self):\n        GATE.wait()\n"
    source += "    def first(self, params, now): ...\n    def after(self, params, state, seen): ...\n"
    install(tmp_path, "acme-stuck", STRATEGIES, {"stuck": "acme_stuck:Stuck"}, acme_stuck=source)
    hire(store)
    declare(store, "a", after=60.0, strategy="stuck")

    told = findings(skunq, "schedules", expect=1)

    importlib.import_module("acme_gate").GATE.set()
    assert "1 schedule cannot run here: the strategy 'stuck' (from acme-stuck 1.0) did not return" in told


def test_schedules_whose_strategy_is_not_here_are_found(
    store: Backend, skunq: Skunq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "class Dusty:\n    def __init__(self):\n        raise OSError('dust')\n"
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "acme-dusty", STRATEGIES, {"dusty": "acme_dusty:Dusty"}, acme_dusty=source)
    hire(store)
    declare(store, "a", after=60.0, strategy="monthly")
    declare(store, "b", after=60.0, strategy="monthly")
    declare(store, "c", after=60.0, strategy="dusty")

    # That the plugin is broken is a problem of its own.
    told = findings(skunq, "schedules", expect=1)

    assert "notice: 2 schedules cannot run here: no strategy 'monthly' is installed" in told
    assert (
        "notice: 1 schedule cannot run here: the strategy 'dusty' (acme_dusty:Dusty, from acme-dusty" in told
    )
    assert "cannot be made without arguments: OSError: dust" in told
    assert told.count("\n") == 1


@pytest.mark.usefixtures("weekly")
def test_schedules_that_nobody_would_run_are_told_once_with_their_route(store: Backend, skunq: Skunq) -> None:
    hire(store, route="bar")
    declare(store, "later", after=60.0, strategy="weekly")
    declare(store, "late", after=-60.0, strategy="weekly")
    declare(store, "paused", after=-60.0, strategy="weekly")
    store.pause_schedule("demo", "paused")
    declare(store, "well", after=60.0, strategy="weekly", route="bar")

    assert findings(skunq, "routes", expect=1) == (
        "problem: route foo of queue demo has 2 pending firings and no worker;"
        " so no worker runs schedules 'late', 'later' -> skunq work -q demo -r foo"
    )
    assert findings(skunq, "schedules", expect=1).startswith("ok: 4 schedules")


@pytest.mark.usefixtures("weekly")
def test_schedules_with_nothing_pending_and_no_worker_are_found(store: Backend, skunq: Skunq) -> None:
    for number in range(7):
        declare(store, f"s{number}", after=60.0, strategy="weekly")
    store.purge("demo")

    assert findings(skunq, "schedules", expect=1) == (
        "problem: route foo of queue demo has no worker to go on with"
        " schedules 's0', 's1', 's2', 's3', 's4' and 2 more -> skunq work -q demo -r foo"
    )


@pytest.mark.usefixtures("weekly")
def test_schedules_whose_next_run_no_worker_plans_are_found(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    hire(store)
    declare(store, "just now", after=60.0, strategy="weekly")
    store.purge("demo")
    declare(store, "well", after=60.0, strategy="weekly")

    with monkeypatch.context() as later:
        later.setattr("skunkqueue.cli.doctor.schedules.IDLE_FOR", -120.0)
        told = findings(skunq, "schedules", expect=1)

    assert told.startswith(
        "problem: schedule just now of queue demo has no run planned: its strategy 'weekly' fails or does not return"
    )
    assert "skunq schedule remove 'just now' -q demo" in told
    assert told.count("\n") == 0
    assert findings(skunq, "schedules", expect=0).startswith("ok: 2 schedules")


@pytest.mark.usefixtures("weekly")
def test_schedule_whose_strategy_failed_after_its_last_run_is_found_at_once(
    store: Backend, skunq: Skunq
) -> None:
    hire(store)
    declare(store, "till", after=-60.0, strategy="weekly")
    claim, (made,) = begin(store), store.schedules()
    run = Run(id=claim.id, began=claim.claimed, took=0.5, verdict="complete", interval=None)
    following = Refire(
        queue="demo", name="till", generation=made.generation, firing=None, state=b"", run=run, unplanned=True
    )
    end(store, claim, refire=following)

    assert findings(skunq, "schedules", expect=1).startswith(
        "problem: schedule till of queue demo has no run planned: its strategy 'weekly' fails or does not return"
    )


def run_badly(store: Backend, name: str, failure: Failure | None) -> None:
    """Declare a schedule and have its first run end as error."""
    declare(store, name, after=-60.0, strategy="weekly")
    claim = begin(store)
    following = Firing(id=new_id(), queue="demo", route="foo", body=body(), due=store.now() + 60.0)
    run = Run(id=claim.id, began=claim.claimed, took=0.5, verdict="error", interval=None)
    (made,) = [each for each in store.schedules() if each.name == name]
    refire = Refire(queue="demo", name=name, generation=made.generation, firing=following, state=b"", run=run)
    end(store, claim, Verdict.ERROR, result=None if failure is None else encode(failure), refire=refire)


@pytest.mark.usefixtures("weekly")
def test_schedules_whose_last_run_failed_are_told_with_the_reason(store: Backend, skunq: Skunq) -> None:
    hire(store)
    run_badly(store, "till", Failure("ValueError", "no such\nshop" + "!" * 200))
    run_badly(store, "a & b", Failure("JobNotFoundError", "module 'shop' has no 'b' (any more)"))

    gone, till = findings(skunq, "schedules", expect=0).splitlines()

    assert gone == (
        "notice: the last run of schedule a & b of queue demo ended as error: JobNotFoundError: module 'shop' has"
        " no 'b' (any more) -> skunq schedule history 'a & b' -q demo;"
        " if the job is gone for good: skunq schedule remove 'a & b' -q demo"
    )
    assert "ended as error: ValueError: no such shop!!!" in till
    assert till.endswith("!… -> skunq schedule history till -q demo")


@pytest.mark.usefixtures("weekly")
def test_of_many_failing_schedules_the_first_are_told_and_how_many_more(store: Backend, skunq: Skunq) -> None:
    hire(store)
    for number in range(7):
        run_badly(store, f"s{number}", None)

    told = findings(skunq, "schedules", expect=0).splitlines()

    assert [line.count("ended as error") for line in told] == [1, 1, 1, 1, 1, 0]
    assert "so did the last runs of 2 more schedules" in told[-1]


def test_of_many_alike_the_first_are_told_and_how_many_more(store: Backend, skunq: Skunq) -> None:
    hire(store)
    for number in range(7):
        fire(store, body(f"no_such_shop_{number}:sell"))

    told = findings(skunq, "modules", expect=0).splitlines()

    assert len(told) == 6
    assert told[-1].startswith("notice: and 2 more like these")


@pytest.mark.usefixtures("weekly")
def test_schedules_that_can_run_are_well(store: Backend, skunq: Skunq) -> None:
    hire(store)
    declare(store, "a", after=60.0, strategy="weekly")

    assert findings(skunq, "schedules", expect=0).startswith("ok: 1 schedule, ")


def test_a_store_that_is_none_is_found(skunq: Skunq, tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_text("Dear Sir or Madam, " * 100)

    told = findings(skunq, "store", expect=1, words=("--url", f"sqlite:///{tmp_path / 'letter.db'}"))

    assert "cannot be opened" in told


def test_a_missing_backend_is_found(skunq: Skunq) -> None:
    assert "no backend 'sqlight'" in findings(skunq, "store", expect=1, words=("-b", "sqlight"))


def test_size_of_a_store_includes_what_is_new_in_it(store: Backend, skunq: Skunq) -> None:
    store.enqueue([Firing(id=new_id(), queue="demo", route="foo", body=b"x" * 2**20)])

    told = findings(skunq, "disk", expect=1)

    assert re.search(r"the store has 1\.\d MiB", told), told


def test_a_store_that_all_can_write_is_found(store: Backend, skunq: Skunq) -> None:
    path = file_of(store)
    assert path is not None
    path.chmod(0o666)

    told = findings(skunq, "permissions", expect=1)

    assert f"every user of this machine can write {path}" in told
    assert f"chmod o-w {path}" in told


class Shifted(SystemClock):
    """The machine's clocks, some seconds off."""

    def __init__(self, wall: float, mono: float = 0.0) -> None:
        self.wall = wall
        self.mono = mono

    def now(self) -> float:
        return super().now() + self.wall

    def monotonic(self) -> float:
        return super().monotonic() + self.mono


@contextmanager
def opened(url: str, wall: float, mono: float = 0.0) -> Iterator[Backend]:
    """Open the store with clocks that are off."""
    store = open_backend(resolve(conn_url=url), clock=Shifted(wall, mono))
    yield store
    store.close()


@pytest.mark.parametrize(("wall", "told"), [(100.0, "ahead of"), (-100.0, "behind")])
def test_clocks_that_differ_are_found(url: str, wall: float, told: str) -> None:
    with opened(url, wall) as store:
        (finding,) = clocks(store, resolve(conn_url=url))

    assert finding.level == "problem"
    assert f"{told} this machine's" in finding.text


def test_a_worker_from_the_future_is_found(url: str, skunq: Skunq) -> None:
    with opened(url, 500.0) as later:
        hire(later, "w-1")

    assert "worker w-1 last beat" in findings(skunq, "clock", expect=1)


def test_a_firing_of_a_dead_worker_that_nobody_took_over_is_found(url: str, skunq: Skunq) -> None:
    with opened(url, -500.0, -500.0) as earlier:
        made = fire(earlier)
        begin(earlier)

    told = findings(skunq, "leases", expect=1)

    assert f"firing {made} of shop:sell lost its worker" in told


@pytest.mark.skipif(os.geteuid() != 0, reason="not root here")
def test_root_is_told_that_it_is_root(skunq: Skunq) -> None:
    assert findings(skunq, "user", expect=0).startswith("notice: this is root")


def test_the_doctor_leaves_nothing_behind(store: Backend, skunq: Skunq) -> None:
    skunq("doctor")

    assert store.routes() == []
    assert store.workers() == []


UNKNOWN = "JobNotFoundError: module 'shop' has no 'sell' (any more)"


def test_jobs_that_workers_do_not_know_are_told_with_the_pools_to_restart(
    store: Backend, skunq: Skunq
) -> None:
    hire(store, "w-1", pool="till")
    hire(store, "w-2", pool="bank")
    hire(store, "w-3", route="bar", pool="elsewhere")
    for _ in range(2):
        fire(store, body("shop:sell"))
    for _ in range(2):
        end(store, begin(store), Verdict.RELEASE, began=None, delay=30.0, error=UNKNOWN)

    told = findings(skunq, "jobs", expect=1)

    assert told == (
        "problem: workers of route foo of queue demo do not know the job shop:sell of 2 pending firings:"
        " module 'shop' has no 'sell' (any more) -> if its code is newer than the workers: skunq restart bank till;"
        " if the job is gone for good: skunq kill -q demo -r foo --job shop:sell --state pending"
    )


def test_firings_that_failed_or_have_no_worker_are_not_told_as_unknown(store: Backend, skunq: Skunq) -> None:
    fire(store)
    end(store, begin(store), Verdict.RELEASE, began=None, delay=30.0, error=UNKNOWN)
    hire(store, route="bar")
    fire(store, route="bar")
    end(store, begin(store, route="bar"), Verdict.RETRY, delay=30.0, error="ValueError: no such shop")

    assert findings(skunq, "jobs", expect=0).startswith("ok: ")
