"""The seed's scheduling example, as written: what the jobs print is read from the worker's output."""

from __future__ import annotations

from typing import Any

from tests.acceptance.project_folder import PATIENCE, SEED, ProjectFolder
from tests.support.waiting import eventually

SCHEDULER = (SEED / "scheduler.py").read_text(encoding="utf-8")
SOON = SCHEDULER.replace("timedelta(hours=3)", "timedelta(seconds=0.2)")


def schedules(project: ProjectFolder) -> dict[str, Any]:
    return {each["name"]: each for each in project.skunq("schedules")["schedules"]}


def test_what_was_fed_up_to_a_flush_runs_together_and_the_rest_at_the_end(project: ProjectFolder) -> None:
    project.write("demo.py", SCHEDULER)
    project.run("demo.py")
    pool = project.work("-q", "demo", "-r", "foo")
    eventually(lambda: project.counts().get("complete") == 2, PATIENCE, every=0.1, what="both have run")
    pool.stop()

    assert pool.lines("baz", "qux") == ["baz", "qux", "baz"]
    assert project.counts() == {"complete": 2, "pending": 2}
    assert {name: each["interval"] for name, each in schedules(project).items()} == {
        "demo:Foo & demo:Bar": 10_800.0,
        "demo:Foo": 10_800.0,
    }


def test_running_the_script_again_makes_no_more_schedules(project: ProjectFolder) -> None:
    project.write("demo.py", SCHEDULER)
    project.run("demo.py")
    before = schedules(project)
    project.run("demo.py")

    assert {name: each["next_run"] for name, each in schedules(project).items()} == {
        name: each["next_run"] for name, each in before.items()
    }
    assert project.counts() == {"pending": 2}


def test_conjoined_jobs_come_again_and_again_together(project: ProjectFolder) -> None:
    project.write("demo.py", SOON)
    project.run("demo.py")
    pool = project.work("-q", "demo", "-r", "foo")
    eventually(lambda: project.counts().get("complete", 0) >= 8, PATIENCE, every=0.1, what="eight have run")
    pool.stop()

    said = "".join(line[0] for line in pool.lines("baz", "qux"))
    # Pairs and singles take turns in any order, but nothing comes between the two of a pair.
    assert set(said.replace("bq", "").replace("b", "")) == set()
    assert said.count("bq") >= 3


def test_changing_the_interval_takes_effect_at_once(project: ProjectFolder) -> None:
    project.write("demo.py", SCHEDULER)
    project.run("demo.py")
    pool = project.work("-q", "demo", "-r", "foo")
    eventually(lambda: project.counts().get("complete") == 2, PATIENCE, every=0.1, what="both have run")

    project.write("demo.py", SOON)
    project.run("demo.py")

    eventually(lambda: project.counts().get("complete", 0) >= 6, PATIENCE, every=0.1, what="they run again")
    pool.stop()
    assert len(schedules(project)) == 2
