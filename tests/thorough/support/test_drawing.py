"""A run with a seed has one of each group of tests that try the same; other seeds have others, and without one all run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.drawing import VARIABLE

ROOT = Path(__file__).parents[3]
TESTS = """
import pytest

class Verb:
    pass

@pytest.mark.drawn_by("server")
@pytest.mark.parametrize("verb", [Verb(), Verb()], ids=["fire", "claim"])
@pytest.mark.parametrize("server", ["one", "two"])
def test_a_verb(server, verb):
    pass

def test_that_is_not_drawn():
    pass

class Kit:
    drawn_among = "stores"

    @pytest.mark.parametrize("text", ["a", "b"])
    def test_of_the_kit(self, text):
        pass

class TestOne(Kit):
    pass

class TestTwo(Kit):
    pass

class TestAgain:
    drawn_in = 2

    @pytest.mark.parametrize("number", range(40))
    def test_of_many(self, number):
        pass
"""


def collected(folder: Path, seed: str) -> set[str]:
    (folder / "test_some.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = drawn_by(name)\n")
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "tests.support.dealing"]
    found = subprocess.run(
        [*command, "--rootdir", str(folder), "-c", str(folder / "pytest.ini"), str(folder)],
        env={**os.environ, VARIABLE: seed, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.partition("::")[2] for line in found.stdout.splitlines() if "::" in line}


def test_a_run_with_a_seed_has_one_of_each(tmp_path: Path) -> None:
    found = collected(tmp_path, "1")

    assert found == collected(tmp_path, "1")
    for verb in ("fire", "claim"):
        assert len(found & {f"test_a_verb[{server}-{verb}]" for server in ("one", "two")}) == 1
    for text in ("a", "b"):
        assert len(found & {f"Test{suite}::test_of_the_kit[{text}]" for suite in ("One", "Two")}) == 1
    assert "test_that_is_not_drawn" in found
    assert 5 < len([name for name in found if "TestAgain" in name]) < 35
    assert len([name for name in found if "TestAgain" not in name]) == 5


def test_all_runs_together_have_all(tmp_path: Path) -> None:
    everything = collected(tmp_path, "")

    assert len(everything) == 49
    # These two have all between them, but for a quarter of what is drawn in one of two.
    found = collected(tmp_path, "2") | collected(tmp_path, "5")
    assert {name for name in everything - found if "TestAgain" not in name} == set()
    assert len(everything - found) < 20
