"""The seed's decorator example, as written: fired as a script, worked from the same folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.project_folder import SEED, ProjectFolder
from tests.support.waiting import eventually

AS_WRITTEN = (SEED / "decorator.py").read_text(encoding="utf-8")
WITH_NAME_ALONE = AS_WRITTEN.replace("SkunkQueue('demo', **default_cfg)", "SkunkQueue('demo')")
assert WITH_NAME_ALONE != AS_WRITTEN

RETURN = "    return first + second"
"""The job's one line, before which a copy of the script notes that it ran."""


@pytest.fixture(params=["default_cfg", "name alone", "SKUNKQUEUE_URL"])
def demo(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ProjectFolder]:
    """A project folder with demo.py, by each of the ways to say which store is meant."""
    settings = {}
    if request.param == "SKUNKQUEUE_URL":
        settings["SKUNKQUEUE_URL"] = f"sqlite:///{tmp_path}/elsewhere.db"
    with ProjectFolder(tmp_path, **settings) as project:
        project.write(
            "demo.py", noting_runs(AS_WRITTEN if request.param == "default_cfg" else WITH_NAME_ALONE)
        )
        yield project
        assert (tmp_path / "elsewhere.db").exists() == ("SKUNKQUEUE_URL" in settings)


def noting_runs(script: str) -> str:
    return script.replace(RETURN, f"    with open('runs', 'a') as runs: runs.write('ran\\n')\n{RETURN}")


def runs(project: ProjectFolder) -> int:
    """Count how often the job has run."""
    noted = project.folder / "runs"
    return len(noted.read_text(encoding="utf-8").splitlines()) if noted.exists() else 0


def test_two_seconds_after_firing_it_prints_the_result_and_the_state(demo: ProjectFolder) -> None:
    demo.work("-q", "demo", "-r", "foo").ready()

    said = demo.run("demo.py")

    assert said.splitlines() == ["result 9", "state complete"]
    assert demo.counts() == {"complete": 1, "pending": 1}
    assert runs(demo) == 1


def test_a_worker_that_starts_later_runs_it_once(project: ProjectFolder) -> None:
    project.write("demo.py", noting_runs(WITH_NAME_ALONE).replace("sleep(2)", "sleep(0)"))

    assert project.run("demo.py").splitlines() == ["result None", "state pending"]
    pool = project.work("-q", "demo", "-r", "foo")
    eventually(lambda: runs(project) == 1, what="the firing has run")
    pool.stop()

    assert project.counts() == {"complete": 1, "pending": 1}
    assert runs(project) == 1


def test_the_second_firing_runs_once_when_its_time_comes(project: ProjectFolder) -> None:
    project.write("demo.py", noting_runs(AS_WRITTEN).replace("seconds=60", "seconds=1"))
    pool = project.work("-q", "demo", "-r", "foo").ready()

    assert project.run("demo.py").splitlines() == ["result 9", "state complete"]
    eventually(lambda: project.counts() == {"complete": 2}, every=0.2, what="both are complete")
    pool.stop()

    assert runs(project) == 2


def test_importing_the_script_warns_that_it_fires(project: ProjectFolder) -> None:
    project.write("demo.py", AS_WRITTEN)
    pool = project.work("-q", "demo", "-r", "foo").ready()
    project.run("demo.py")
    pool.stop()

    warnings = [line for line in pool.said.splitlines() if "__main__" in line]
    assert len(warnings) == 1


def test_several_workers_of_one_route_run_it_once(project: ProjectFolder) -> None:
    project.write("demo.py", noting_runs(AS_WRITTEN))
    pool = project.work("-q", "demo", "-r", "foo", "-c", "3").ready(3)

    assert project.run("demo.py").splitlines() == ["result 9", "state complete"]
    pool.stop()

    assert runs(project) == 1
