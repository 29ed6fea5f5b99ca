"""The pid file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skunkqueue.errors import ConfigError
from skunkqueue.pool.pid_file import PidFile


def test_a_pidfile_is_there_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "pid"

    with PidFile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_pidfile_in_use_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "pid"

    with PidFile(str(path)), pytest.raises(ConfigError, match=str(os.getpid())), PidFile(str(path)):
        pass
    assert not path.exists()


def test_a_pidfile_of_another_pool_that_took_its_place_is_left(tmp_path: Path) -> None:
    path = tmp_path / "pid"

    with PidFile(str(path)):
        path.unlink()
        path.write_text("1\n")

    assert path.read_text() == "1\n"


def test_a_pidfile_whose_folder_was_removed_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "run" / "pid"
    path.parent.mkdir()

    with PidFile(str(path)):
        path.unlink()
        path.parent.rmdir()


def test_a_pidfile_that_cannot_be_written_is_a_setting_that_makes_no_sense(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--pidfile"), PidFile(str(tmp_path / "no" / "pid")):
        pass
