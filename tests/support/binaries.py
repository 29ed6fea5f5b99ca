"""Finding the servers that tests start: on the PATH, or in the wheels that carry one.

Knows where wheels keep their files and what to say where nothing is found; starts nothing.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import stat
from collections import Counter
from pathlib import Path

import pytest

NOT_TESTED = "NOT TESTED:"


def on_path(name: str) -> list[Path]:
    """Look a program up on the PATH."""
    found = shutil.which(name)
    return [Path(found)] if found else []


def in_wheel(package: str, pattern: str) -> list[Path]:
    """Look for programs in an installed package's folder, and let them be run where they are ours."""
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:  # of the package that it is in
        return []
    folders = (spec.submodule_search_locations if spec else None) or []
    found = [path for folder in folders for path in sorted(Path(folder).glob(pattern))]
    for path in found:
        # Some installers drop the run bit.
        if not os.access(path, os.X_OK):
            with contextlib.suppress(OSError):
                path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return found


def missing(what: str, way_out: str) -> BaseException:
    """Make what ends a test that cannot run: a failure where CI is set, otherwise a loud skip."""
    message = f"{NOT_TESTED} no {what} server is to be had here: {way_out}"
    return (pytest.fail if os.environ.get("CI") else pytest.skip).Exception(message)


def not_to_be_had(what: str, way_out: str) -> BaseException:
    """Make what ends a test that needs what no registry of packages carries: a loud skip, wherever that is."""
    return pytest.skip.Exception(f"{NOT_TESTED} {what} is not here: {way_out}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line of each kind what was not tested, and how many tests that are."""
    reasons = [
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    ]
    for reason, count in Counter(reason for reason in reasons if reason.startswith(NOT_TESTED)).items():
        terminalreporter.write_line(f"{reason} ({count} tests)", yellow=True, bold=True)
