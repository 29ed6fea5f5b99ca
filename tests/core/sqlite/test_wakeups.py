"""Wake-ups: FIFOs beside the file, and what happens when one is lost."""

from __future__ import annotations

import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.persistence.sqlite import SQLiteBackend, fifos
from skunkqueue.persistence.sqlite.fifos import Fifos
from tests.core.sqlite.makers import child, claim, done, firing, many, open_at, result_of
from tests.support.waiting import eventually, pause


@pytest.fixture
def folder(path: Path) -> Path:
    return path.with_name("q.db-bells")


def names(folder: Path, kind: str) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(kind)]  # noqa: PTH208 - names are what is asked


def test_waiter_in_another_process_wakes_within_milliseconds(backend: SQLiteBackend, path: Path) -> None:
    took = []
    for _ in range(3):
        waiting = child("wake", path)
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "waiting\n"
        pause(0.1)
        backend.enqueue([firing(body=repr(SYSTEM_CLOCK.monotonic()).encode())])
        took.append(float(result_of(waiting)))
    assert min(took) < 0.1  # a tenth of what it takes to notice without wake-ups, on the slowest machine


def test_lost_wakeup_costs_no_more_than_a_look(backend: SQLiteBackend, path: Path) -> None:
    silent = open_at(path)
    silent._store.fifos.works = False  # a producer whose wake-ups reach nobody
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(backend.wait, "q", "r", "w", 30.0)
        pause(0.05)
        silent.enqueue([firing()])
        assert waiting.result(10)
    silent.close()


def test_fifos_come_back_after_their_folder_was_removed(
    backend: SQLiteBackend, path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fifos, "_RECHECK", 0.0)
    backend.enqueue([firing()])
    shutil.rmtree(folder)
    other = open_at(path)
    with ThreadPoolExecutor(1) as threads:
        claim(backend)
        waiting = threads.submit(other.wait, "q", "r", "w", 30.0)
        eventually(lambda: folder.exists() and names(folder, "r-"))
        backend.enqueue([firing()])
        assert waiting.result(10)
    other.close()


def test_a_wait_for_many_routes_opens_few_files(backend: SQLiteBackend) -> None:
    before = len(names(Path("/dev/fd"), ""))

    begun = backend.begin_claim_any("q", [f"route {number}" for number in range(100)], "w", 1, 60.0)
    opened = len(names(Path("/dev/fd"), "")) - before
    if begun is not None:
        begun.cancel()

    assert opened < 50


def test_a_wakeup_needs_no_listener(backend: SQLiteBackend) -> None:
    for _ in range(70_000):  # more than a FIFO holds
        backend._store.wake_route("q", "r")


def test_few_fifos_are_kept_open(backend: SQLiteBackend) -> None:
    backend.enqueue([firing(route=f"r{n}") for n in range(300)])
    assert len(backend._store.fifos._open) <= 64


def test_listener_leaves_no_fifo_behind(backend: SQLiteBackend, folder: Path) -> None:
    backend.enqueue([made := firing()])
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(backend.wait_settled, [made.id], 30.0)
        eventually(lambda: names(folder, "d-"))
        backend.settle([done(lent) for lent in claim(backend)])
        assert waiting.result(10) == [made.id]
    assert names(folder, "d-") == []


def test_fifo_of_a_dead_listener_is_removed(
    backend: SQLiteBackend, path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fifos, "_RECHECK", 0.0)
    backend.enqueue([made := firing(), *many(9)])
    listener = child("wait_settled", path, made.id)
    eventually(lambda: names(folder, "d-"))
    listener.kill()
    listener.communicate()
    assert names(folder, "d-")
    backend.settle([done(lent) for lent in claim(backend)])
    assert names(folder, "d-") == []


def test_new_listener_is_heard_of_at_once(backend: SQLiteBackend) -> None:
    """The folder's time stamp is too coarse to tell two changes of one moment apart."""
    wakeups = backend._store.fifos
    for _ in range(200):
        with wakeups.listening_settled() as fd:
            wakeups.wake_settled()
            assert wakeups.pause([fd], 5.0)


def test_mailbox_is_removed_with_its_worker(backend: SQLiteBackend, folder: Path) -> None:
    assert backend.listen("w", 0.0) == []
    assert len(names(folder, "w-")) == 1
    backend.unregister("w")
    assert names(folder, "w-") == []


def test_one_wakeup_is_for_one_waiter(path: Path) -> None:
    wakeups = Fifos(path.with_name("fifos"))
    with wakeups.listening("r-x") as one, wakeups.listening("r-x") as other:
        wakeups.wake("r-x")
        assert [wakeups.pause([one], 1.0), wakeups.pause([other], 0.0)] == [True, False]
    wakeups.close()


def test_without_fifos_everybody_looks_often(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "mkfifo", refuse)
    backend = open_at(path)
    with ThreadPoolExecutor(2) as threads:
        waits = [threads.submit(backend.wait, "q", "r", "w", 30.0)]
        pause(0.05)
        backend.enqueue([made := firing()])
        assert waits[0].result(10) is True
        settled = threads.submit(backend.wait_settled, [made.id], 30.0)
        pause(0.05)
        backend.settle([done(lent) for lent in claim(backend)])
        assert settled.result(10) == [made.id]
    backend.close()


def test_a_process_that_may_open_no_more_files_does_its_work_and_wakes_others_later(
    backend: SQLiteBackend, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    backend.enqueue([firing()])
    with ThreadPoolExecutor(1) as threads:
        (lent,) = claim(backend)
        waiting = threads.submit(backend.wait_settled, [lent.id], 30.0)
        eventually(lambda: names(folder, "d-"), what="somebody listens")
        with monkeypatch.context() as patched:
            patched.setattr(os, "listdir", no_room)
            assert backend.settle([done(lent)]) == []
        assert waiting.result(10) == [lent.id]


def is_listed(wakeups: Fifos) -> bool:
    wakeups.wake_settled()
    return wakeups._listed[1]


def test_a_listener_is_not_forgotten_while_no_file_can_be_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    wakeups, others = Fifos(folder), Fifos(folder)
    with wakeups.listening_settled() as fd:
        eventually(lambda: is_listed(others), what="the list of listeners is kept")
        wakeups.drain(fd)
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", no_room)
            others.wake_settled()
        others.wake_settled()
        assert wakeups.pause([fd], 10.0)
    wakeups.close()
    others.close()
