"""The fixture that pytest finds wherever SkunkQueue is installed. Imports nothing of ours until a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from skunkqueue.testing import JobStore


@pytest.fixture
def job_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[JobStore]:
    """Divert every queue of this process to a throw-away store, for one test; see ``skunkqueue.testing``.

    ``SKUNKQUEUE_URL`` names it meanwhile, for the programs that the test starts.
    """
    from skunkqueue.testing import divert  # noqa: PLC0415 - a run of tests that does not fire need not wait for it

    with divert() as store:
        monkeypatch.setenv("SKUNKQUEUE_URL", store.url)
        yield store
