"""The programs and tests of the page on the first hour run, in a folder of their own, as a newcomer would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.acceptance.project_folder import PATIENCE, ProjectFolder
from tests.docs.pages import ROOT, blocks
from tests.support.waiting import eventually

PAGE = ROOT / "docs" / "first-hour.md"
NAMED = re.compile(r"# (\w+\.py)\n")


@pytest.fixture
def hour(project: ProjectFolder) -> ProjectFolder:
    for block in blocks(PAGE, "python"):
        name = NAMED.match(block.code)
        assert name is not None, f"{block}: its first line does not say which file it is"
        project.write(name[1], block.code)
    return project


def test_its_tests_pass(hour: ProjectFolder) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "SKUNKQUEUE"))}
    plugins = [word for name in ("schemathesis", "valkey", "randomly") for word in ("-p", f"no:{name}")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *plugins],
        cwd=hour.folder,
        env={**own, "HOME": str(hour.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_its_jobs_run_its_failures_are_told_and_its_schedule_is_declared(hour: ProjectFolder) -> None:
    pool = hour.work("-q", "shop", "--import", "alarms").ready(1)
    hour.write("fire.py", "from shop import buy, charge\nbuy(7, 500)\ncharge.options(retries=0).fire(8, 0)\n")
    hour.run("fire.py")
    hour.run("schedule.py")

    eventually(lambda: {"complete", "error"} <= hour.counts().keys(), PATIENCE)
    pool.says("shop:charge failed: order 8 costs 0 cents")
    (schedule,) = hour.skunq("schedules")["schedules"]
    assert schedule["name"] == "nightly"
