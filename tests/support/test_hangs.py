"""A test that hangs ends, with a traceback, whatever it holds; the others run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hangs import EXIT

ROOT = Path(__file__).parents[2]
BEFORE_AND_AFTER = """
import pytest, signal, threading, time

def test_before():
    pass

def test_hangs():
    the_place_where_it_hangs()

def test_after():
    pass

"""
HOLDS_THE_TIMER = """
def the_place_where_it_hangs():
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
"""
IN_A_FIXTURE = """
@pytest.fixture(autouse=True)
def waits(request):
    yield
    if request.node.name == "test_hangs":
        threading.Event().wait()

def the_place_where_it_hangs():
    pass
"""
CATCHES_ONCE = """
def the_place_where_it_hangs():
    try:
        threading.Event().wait()
    except BaseException:
        threading.Event().wait()
"""
CATCHES_ALL = """
def the_place_where_it_hangs():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
"""
BLOCKS_ALL_SIGNALS = """
def the_place_where_it_hangs():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
"""


def run(folder: Path, how: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run three tests, the second of which hangs."""
    (folder / "test_three.py").write_text(BEFORE_AND_AFTER + how, encoding="utf-8")
    # An outer run says by these that it is parallel.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "tests.support.hangs",
                "-p",
                "no:valkey",
                "-p",
                "no:randomly",
            ),
            *("-v", "-o", "hang_limit=2", "-c", os.devnull, f"--rootdir={folder}", *arguments, str(folder)),
        ],
        cwd=ROOT,
        env=plain,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("how", [HOLDS_THE_TIMER, CATCHES_ONCE])
def test_it_fails_with_a_traceback_and_the_others_run(tmp_path: Path, how: str) -> None:
    done = run(tmp_path, how)

    assert re.search(
        r"test_three.py:\d+: in the_place_where_it_hangs|def the_place_where_it_hangs", done.stdout
    )
    assert "test_hangs (call) has taken over 2 s" in done.stdout
    assert "in the_place_where_it_hangs" in done.stderr, "the traceback of all threads"
    assert "1 failed, 2 passed" in done.stdout


def test_a_fixture_that_hangs_ends_too(tmp_path: Path) -> None:
    done = run(tmp_path, IN_A_FIXTURE)

    assert "test_hangs (teardown) has taken over 2 s" in done.stdout
    assert "3 passed, 1 error" in done.stdout


@pytest.mark.parametrize("how", [CATCHES_ALL, BLOCKS_ALL_SIGNALS])
def test_one_that_cannot_be_interrupted_takes_its_process_along_and_the_others_run(
    tmp_path: Path, how: str
) -> None:
    done = run(tmp_path, how, "-n", "1", "--dist", "worksteal")

    assert "in the_place_where_it_hangs" in done.stderr
    assert re.search(r"crashed while running .*test_hangs", done.stdout)
    assert "1 failed, 2 passed" in done.stdout


def test_without_other_processes_the_run_ends_and_says_where(tmp_path: Path) -> None:
    done = run(tmp_path, BLOCKS_ALL_SIGNALS)

    assert done.returncode == EXIT
    assert "test_hangs (call) hangs where it cannot be interrupted" in done.stderr
    assert "in the_place_where_it_hangs" in done.stderr
