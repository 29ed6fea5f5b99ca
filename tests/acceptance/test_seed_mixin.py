"""The seed's mixin and conjoined examples, as written: what the jobs print is read from the worker's output."""

from __future__ import annotations

import pytest

from tests.acceptance.stage import SEED, Stage

MIXIN = (SEED / "mixin.py").read_text(encoding="utf-8")
CONJOINED = (SEED / "conjoined.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("first", ["the worker", "the script"])
def test_mixins_greet_once_each(stage: Stage, first: str) -> None:
    stage.write("demo.py", MIXIN)
    if first == "the worker":
        pool = stage.work("-q", "demo", "-r", "foo").ready()
        stage.run("demo.py")
    else:
        stage.run("demo.py")
        pool = stage.work("-q", "demo", "-r", "foo")
    pool.says("hello Jed !")
    pool.stop()

    assert pool.lines("hello!", "hello Jed !") == ["hello!", "hello Jed !"]


def test_conjoined_jobs_run_in_sequence_once(stage: Stage) -> None:
    stage.write("demo.py", CONJOINED)
    pool = stage.work("-q", "demo", "-r", "foo").ready()
    stage.run("demo.py")
    pool.says("hello Ian !")
    pool.stop()

    assert pool.lines("hello!", "hello Ian !") == ["hello!", "hello Ian !"]


def test_conjoined_jobs_are_one_firing(stage: Stage) -> None:
    stage.write("demo.py", CONJOINED)
    stage.run("demo.py")

    assert stage.counts() == {"pending": 1}
