"""The type hints serve users: good programs pass their checker, and mistakes are found before they run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MARK = re.compile(r"# error: ([a-z-]+)$")
FOUND = re.compile(r"^([\w./-]+):(\d+): error: .*\[([a-z-]+)\]$")


@pytest.fixture(scope="module")
def complaints(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """What mypy says of the programs, as ``line: code`` by file name, with a user's strict settings."""
    folder = tmp_path_factory.mktemp("programs")
    programs = sorted([*HERE.glob("good_*.py"), *HERE.glob("bad_*.py")])
    for program in programs:
        (folder / program.name).write_text(program.read_text(encoding="utf-8"), encoding="utf-8")
    assert request.config.cache is not None
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--no-error-summary"),
            *("--show-error-codes", "--hide-error-context", "--no-pretty", "--cache-dir"),
            str(request.config.cache.mkdir("mypy")),
            *(program.name for program in programs),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    said: dict[str, list[str]] = {program.name: [] for program in programs}
    for line in done.stdout.splitlines():
        match = FOUND.match(line)
        if match:
            # The first error of a line counts; others may follow from it.
            if not any(one.startswith(f"{match[2]}: ") for one in said[match[1]]):
                said[match[1]].append(f"{match[2]}: {match[3]}")
        else:
            assert ": note: " in line, line
    return said


@pytest.mark.parametrize("program", sorted(path.name for path in HERE.glob("good_*.py")))
def test_a_good_program_is_accepted(complaints: dict[str, list[str]], program: str) -> None:
    assert complaints[program] == []


@pytest.mark.parametrize("program", sorted(path.name for path in HERE.glob("bad_*.py")))
def test_every_mistake_is_found(complaints: dict[str, list[str]], program: str) -> None:
    lines = (HERE / program).read_text(encoding="utf-8").splitlines()
    expected = [
        f"{number}: {match[1]}"
        for number, line in enumerate(lines, 1)
        if (match := MARK.search(line)) is not None
    ]

    assert complaints[program] == expected
