"""A test that hangs ends, with a traceback, whatever it holds; the others run. More of it: ``tests/thorough/support``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

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
            *(sys.executable, "-m", "pytest", "-p", "tests.support.hangs", "-v", "-o", "hang_limit=2"),
            *("-c", os.devnull, f"--rootdir={folder}", *arguments, str(folder)),
        ],
        cwd=ROOT,
        # Other plugins take longer to load than all this takes.
        env={**plain, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def check_traceback(folder: Path, how: str) -> None:
    """Fail where it is not said where the test hangs, or the others do not run."""
    done = run(folder, how)

    assert re.search(
        r"test_three.py:\d+: in the_place_where_it_hangs|def the_place_where_it_hangs", done.stdout
    )
    assert "test_hangs (call) has taken over 2 s" in done.stdout
    assert "in the_place_where_it_hangs" in done.stderr, "the traceback of all threads"
    assert "1 failed, 2 passed" in done.stdout


def check_replaced(folder: Path, how: str) -> None:
    """Fail where the test does not take its process along, or the others do not run."""
    done = run(folder, how, "-p", "xdist", "-n", "1", "--dist", "worksteal")

    assert "in the_place_where_it_hangs" in done.stderr
    assert re.search(r"crashed while running .*test_hangs", done.stdout)
    assert "1 failed, 2 passed" in done.stdout


def test_it_fails_with_a_traceback_and_the_others_run(tmp_path: Path) -> None:
    check_traceback(tmp_path, HOLDS_THE_TIMER)
