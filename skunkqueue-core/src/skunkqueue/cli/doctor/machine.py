"""Checks of this machine and this installation; they need no store."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from importlib.metadata import version

from skunkqueue.cli.doctor.finding import NOTICE, OK, PROBLEM, Check, Finding
from skunkqueue.cli.plugins import survey
from skunkqueue.plugins import registry

_BORN = 1_735_689_600.0
"""1 January 2025: a clock that shows an earlier time is wrong."""


def versions() -> Iterator[Finding]:
    """Report the versions that run here."""
    yield Finding(
        "versions",
        OK,
        f"skunkqueue {version('skunkqueue')}, Python {platform.python_version()}, {platform.system()}",
    )


def user() -> Iterator[Finding]:
    """Look whether jobs would run as root."""
    if os.geteuid() == 0:
        yield Finding(
            "user",
            NOTICE,
            "this is root: jobs of a pool started so may do anything",
            "start pools as a user of their own, and give that user the store",
        )
    else:
        yield Finding("user", OK, f"user id {os.geteuid()}, not root")


def plugins() -> Iterator[Finding]:
    """Look for plugins that cannot be used."""
    found = survey()
    broken = [each for each in found if each.problem]
    for each in broken:
        yield Finding(
            "plugins",
            PROBLEM,
            f"{each.name} of {each.group} is broken: {each.problem}",
            registry.cure(each),
        )
    if not broken:
        yield Finding("plugins", OK, f"{len(found)} installed, none broken")


def local_clock() -> Iterator[Finding]:
    """Look for a clock that was never set."""
    if time.time() < _BORN:
        told = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        yield Finding(
            "clock", PROBLEM, f"this machine says it is {told} UTC", "set its clock, or let NTP do it"
        )


CHECKS: list[tuple[str, Check]] = [
    ("versions", versions),
    ("user", user),
    ("plugins", plugins),
    ("clock", local_clock),
]
