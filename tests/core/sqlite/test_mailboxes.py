"""Mailboxes of workers that have left: neither commands nor FIFOs stay."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import LEASE, OTHER, POOL, WORKER, pool, worker
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.persistence.sqlite.fifos import mail_topic
from skunkqueue.records import Command
from tests.core.sqlite.makers import claim, firing


@pytest.fixture
def folder(path: Path) -> Path:
    return path.with_name("q.db-bells")


def mailboxes(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir() if entry.name.startswith("w-")}


def test_a_sweep_removes_commands_that_nobody_takes(virtual: SQLiteBackend, folder: Path) -> None:
    virtual.register(worker(), LEASE)
    virtual.register(worker(OTHER), LEASE)
    virtual.register_pool(pool(), LEASE)
    virtual.enqueue([firing()])
    lent = claim(virtual, worker=WORKER)
    virtual.unregister(WORKER)
    virtual.kill([lent[0].id])
    for listed in (OTHER, POOL):
        assert virtual.send(listed, Command(verb="restart"))

    assert (virtual.sweep(), virtual.sweep()) == (1, 0)

    assert mailboxes(folder) == {mail_topic(OTHER), mail_topic(POOL)}
    assert virtual.listen(WORKER, 0.0) == []
    for listed in (OTHER, POOL):
        assert virtual.listen(listed, 0.0) == [Command(verb="restart")]


def test_fifo_of_a_worker_that_listens_after_it_has_left_is_removed_in_the_end(
    virtual: SQLiteBackend, clock: VirtualClock, folder: Path
) -> None:
    listed = (worker(), pool())
    virtual.register(listed[0], 1e6)
    virtual.register_pool(listed[1], 1e6)
    for id_ in (WORKER, POOL, OTHER):
        virtual.listen(id_, 0.0)
        os.utime(folder / mail_topic(id_), (0, 0))
    virtual.listen("fresh", 0.0)
    clock.advance(1_000.0)

    virtual.sweep()

    assert mailboxes(folder) == {mail_topic(id_) for id_ in (WORKER, POOL, "fresh")}
