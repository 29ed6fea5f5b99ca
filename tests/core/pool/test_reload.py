"""The watch over source files."""

from __future__ import annotations

from pathlib import Path

import pytest

from skunkqueue.pool.reload import Watch


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
