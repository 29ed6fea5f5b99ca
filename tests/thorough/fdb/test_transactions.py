"""What transactions see of each other and when they conflict: the same on the binding and on its stand-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fdb.bindings import Bound
from tests.support.waiting import eventually

Change = Callable[[Bound, Any], object]

READS: dict[str, Change] = {
    "get": lambda on, tr: tr.get(on.key("b")).value,
    "get of a missing key": lambda on, tr: tr.get(on.key("bb")).value,
    "snapshot get": lambda on, tr: tr.snapshot.get(on.key("b")).value,
    "get after set": lambda on, tr: (tr.set(on.key("b"), b"own"), tr.get(on.key("b")).value),
    "get after add": lambda on, tr: (tr.add(on.key("b"), b"\1"), tr.get(on.key("b")).value),
    "get before set": lambda on, tr: (tr.get(on.key("b")).value, tr.set(on.key("b"), b"own")),
    "range": lambda on, tr: tr.get_range(on.key("a"), on.key("d")).to_list(),
    "snapshot range": lambda on, tr: tr.snapshot.get_range(on.key("a"), on.key("d")).to_list(),
    "range of one": lambda on, tr: tr.get_range(on.key("a"), on.key("d"), 1).to_list(),
    "range of two": lambda on, tr: tr.get_range(on.key("a"), on.key("d"), 2).to_list(),
    "range of one from behind": lambda on, tr: tr.get_range(
        on.key("a"), on.key("d"), 1, reverse=True
    ).to_list(),
    "empty range": lambda on, tr: tr.get_range(on.key("bb"), on.key("bc")).to_list(),
    "read-conflict key": lambda on, tr: tr.add_read_conflict_key(on.key("b")),
    "read-conflict range": lambda on, tr: tr.add_read_conflict_range(on.key("b"), on.key("c")),
    "set and read-conflict key": lambda on, tr: (
        tr.set(on.key("b"), b"own"),
        tr.add_read_conflict_key(on.key("b")),
    ),
    "set and read-conflict range": lambda on, tr: (
        tr.set(on.key("b"), b"own"),
        tr.add_read_conflict_range(on.key("b"), on.key("c")),
    ),
    "clear and range": lambda on, tr: (
        tr.clear_range(on.key("aa"), on.key("bd")),
        tr.get_range(on.key("a"), on.key("c")).to_list(),
    ),
    "watch": lambda on, tr: tr.watch(on.key("b")),
    "blind set": lambda on, tr: tr.set(on.key("b"), b"own"),
    "clear": lambda on, tr: tr.clear(on.key("b")),
    "add": lambda on, tr: tr.add(on.key("b"), b"\1"),
}
WRITES: dict[str, Change] = {
    "set": lambda on, tr: tr.set(on.key("b"), b"new"),
    "set to the same": lambda on, tr: tr.set(on.key("b"), b"2"),
    "set of another": lambda on, tr: tr.set(on.key("c"), b"new"),
    "insert within": lambda on, tr: tr.set(on.key("bb"), b"new"),
    "insert behind": lambda on, tr: tr.set(on.key("cc"), b"new"),
    "clear": lambda on, tr: tr.clear(on.key("b")),
    "clear of a missing key": lambda on, tr: tr.clear(on.key("bb")),
    "clear of a range": lambda on, tr: tr.clear_range(on.key("bb"), on.key("cc")),
    "add": lambda on, tr: tr.add(on.key("b"), b"\1"),
    "write-conflict key": lambda on, tr: tr.add_write_conflict_key(on.key("b")),
    "write-conflict range": lambda on, tr: tr.add_write_conflict_range(on.key("a"), on.key("bb")),
    "silent set": lambda on, tr: (
        tr.options.set_next_write_no_write_conflict_range(),
        tr.set(on.key("b"), b"new"),
    ),
}
POINT = {"set", "set to the same", "clear", "add", "write-conflict key", "write-conflict range"}
GAP = {"insert within", "clear of a missing key", "clear of a range", "write-conflict range"}
CONFLICTS: dict[str, set[str]] = {
    "get": POINT,
    "get of a missing key": {"insert within", "clear of a missing key", "clear of a range"},
    "snapshot get": set(),
    "get after set": set(),
    "get after add": POINT,
    "get before set": POINT,
    "range": set(WRITES) - {"silent set"},
    "snapshot range": set(),
    "range of one": {"write-conflict range"},
    "range of two": POINT,
    "range of one from behind": {"set of another", "insert behind", "clear of a range"},
    "empty range": {"insert within", "clear of a missing key", "clear of a range"},
    "read-conflict key": POINT,
    "read-conflict range": POINT | GAP,
    "set and read-conflict key": set(),
    "set and read-conflict range": GAP,
    "clear and range": {"clear of a range", "write-conflict range"},
    "watch": POINT,
    "blind set": set(),
    "clear": set(),
    "add": set(),
}


@pytest.mark.parametrize("read", READS)
def test_reader_conflicts_with_these_writes_and_no_others(bound: Bound, read: str) -> None:
    found = set()
    for write, change in WRITES.items():
        bound.put(a=b"1", b=b"2", c=b"3")
        bound.database.clear_range(bound.key("bb"), bound.key("bc"))
        bound.database.clear_range(bound.key("cc"), bound.key("cd"))
        reader, writer = bound.begin(), bound.begin()
        reader.get_read_version().wait()
        kept = READS[read](bound, reader)
        reader.set(bound.key("elsewhere"), b"")
        change(bound, writer)
        writer.commit().wait()
        code = bound.refusal(lambda: reader.commit().wait())  # noqa: B023 - called at once
        assert code in {0, 1020}
        # A watch that nobody has any more is none.
        del kept
        if code:
            found.add(write)
    assert found == CONFLICTS[read]


def test_transaction_that_writes_nothing_conflicts_with_nobody(bound: Bound) -> None:
    reader = bound.begin()
    assert reader.get(bound.key("a")).value is None
    bound.put(a=b"1")
    assert bound.refusal(lambda: reader.commit().wait()) == 0
    assert reader.get_committed_version() == -1


def test_read_conflict_without_a_read_counts_from_the_commit_on(bound: Bound) -> None:
    writer = bound.begin()
    writer.add_read_conflict_key(bound.key("a"))
    writer.set(bound.key("b"), b"")
    bound.put(a=b"1")
    assert bound.refusal(lambda: writer.commit().wait()) == 0


def test_transaction_sees_one_version(bound: Bound) -> None:
    bound.put(a=b"1", b=b"2", c=b"3")
    reader, writer = bound.begin(), bound.begin()
    assert reader.get(bound.key("a")).value == b"1"
    writer.set(bound.key("a"), b"new")
    writer.clear(bound.key("b"))
    writer.set(bound.key("bb"), b"new")
    writer.commit().wait()
    bound.put(b=b"again", d=b"4")
    assert reader.get(bound.key("a")).value == b"1"
    assert bound.names(reader.get_range_startswith(bound.prefix).to_list()) == [
        ("a", b"1"),
        ("b", b"2"),
        ("c", b"3"),
    ]
    assert bound.all() == [("a", b"new"), ("b", b"again"), ("bb", b"new"), ("c", b"3"), ("d", b"4")]


def test_own_writes_are_seen(bound: Bound) -> None:
    bound.put(a=b"1", b=b"2", c=b"3", d=b"4")
    tr = bound.begin()
    tr.set(bound.key("aa"), b"new")
    tr.clear_range(bound.key("b"), bound.key("d"))
    tr.set(bound.key("c"), b"back")
    tr.add(bound.key("d"), b"\1")
    tr.append_if_fits(bound.key("a"), b"!")
    seen = [("a", b"1!"), ("aa", b"new"), ("c", b"back"), ("d", b"5")]
    assert bound.names(tr.get_range_startswith(bound.prefix).to_list()) == seen
    assert bound.names(tr.snapshot.get_range_startswith(bound.prefix, limit=2).to_list()) == seen[:2]
    assert bound.names(tr.get_range_startswith(bound.prefix, limit=3, reverse=True)) == seen[:0:-1]
    assert tr.get(bound.key("b")).value is None
    assert not tr.get(bound.key("b")).present()
    tr.commit().wait()
    assert bound.all() == seen


def test_writes_are_seen_by_nobody_before_they_are_committed(bound: Bound) -> None:
    tr = bound.begin()
    tr.set(bound.key("a"), b"1")
    assert bound.all() == []
    tr.reset()
    tr.commit().wait()
    assert bound.all() == []


def test_conflict_is_tried_again(bound: Bound) -> None:
    bound.put(n=b"\0")
    first, second = bound.begin(), bound.begin()
    for tr in (first, second):
        tr.set(bound.key("n"), bytes([tr.get(bound.key("n")).value[0] + 1]))
    first.commit().wait()
    code = bound.refusal(lambda: second.commit().wait())
    assert code == 1020
    second.on_error(bound.binding.FDBError(code)).wait()
    second.set(bound.key("n"), bytes([second.get(bound.key("n")).value[0] + 1]))
    second.commit().wait()
    assert bound.all() == [("n", b"\2")]


def test_error_that_cannot_be_tried_again_is_raised_by_on_error(bound: Bound) -> None:
    assert bound.refusal(lambda: bound.begin().on_error(2101).wait()) == 2101


def test_selectors_find_their_keys(bound: Bound) -> None:
    bound.put(a=b"1", b=b"2", c=b"3")
    selector = bound.binding.KeySelector
    tr = bound.begin()
    found = [
        bytes(tr.get_key(one).value).removeprefix(bound.prefix)
        for one in (
            selector.last_less_than(bound.key("b")),
            selector.last_less_or_equal(bound.key("b")),
            selector.first_greater_or_equal(bound.key("b")),
            selector.first_greater_than(bound.key("b")),
        )
    ]
    assert found == [b"a", b"b", b"b", b"c"]
    last = tr.get_range(
        selector.first_greater_than(bound.key("a")), selector.last_less_or_equal(bound.key("c"))
    )
    assert bound.names(last.to_list()) == [("b", b"2")]


def test_versions_grow(bound: Bound) -> None:
    tr = bound.begin()
    before = tr.get_read_version().wait()
    tr.set(bound.key("a"), b"1")
    tr.commit().wait()
    assert tr.get_committed_version() > before
    after = bound.begin()
    assert after.get_read_version().wait() >= tr.get_committed_version()


def test_version_of_the_future_is_refused(bound: Bound) -> None:
    first, tr = bound.begin(), bound.begin()
    tr.set_read_version(first.get_read_version().wait() + 60_000_000)
    assert bound.refusal(lambda: tr.get(bound.key("a")).value) == 1009


def test_version_that_is_too_old_is_refused(bound: Bound) -> None:
    first = bound.begin()
    version = first.get_read_version().wait()

    def refused() -> bool:
        # Where nobody writes, versions are kept for longer.
        bound.put(a=b"1")
        tr = bound.begin()
        tr.set_read_version(version)
        return bound.refusal(lambda: tr.get(bound.key("a")).value) == 1007

    assert not refused()
    eventually(refused, 30.0, every=0.2, what="a version of five seconds ago is refused")


def test_blind_commit_may_be_of_any_age(bound: Bound) -> None:
    tr = bound.begin()
    tr.set(bound.key("a"), b"1")
    tr.commit().wait()
    assert bound.all() == [("a", b"1")]
