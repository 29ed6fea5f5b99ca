"""The pidfile, the watch over source files, the streams."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from skunkqueue.errors import ConfigError
from skunkqueue.worker.pidfile import Pidfile
from skunkqueue.worker.reload import Watch


def test_a_pidfile_is_there_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "pid"

    with Pidfile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_pidfile_in_use_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "pid"

    with Pidfile(str(path)), pytest.raises(ConfigError, match=str(os.getpid())), Pidfile(str(path)):
        pass
    assert not path.exists()


def test_a_pidfile_of_another_pool_that_took_its_place_is_left(tmp_path: Path) -> None:
    path = tmp_path / "pid"

    with Pidfile(str(path)):
        path.unlink()
        path.write_text("1\n")

    assert path.read_text() == "1\n"


def test_a_pidfile_whose_folder_was_removed_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "run" / "pid"
    path.parent.mkdir()

    with Pidfile(str(path)):
        path.unlink()
        path.parent.rmdir()


def test_a_pidfile_that_cannot_be_written_is_a_setting_that_makes_no_sense(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--pidfile"), Pidfile(str(tmp_path / "no" / "pid")):
        pass


def test_a_change_is_seen_once_and_named(tmp_path: Path) -> None:
    path = tmp_path / "package" / "module.py"
    path.parent.mkdir()
    path.write_text("a = 1")
    watch = Watch([str(tmp_path)])

    assert watch.changed() is None
    path.write_text("a = 22")
    assert watch.changed() == str(path)
    assert watch.changed() is None
    path.unlink()
    assert watch.changed() == str(path)


@pytest.mark.parametrize("place", [".hidden/a.py", "venv/lib/a.py", "__pycache__/a.py", "text.txt"])
def test_what_is_no_code_of_the_users_is_not_watched(tmp_path: Path, place: str) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    watch = Watch([str(tmp_path)])
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a = 1")

    assert watch.changed() is None


def test_streams_survive_what_jobs_do_to_them() -> None:
    script = (
        "import os, sys, io\n"
        "from skunkqueue.worker.streams import Streams\n"
        "streams = Streams()\n"
        "print('one')\n"
        "sys.stdout.close(); print('two')\n"
        "sys.stdout = io.StringIO(); streams.keep(); print('three')\n"
        "os.close(1); streams.keep(); print('four')\n"
        "os.dup2(2, 1); streams.keep(); print('five', flush=True)\n"
        "os._exit(0)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["one", "two", "three", "four", "five"]
    assert done.stderr == ""
