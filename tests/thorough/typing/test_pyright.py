"""Pyright accepts the good programs, and finds a mistake in each line that mypy finds one in."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent.parent.parent / "typing"
FOUND = re.compile(r"/(\w+\.py):(\d+):\d+ - error: ")


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, int]]:
    """The lines in which pyright finds a mistake, with the settings it comes with."""
    if importlib.util.find_spec("pyright") is None:
        message = "NOT TESTED: no pyright here: pip install 'pyright[nodejs]'"
        raise (pytest.fail if os.environ.get("CI") else pytest.skip).Exception(message)
    folder = tmp_path_factory.mktemp("programs")
    for program in (*PROGRAMS.glob("good_*.py"), *PROGRAMS.glob("bad_*.py")):
        shutil.copy(program, folder)
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return {(match[1], int(match[2])) for match in FOUND.finditer(done.stdout)}


def test_it_finds_the_same_mistakes_as_mypy_and_no_others(complaints: set[tuple[str, int]]) -> None:
    expected = {
        (program.name, number)
        for program in PROGRAMS.glob("bad_*.py")
        for number, line in enumerate(program.read_text(encoding="utf-8").splitlines(), 1)
        if "# error: " in line
    }
    assert len(expected) > 50
    assert complaints == expected
