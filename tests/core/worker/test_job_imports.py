"""Importing a job's module is not the job's time."""

from __future__ import annotations

from pathlib import Path

import pytest

from skunkqueue.payload import Body, Step, encode
from skunkqueue.records import State
from skunkqueue.serializers import get_serializer
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import Bench

MODULE = """
from tests.core.worker.jobs_of_tests import HOOKS, queue
HOOKS["imported"]()
@queue.job
def quick():
    HOOKS["run"]()
"""


def test_job_begins_when_its_module_is_imported(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_to_import.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    jobs.HOOKS["imported"] = lambda: bench.pass_time(1_000)
    jobs.HOOKS["run"] = lambda: bench.pass_time(5)
    arguments = get_serializer("typed").dumps_call((), {}, None)
    firing = bench.fire(jobs.tell(), body=encode(Body((Step("slow_to_import:quick", arguments, 0, 600.0),))))

    bench.work(allow=("slow_to_import",), lease=3_600.0)

    record = bench.record(firing)
    assert record.state is State.COMPLETE, bench.failure(firing)
    assert record.finished is not None
    assert record.began is not None
    assert record.finished - record.began < 1_000
