"""A restart whose new worker does not get ready."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from skunkqueue.pool.child_process import ChildProcess
from skunkqueue.pool.crew import Crew
from skunkqueue.pool.rolling_restart import RollingRestart
from skunkqueue.processes.settings import PoolSettings
from tests.core.worker.bench import Bench
from tests.support.waiting import eventually


def end(child: ChildProcess) -> None:
    child.kill("stop", ())
    eventually(child.reap, what="it has ended")
    child.close()


@pytest.fixture
def worker(bench: Bench) -> Iterator[ChildProcess]:
    """Start a process, and kill it before it can say that it is ready."""
    child = ChildProcess(bench.settings())
    child.kill("stop", ())
    yield child
    end(child)


def test_a_new_worker_that_does_not_get_ready_is_named_once(
    bench: Bench, worker: ChildProcess, caplog: pytest.LogCaptureFixture
) -> None:
    crew = Crew(PoolSettings(queue="shop", config=bench.config))
    crew.slots[0].child = old = ChildProcess(bench.settings())
    restart = RollingRestart(crew, lambda _routes: worker, lambda _entry, _did: None)
    try:
        with caplog.at_level(logging.WARNING):
            restart.begin(None)
            restart.go_on(worker.began)
            restart.go_on(worker.began + 59.0)
            assert caplog.messages == []
            restart.go_on(worker.began + 61.0)
            restart.go_on(worker.began + 90.0)
    finally:
        end(old)

    (message,) = caplog.messages
    assert message.startswith(f"restart: {worker} has been starting for 61 s")
    assert f"kill -9 {worker.pid}" in message
    assert restart.is_active
    assert not old.is_leaving
