"""A handle outlives what it was made with: a close, a fork, a folder; and others hear of its firing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skunkqueue import SkunkQueue, State
from skunkqueue import queue as queues
from skunkqueue.errors import ConfigError, DamagedPayloadError
from skunkqueue.plugins import hookimpl
from skunkqueue.plugins.notify import Notifier
from skunkqueue.records import Firing, Outcome, Verdict
from skunkqueue.serializers import get_serializer


def add(first: int, second: int) -> int:
    return first + second


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[SkunkQueue]:
    with SkunkQueue("demo", conn_url=tmp_path / "q.db") as queue:
        yield queue


def test_a_handle_looks_again_after_its_queue_was_closed(queue: SkunkQueue) -> None:
    handle = queue.job(add).fire(1, 2)
    queue.close()

    assert handle.state is State.PENDING


def test_a_handle_in_a_forked_child_uses_the_childs_own_store(queue: SkunkQueue) -> None:
    handle = queue.job(add).fire(1, 2)
    parents = queue.backend
    child = os.fork()
    if not child:
        own = handle.state is State.PENDING and queue._opened is not parents
        os._exit(0 if own else 1)

    assert os.waitpid(child, 0)[1] == 0


def test_firing_needs_no_working_directory(
    queue: SkunkQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.default_gate.cache_clear()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert queue.job(add).fire(1, 2).state is State.PENDING
    queues.default_gate.cache_clear()


def test_a_chains_result_that_is_none_is_damage(queue: SkunkQueue) -> None:
    job = queue.job(add)
    handle = (job(1, 2) & job(3, 4)).fire()
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    data = get_serializer("typed").dumps([b"\x01", 5], "it")
    queue.backend.settle([Outcome(id=claim.id, token=claim.token, verdict=Verdict.COMPLETE, result=data)])

    with pytest.raises(DamagedPayloadError, match="no list of its 2 steps' results"):
        _ = handle.result


def test_hook_plugins_hear_of_every_firing_that_was_put_in(
    queue: SkunkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    class Listener:
        @hookimpl
        def skunkqueue_firing_enqueued(self, firing: Firing) -> None:
            heard.append(firing.id)

    notifier = Notifier()
    notifier.add(Listener(), "listener")
    monkeypatch.setattr(queues, "default_notifier", lambda: notifier)
    job = queue.job(idempotency_key="one")(add)
    first = job.fire(1, 2)
    job.fire(1, 2)
    many = queue.fire_many([queue.job(add)(i, i) for i in range(2)])

    assert heard == [first.id, *(handle.id for handle in many)]


@pytest.mark.parametrize("limit", ["1M", 0, -1, True, 1.5])
def test_a_payload_limit_that_is_no_number_of_bytes_is_refused(limit: Any) -> None:
    with pytest.raises(ConfigError, match="max_payload"):
        SkunkQueue("demo", max_payload=limit)
