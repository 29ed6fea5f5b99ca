"""When a watch comes, and when it comes to nothing: the same on the binding and on its stand-in."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.fdb.bindings import Bound
from tests.support.waiting import eventually, never


def watched(bound: Bound, name: str = "a") -> Any:
    """Watch a key."""
    tr = bound.begin()
    future = tr.watch(bound.key(name))
    tr.commit().wait()
    return future


@pytest.mark.parametrize("before", [None, b"1"])
def test_watch_comes_when_its_key_changes(bound: Bound, before: bytes | None) -> None:
    if before is not None:
        bound.put(a=before)
    future, come = watched(bound), threading.Event()
    future.on_ready(lambda _: come.set())
    assert not future.is_ready()
    bound.put(a=b"2")
    assert come.wait(20)
    assert future.is_ready()
    assert bound.refusal(future.wait) == 0


def test_watch_comes_when_its_key_is_cleared_or_counted_up(bound: Bound) -> None:
    bound.put(a=b"1", b=b"1")
    futures = [watched(bound, name) for name in "ab"]
    tr = bound.begin()
    tr.clear_range(bound.key("a"), bound.key("b"))
    tr.add(bound.key("b"), b"\1")
    tr.commit().wait()
    for future in futures:
        eventually(future.is_ready, what="the watch comes")


def test_watch_does_not_come_where_nothing_changes(bound: Bound) -> None:
    bound.put(a=b"1")
    future = watched(bound)
    bound.put(a=b"1", b=b"2")
    never(future.is_ready, 0.2)
    future.cancel()


def test_watch_comes_of_a_change_before_it_is_committed(bound: Bound) -> None:
    bound.put(a=b"1")
    tr = bound.begin()
    assert tr.get(bound.key("a")).value == b"1"
    future = tr.watch(bound.key("a"))
    bound.put(a=b"2")
    tr.commit().wait()
    eventually(future.is_ready, what="the watch comes")


@pytest.mark.parametrize("first", [True, False])
def test_own_write_counts_where_it_comes_after_the_watch(bound: Bound, *, first: bool) -> None:
    tr = bound.begin()
    if first:
        tr.set(bound.key("a"), b"own")
    future = tr.watch(bound.key("a"))
    if not first:
        tr.set(bound.key("a"), b"own")
    tr.commit().wait()
    if first:
        never(future.is_ready, 0.2)
        future.cancel()
    else:
        eventually(future.is_ready, what="the watch comes")


def test_watch_is_none_before_its_transaction_commits(bound: Bound) -> None:
    tr = bound.begin()
    future = tr.watch(bound.key("a"))
    bound.put(a=b"1")
    assert not future.is_ready()
    tr.reset()
    assert bound.refusal(future.wait) == 1025


def test_watch_ends_with_a_conflict(bound: Bound) -> None:
    tr = bound.begin()
    future = tr.watch(bound.key("a"))
    assert tr.get(bound.key("b")).value is None
    tr.set(bound.key("c"), b"")
    bound.put(b=b"1")
    assert bound.refusal(lambda: tr.commit().wait()) == 1020
    assert bound.refusal(future.wait) == 1020


def test_cancel_wakes_who_waits(bound: Bound) -> None:
    future, codes = watched(bound), []
    thread = threading.Thread(target=lambda: codes.append(bound.refusal(future.wait)))
    thread.start()
    future.cancel()
    thread.join(20)
    assert codes == [1101]


def test_watches_past_the_limit_bring_an_error_of_their_own(bound: Bound) -> None:
    database = bound.binding.open(str(bound.cluster_file))
    database.options.set_max_watches(2)
    futures = []
    try:
        for _ in range(4):
            tr = database.create_transaction()
            tr.options.set_timeout(20_000)
            futures.append(tr.watch(bound.key("a")))
            tr.commit().wait()
        # Others of this process may count too.
        eventually(lambda: futures[-1].is_ready() and futures[-2].is_ready(), what="two watches too many")
        assert {bound.refusal(one.wait) for one in futures[-2:]} == {1032}
    finally:
        for one in futures:
            one.cancel()
        database.options.set_max_watches(10_000)


def test_watch_does_not_end_with_the_time_of_its_transaction(bound: Bound) -> None:
    tr = bound.begin()
    future = tr.watch(bound.key("a"))
    tr.commit().wait()
    tr.options.set_timeout(1)
    never(future.is_ready, 0.1)
    del tr
    bound.put(a=b"1")
    eventually(future.is_ready, what="the watch comes")
