"""How the kit speaks to an author: the order of its tests, and failures that explain themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from skunkqueue.contract.children import orders, started
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.sqlite import SQLiteBackend

SUITE = """
import pytest
from skunkqueue.contract import BackendContract
from skunkqueue.persistence import BackendConfig

class TestAnything(BackendContract):
    @pytest.fixture
    def config(self, request):
        return BackendConfig(backend="sqlite", url=f"sqlite:///{request.path.parent}/always-the-same.db")
"""
REVERSED = """
def pytest_collection_modifyitems(items):
    items.reverse()
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Write what an author would write who forgot that every test needs a store of its own."""
    file = tmp_path / "test_suite.py"
    file.write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return file


def pytest_on(suite: Path, *options: str) -> str:
    """Run pytest as an author does; return what it prints."""
    env = {**os.environ, "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # What asserts would show is not looked at here, and to prepare that takes longer than all the rest.
    plain = ("--assert=plain", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *plain, *options, str(suite)]
    return subprocess.run(
        command, cwd=suite.parent, env=env, capture_output=True, text=True, check=False
    ).stdout


@pytest.mark.parametrize("shuffled", [False, True])
def test_plain_tests_come_first_and_those_that_are_random_or_kill_last(
    suite: Path, *, shuffled: bool
) -> None:
    if shuffled:
        (suite.parent / "conftest.py").write_text(REVERSED)
    printed = pytest_on(suite, "--collect-only", "-q")
    names = [line.rpartition("::")[2].partition("[")[0] for line in printed.splitlines() if "::" in line]
    place = {name: number for number, name in enumerate(names)}
    plain = [
        "test_enqueue_returns_the_ids_in_order",
        "test_limit_is_kept",
        "test_evidence_is_a_line_for_each_death_oldest_first",
    ]
    sleeping = ["test_enqueue_wakes_the_waiting", "test_who_waits_does_not_look_again_and_again"]
    crowded = ["test_threads_settle_every_firing_once", "test_processes_settle_every_firing_once"]
    last = [
        "test_any_run_of_verbs_leaves_the_store_like_the_model",
        "test_nothing_is_lost_or_doubled_when_processes_are_killed",
    ]
    stages = [[place[name] for name in stage] for stage in (plain, sleeping, crowded, last)]
    for before, after in pairwise(stages):
        assert max(before) < min(after)


def test_first_tests_are_about_enqueue(suite: Path) -> None:
    printed = pytest_on(suite, "--collect-only", "-q")
    assert "::test_enqueue_returns_the_ids_in_order" in printed.splitlines()[0]


def test_store_that_is_not_empty_is_named_as_what_is_wrong(suite: Path) -> None:
    wanted = "test_claimed_firing_is_running or test_waiting_is_cheap_where_nothing_may_be_claimed"
    printed = pytest_on(suite, "-k", wanted, "-q")
    assert "this store is not empty: it has the route 'foo' of the queue 'demo' (1 running)" in printed
    assert "have the fixture `config` name another store each time" in printed
    assert "busy loop" not in printed


def test_what_an_author_left_out_is_skipped_with_a_line_that_says_so(suite: Path) -> None:
    printed = pytest_on(suite, "-k", "away or password", "-rs", "-q")
    assert "TestAnything has no fixture `outage`" in printed
    assert "TestAnything has no fixture `config_with_password`" in printed


def test_child_process_that_fails_shows_its_whole_traceback(tmp_path: Path) -> None:
    config = BackendConfig(backend="sqlite", url=f"sqlite:///{tmp_path}/missing/store.db")
    with (
        started(orders(SQLiteBackend, config, "produce", "p1", seed=7, total=1)) as (child,),
        pytest.raises(AssertionError) as failure,
    ):
        child.rest()
    text = str(failure.value)
    assert text.startswith("the child process 'p1' (produce, seed 7) ended with exit code 1")
    assert "Traceback (most recent call last)" in text
    assert f"ConfigError: the folder {tmp_path}/missing" in text


def test_child_process_that_says_something_else_is_quoted(tmp_path: Path) -> None:
    config = BackendConfig(backend="sqlite", url=f"sqlite:///{tmp_path}/store.db")
    with (
        started(orders(SQLiteBackend, config, "open", "o1")) as (child,),
        pytest.raises(
            AssertionError, match=r"said \['opening'\] instead of \['ready'\]; to its standard error"
        ),
    ):
        child.expect(["ready"])
