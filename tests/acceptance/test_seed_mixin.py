"""The seed's mixin and conjoined examples, as written: what the jobs print is read from the worker's output."""

from __future__ import annotations

import pytest

from tests.acceptance.project_folder import SEED, ProjectFolder

MIXIN = (SEED / "mixin.py").read_text(encoding="utf-8")
CONJOINED = (SEED / "conjoined.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("first", ["the worker", "the script"])
def test_mixins_greet_once_each(project: ProjectFolder, first: str) -> None:
    project.write("demo.py", MIXIN)
    if first == "the worker":
        pool = project.work("-q", "demo", "-r", "foo").ready()
        project.run("demo.py")
    else:
        project.run("demo.py")
        pool = project.work("-q", "demo", "-r", "foo")
    pool.says("hello Jed !")
    pool.stop()

    assert pool.lines("hello!", "hello Jed !") == ["hello!", "hello Jed !"]


def test_conjoined_jobs_run_in_sequence_once(project: ProjectFolder) -> None:
    project.write("demo.py", CONJOINED)
    pool = project.work("-q", "demo", "-r", "foo").ready()
    project.run("demo.py")
    pool.says("hello Ian !")
    pool.stop()

    assert pool.lines("hello!", "hello Ian !") == ["hello!", "hello Ian !"]


def test_conjoined_jobs_are_one_firing(project: ProjectFolder) -> None:
    project.write("demo.py", CONJOINED)
    project.run("demo.py")

    assert project.counts() == {"pending": 1}
