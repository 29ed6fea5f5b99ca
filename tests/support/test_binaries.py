"""What is not to be had is said at the end of a run, in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITE = """
import pytest
from tests.support.binaries import not_to_be_had

@pytest.mark.parametrize("number", range(3))
def test_anything(number):
    raise not_to_be_had("a server", "build one")

def test_else():
    pytest.skip("for another reason")
"""


def test_what_was_not_tested_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import pytest; pytest.main(sys.argv[1:])"
    options = ["-p", "tests.support.binaries", "-p", "no:cacheprovider", "-q", str(tmp_path)]
    found = subprocess.run(
        [sys.executable, "-c", program, *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    said = [line for line in found.stdout.splitlines() if "NOT TESTED" in line]
    assert said == ["NOT TESTED: a server is not here: build one (3 tests)"], found.stdout
