"""Keeps the garbage collector from looking at ten thousand collected tests again and again.

They stay until the end, and a full collection that visits them takes a quarter of a second: each one that a
test asks for, and each of the many that Python makes by itself.
"""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests without a look for garbage, and leave them out of every later one."""
    gc.disable()
    try:
        result = yield
    finally:
        gc.enable()
    gc.freeze()
    return result
