"""What holds for all tests: none may hang, none has to be fast, and their files are in memory."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.support.binaries import pytest_terminal_summary
from tests.support.dealing import pytest_collection_modifyitems
from tests.support.dispositions import hear_in_children
from tests.support.folders import keep_in_memory
from tests.support.hangs import (
    pytest_addoption,
    pytest_configure,
    pytest_runtest_call,
    pytest_runtest_setup,
    pytest_runtest_teardown,
    pytest_unconfigure,
)
from tests.support.heap import pytest_collection
from tests.support.loops import no_loop_of_others

__all__ = [
    "no_loop_of_others",
    "pytest_addoption",
    "pytest_collection",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_call",
    "pytest_runtest_setup",
    "pytest_runtest_teardown",
    "pytest_terminal_summary",
    "pytest_unconfigure",
]

keep_in_memory()
hear_in_children()
# On a busy machine an example takes as long as it takes.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
