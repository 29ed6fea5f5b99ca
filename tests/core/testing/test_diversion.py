"""Every queue of the process uses the test's store, and its own again afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue import SkunkQueue
from skunkqueue.context import JobContext, current
from skunkqueue.errors import ConfigError, SkunkQueueError, TestModeError
from skunkqueue.imports import Gate
from skunkqueue.testing import JobStore, advance, divert, fired, run_pending
from tests.core.testing import shop


@pytest.fixture
def own(tmp_path: Path) -> Iterator[SkunkQueue]:
    """A queue that is in use, with a store of its own."""
    with SkunkQueue("own", conn_url=f"sqlite:///{tmp_path}/own.db") as queue:
        queue.fire_call(shop.add(1, 1))
        yield queue


def test_a_queue_made_before_is_diverted(own: SkunkQueue) -> None:
    with divert() as store:
        assert own.backend is store.backend
        assert own.config == store.config


def test_a_queue_made_meanwhile_is_diverted(tmp_path: Path) -> None:
    with divert() as store, SkunkQueue("new", conn_url=f"sqlite:///{tmp_path}/new.db") as queue:
        queue.fire_call(shop.add(2))

        assert queue.backend is store.backend
        assert not (tmp_path / "new.db").exists()


def test_a_queue_on_a_server_that_is_not_there_is_diverted() -> None:
    with divert(), SkunkQueue("far", conn_url="redis://127.0.0.1:1/0") as queue:
        queue.fire_call(shop.add(2))

        assert len(run_pending(queue)) == 1


def test_afterwards_every_queue_has_its_own_store_again(own: SkunkQueue, tmp_path: Path) -> None:
    before = own.backend
    with divert():
        own.fire_call(shop.add(3))

    assert own.backend is before
    assert own.backend.location() == f"sqlite:///{tmp_path}/own.db"
    assert len(own.backend.find("")) == 1


def test_a_queue_first_used_by_a_test_is_not_diverted_after_it(tmp_path: Path) -> None:
    with SkunkQueue("later", conn_url=f"sqlite:///{tmp_path}/later.db") as queue:
        with divert():
            queue.fire_call(shop.add(3))
        assert queue.backend.location() == f"sqlite:///{tmp_path}/later.db"
        assert queue.backend.find("") == []


def test_closing_a_queue_closes_its_own_store_and_not_the_tests(own: SkunkQueue) -> None:
    before = own.backend
    with divert() as store:
        own.close()
        assert store.backend.find("") == []
        assert own.backend is store.backend

    assert own.backend is not before


def test_each_test_has_a_store_of_its_own() -> None:
    with divert() as first:
        shop.add.fire(1)
    with divert() as second:
        assert fired() == []
        assert run_pending() == []

    assert first.url != second.url


def test_the_store_is_removed_afterwards() -> None:
    with divert() as store:
        shop.add.fire(1)
        folder = Path(store.url.removeprefix("sqlite:///")).parent
        assert folder.is_dir()

    assert not folder.exists()


def test_it_is_not_made_where_nothing_is_fired() -> None:
    with divert() as store:
        assert not Path(store.url.removeprefix("sqlite:///")).exists()


def test_a_second_diversion_is_refused() -> None:
    with divert() as store:
        with pytest.raises(ConfigError, match=f"use the test store {store.url} already"), divert():
            pass
        shop.add.fire(1)

        assert len(run_pending()) == 1


def test_other_threads_are_diverted(own: SkunkQueue) -> None:
    found: list[object] = []
    with divert() as store:
        thread = threading.Thread(target=lambda: found.append(own.backend))
        thread.start()
        thread.join()

        assert found == [store.backend]


def test_a_child_of_a_fork_is_diverted(own: SkunkQueue) -> None:
    with divert():
        own.fire_call(shop.add(1))
        pid = os.fork()
        if not pid:
            try:
                own.fire_call(shop.add(2, 2))
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0

        assert [one.result for one in run_pending()] == [2, 4]


def test_under_the_fixture_programs_that_a_test_starts_are_diverted(job_store: JobStore) -> None:
    program = "from skunkqueue import SkunkQueue\nprint(SkunkQueue('x').backend.location())"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == job_store.url


def test_it_is_refused_in_a_job() -> None:
    context = JobContext(id="x", attempt=1, queue="q", route="r", name="n", report=lambda *_: None)
    token = current.set(context)
    try:
        with pytest.raises(ConfigError, match="called in a worker"), divert():
            pass
    finally:
        current.reset(token)


def test_it_is_refused_in_a_module_that_a_worker_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "diverting_app.py").write_text(
        "import skunkqueue.testing\nskunkqueue.testing.divert().__enter__()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(Exception, match="everything fired there would be thrown away"):
        Gate([str(tmp_path)], worker=True).load("diverting_app")


def test_time_is_not_moved_outside_of_a_test_store() -> None:
    with pytest.raises(TestModeError, match=r"advance\(\) works on a test store only.*job_store"):
        advance(hours=1)


def test_nothing_is_run_outside_of_a_test_store(own: SkunkQueue) -> None:
    with pytest.raises(TestModeError, match=r"run_pending\(\) works on a test store only"):
        run_pending(own)


def test_a_store_that_is_over_says_so() -> None:
    with divert() as store:
        pass

    with pytest.raises(TestModeError, match="this test store is gone"):
        store.run_pending()


def test_afterwards_a_job_whose_work_is_called_does_not_know_itself() -> None:
    with divert():
        assert shop.flaky.work(1) == 1

    with pytest.raises(SkunkQueueError, match="outside of a job"):
        shop.flaky.work(1)
