"""Waits of the binding that a signal handler interrupts: what it waits for there must not end the wait it interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skunkqueue.persistence.fdb.binding import Binding
from skunkqueue.persistence.fdb.waits import Waits


class Bound:
    """Waits as FoundationDB's binding does: at one semaphore for each thread, which what comes opens."""

    def __init__(self) -> None:
        self.kept = kept = threading.local()

        class Future:
            def __init__(self, while_waiting: Callable[[], object]) -> None:
                self.while_waiting = while_waiting

            def block_until_ready(self) -> None:
                semaphore = getattr(kept, "future_block_semaphore", None)
                if semaphore is None:
                    semaphore = kept.future_block_semaphore = threading.Semaphore(0)
                self.semaphore = semaphore
                self.while_waiting()

        self.future = Future
        inner = SimpleNamespace(_thread_local_storage=kept, Future=Future)
        self.waits = Waits(cast("Binding", SimpleNamespace(impl=inner)))

    def wait(self, while_waiting: Callable[[], object] = bool) -> Any:
        """Call the store, which waits; return where it waited."""
        self.waits.part()
        future = self.future(while_waiting)
        future.block_until_ready()
        return future.semaphore


def test_wait_in_a_handler_is_apart_from_the_one_it_interrupted() -> None:
    bound = Bound()
    inner: list[Any] = []
    outer = bound.wait(lambda: inner.append(bound.wait()))
    assert inner[0] is not outer


def test_waits_one_after_the_other_share_a_semaphore() -> None:
    bound = Bound()
    assert bound.wait() is bound.wait()


def test_wait_after_one_that_a_handler_ended_is_a_fresh_one() -> None:
    bound = Bound()
    before = bound.wait()
    bound.waits.forget()
    assert bound.wait() is not before


@pytest.mark.parametrize("inner", [None, SimpleNamespace()])
def test_binding_without_semaphores_is_left_alone(inner: object) -> None:
    waits = Waits(cast("Binding", SimpleNamespace(impl=inner)))
    waits.part()
    waits.forget()
