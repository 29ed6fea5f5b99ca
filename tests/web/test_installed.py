"""How the monitor finds out which plugins there are."""

from __future__ import annotations

import subprocess
import sys

from skunkqueue.cli.plugins import survey
from skunkqueue.web.installed import survey_apart

_APART = """
import sys
from skunkqueue.web.installed import survey_apart
found = survey_apart()
assert any(each.name == "redis" for each in found)
print("redis" in sys.modules)
"""


def test_a_survey_apart_finds_what_a_survey_here_does() -> None:
    assert survey_apart() == survey()


def test_a_survey_apart_imports_no_plugin() -> None:
    done = subprocess.run([sys.executable, "-c", _APART], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "False"
