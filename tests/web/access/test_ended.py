"""The list of sessions that were logged out: shared by processes, short, and no harm where it is broken."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skunkqueue.web.access import ended
from skunkqueue.web.access.ended import Ended


@pytest.fixture
def auth_file(tmp_path: Path) -> Path:
    return tmp_path / "auth"


def file_of(auth_file: Path) -> Path:
    return auth_file.with_name("auth.ended")


def test_what_one_has_ended_another_knows(auth_file: Path) -> None:
    here, there = Ended(auth_file), Ended(auth_file)
    assert "one" not in there
    here.add("one", until=100.0, now=0.0)
    there.add("two", until=100.0, now=0.0)

    assert "one" in there
    assert "two" in here
    assert "three" not in here


def test_the_file_is_its_owners_and_holds_no_session(auth_file: Path) -> None:
    Ended(auth_file).add("one", until=100.0, now=0.0)

    assert stat.S_IMODE(file_of(auth_file).stat().st_mode) == 0o600
    assert "one" not in file_of(auth_file).read_text()


def test_sessions_whose_time_is_over_leave_the_file(auth_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended, "LARGE", 200)
    here, there = Ended(auth_file), Ended(auth_file)
    for number in range(20):
        here.add(f"old {number}", until=10.0, now=0.0)
    here.add("kept", until=100.0, now=5.0)
    here.add("new", until=100.0, now=50.0)

    assert len(file_of(auth_file).read_text().splitlines()) == 2
    assert "kept" in there
    assert "new" in there
    assert "old 3" not in there


def test_many_that_log_out_at_once_all_end(auth_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended, "LARGE", 200)
    lists = [Ended(auth_file) for _ in range(4)]

    def log_out(number: int) -> None:
        for one in range(20):
            lists[number].add(f"{number} {one}", until=100.0, now=0.0)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(log_out, range(4)))

    there = Ended(auth_file)
    assert all(f"{number} {one}" in there for number in range(4) for one in range(20))


def test_lines_that_are_no_session_are_passed_over(auth_file: Path) -> None:
    here = Ended(auth_file)
    here.add("one", until=100.0, now=0.0)
    with file_of(auth_file).open("a") as file:
        file.write("\nx\nabc def\n0123")

    assert "one" in Ended(auth_file)


def test_a_session_ends_here_where_the_file_cannot_be_written(tmp_path: Path) -> None:
    here = Ended(tmp_path / "missing" / "auth")
    here.add("one", until=100.0, now=0.0)

    assert "one" in here


def test_without_logins_there_is_no_file(tmp_path: Path) -> None:
    here = Ended()
    here.add("one", until=100.0, now=0.0)

    assert "one" in here
    assert not list(tmp_path.iterdir())
