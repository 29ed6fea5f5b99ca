"""``current_job()`` outside of a job."""

from __future__ import annotations

import pytest

from skunkqueue import SkunkQueueError, current_job


def test_current_job_outside_of_a_job_names_the_ways_out() -> None:
    with pytest.raises(
        SkunkQueueError, match=r"copy_context.* test .*job_store of skunkqueue\.testing, and as_attempt"
    ):
        current_job()
