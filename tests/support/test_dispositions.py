"""Tests hear signals, however the run was started."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.dispositions import HEARD

PROGRAM = """
import os, signal, subprocess, sys
from tests.support.dispositions import hear_in_children
number = int(sys.argv[1])
signal.signal(number, signal.SIG_IGN)
hear_in_children()
os.kill(os.getpid(), number)
child = "import os; os.kill(os.getpid(), int(__import__('sys').argv[1])); print('de', 'af', sep='')"
print(subprocess.run([sys.executable, "-c", child, sys.argv[1]], stdout=2).returncode)
"""


@pytest.mark.parametrize("number", HEARD)
def test_signal_that_was_ignored_ends_children_and_not_the_run(number: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(int(number))], capture_output=True, text=True, check=True
    )
    assert (done.stdout, "deaf" in done.stderr) == (f"-{int(number)}\n", False)
