"""A test that hangs ends, whatever it catches and wherever it hangs."""

from __future__ import annotations

from pathlib import Path

from tests.support.hangs import EXIT
from tests.support.test_hangs import BLOCKS_ALL_SIGNALS, check_replaced, check_traceback, run

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


def test_one_that_catches_what_ends_it_fails_and_the_others_run(tmp_path: Path) -> None:
    check_traceback(tmp_path, CATCHES_ONCE)


def test_one_that_catches_all_takes_its_process_along_and_the_others_run(tmp_path: Path) -> None:
    check_replaced(tmp_path, CATCHES_ALL)


def test_one_that_cannot_be_interrupted_takes_its_process_along_and_the_others_run(tmp_path: Path) -> None:
    check_replaced(tmp_path, BLOCKS_ALL_SIGNALS)


def test_a_fixture_that_hangs_ends_too(tmp_path: Path) -> None:
    done = run(tmp_path, IN_A_FIXTURE)

    assert "test_hangs (teardown) has taken over 2 s" in done.stdout
    assert "3 passed, 1 error" in done.stdout


def test_without_other_processes_the_run_ends_and_says_where(tmp_path: Path) -> None:
    done = run(tmp_path, BLOCKS_ALL_SIGNALS)

    assert done.returncode == EXIT
    assert "test_hangs (call) hangs where it cannot be interrupted" in done.stderr
    assert "in the_place_where_it_hangs" in done.stderr
