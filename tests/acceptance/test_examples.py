"""The programs in examples/ do what their first lines say."""

from __future__ import annotations

import pytest

from tests.acceptance.project_folder import PATIENCE, ROOT, Pool, ProjectFolder
from tests.support.waiting import eventually


@pytest.fixture
def pool(project: ProjectFolder) -> Pool:
    """A worker in a folder that has the examples."""
    for example in (ROOT / "examples").glob("*.py"):
        project.write(example.name, example.read_text(encoding="utf-8"))
    return project.work("-q", "demo", "-r", "foo").ready()


def test_decorator(project: ProjectFolder, pool: Pool) -> None:
    assert project.run("decorator.py").splitlines() == ["result 9", "state complete"]
    assert pool.stop() == 0


def test_mixin(project: ProjectFolder, pool: Pool) -> None:
    project.run("mixin.py")
    pool.says("hello Jed !")
    pool.stop()

    assert pool.lines("hello!", "hello Jed !") == ["hello!", "hello Jed !"]


def test_conjoined(project: ProjectFolder, pool: Pool) -> None:
    project.run("conjoined.py")
    pool.says("hello Ian !")
    pool.stop()

    assert pool.lines("hello!", "hello Ian !") == ["hello!", "hello Ian !"]


def test_schedules(project: ProjectFolder, pool: Pool) -> None:
    project.run("schedules.py")
    eventually(lambda: len(pool.lines("baz", "qux")) == 3, PATIENCE, what="both schedules to have run")
    pool.stop()

    assert "qux" in pool.lines("baz", "qux")[1:]
    assert len(project.skunq("schedules")["schedules"]) == 2


def test_examples_do_not_fire_when_a_worker_imports_them(project: ProjectFolder, pool: Pool) -> None:
    project.run("decorator.py")
    pool.stop()

    assert "__main__" not in pool.said
