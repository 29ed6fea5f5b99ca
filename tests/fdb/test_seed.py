"""The seed's examples as written: on FoundationDB, at the place that the client's own cluster file names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.project_folder import SEED, ProjectFolder
from tests.support.fdb_fixtures import NewFdbServer
from tests.support.waiting import eventually


def as_written(name: str) -> str:
    """Read an example of the seed's, with FoundationDB as its store."""
    text = (SEED / name).read_text(encoding="utf-8")
    assert text.count("persistence.sqlite") == 1
    return text.replace("persistence.sqlite", "persistence.fdb")


@pytest.fixture
def project(new_fdb_server: NewFdbServer, tmp_path: Path) -> Iterator[ProjectFolder]:
    """A folder on whose machine ``default_cfg`` finds a server of the test's own."""
    # Who names no URL gets the embedded store, so the pool and the commands are told one; the scripts name theirs.
    with ProjectFolder(
        tmp_path, FDB_CLUSTER_FILE=str(new_fdb_server().cluster_file), SKUNKQUEUE_URL="fdb://"
    ) as made:
        yield made


def run(project: ProjectFolder, text: str) -> str:
    """Run a script that has nothing but its text to say which store it uses."""
    project.write("demo.py", text)
    url = project.environment.pop("SKUNKQUEUE_URL")
    said = project.run("demo.py")
    project.environment["SKUNKQUEUE_URL"] = url
    return said


def test_the_decorated_job_prints_its_result_and_state(project: ProjectFolder) -> None:
    project.write("demo.py", as_written("decorator.py"))
    pool = project.work("-q", "demo", "-r", "foo").ready()

    # What follows in a minute follows in a second, so that it can be seen.
    said = run(project, as_written("decorator.py").replace("seconds=60", "seconds=1"))

    assert said.splitlines() == ["result 9", "state complete"]
    eventually(lambda: project.counts() == {"complete": 2}, every=0.2, what="both are complete")
    assert pool.stop() == 0


@pytest.mark.parametrize(
    ("example", "lines"),
    [("mixin.py", ["hello!", "hello Jed !"]), ("conjoined.py", ["hello!", "hello Ian !"])],
)
def test_jobs_of_classes_say_hello_in_order(project: ProjectFolder, example: str, lines: list[str]) -> None:
    project.write("demo.py", as_written(example))
    pool = project.work("-q", "demo", "-r", "foo").ready()

    run(project, as_written(example))

    pool.says(lines[-1])
    assert pool.stop() == 0
    assert pool.lines(*lines) == lines


def test_scheduled_jobs_run_and_wait_for_their_next_time(project: ProjectFolder) -> None:
    # The example names no store: there the environment says which.
    project.write("demo.py", (SEED / "scheduler.py").read_text(encoding="utf-8"))
    project.run("demo.py")

    pool = project.work("-q", "demo", "-r", "foo").ready()

    eventually(lambda: project.counts().get("complete") == 2, 30.0, every=0.2, what="both have run")
    assert pool.stop() == 0
    assert pool.lines("baz", "qux") == ["baz", "qux", "baz"]
    assert project.counts() == {"complete": 2, "pending": 2}
