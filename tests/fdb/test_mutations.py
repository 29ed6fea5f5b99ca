"""What atomic operations and versionstamps make of values: the same on the binding and on its stand-in."""

from __future__ import annotations

import pytest

from tests.fdb.bindings import Bound
from tests.support.fdb_standin.mutations import STAMP

OPERATIONS: list[tuple[str, bytes | None, bytes, bytes | None]] = [
    ("add", None, b"\2\0", b"\2\0"),
    ("add", b"\xff\0", b"\2\0", b"\1\1"),
    ("add", b"\xff\xff", b"\2\0", b"\1\0"),
    ("add", b"\1", b"\2\0", b"\3\0"),
    ("add", b"\1\2\3", b"\2\0", b"\3\2"),
    ("add", b"\3\0", b"\xff\xff", b"\2\0"),
    ("max", None, b"\2", b"\2"),
    ("max", b"\1\2", b"\2\1", b"\1\2"),
    ("max", b"\1\2\3", b"\2\1", b"\1\2"),
    ("max", b"\1", b"\0\1", b"\0\1"),
    ("min", None, b"\2", b"\2"),
    ("min", b"\1\2", b"\2\1", b"\2\1"),
    ("min", b"\1", b"\2\1", b"\1\0"),
    ("byte_max", None, b"b", b"b"),
    ("byte_max", b"abc", b"b", b"b"),
    ("byte_max", b"bc", b"b", b"bc"),
    ("byte_min", None, b"b", b"b"),
    ("byte_min", b"abc", b"b", b"abc"),
    ("bit_and", None, b"\3", b"\3"),
    ("bit_and", b"\6\6", b"\3", b"\2"),
    ("bit_or", None, b"\3", b"\3"),
    ("bit_or", b"\6", b"\3\1", b"\7\1"),
    ("bit_xor", b"\6", b"\3\1", b"\5\1"),
    ("append_if_fits", None, b"a", b"a"),
    ("append_if_fits", b"a", b"b", b"ab"),
    ("append_if_fits", b"a" * 99_999, b"bc", b"a" * 99_999),
    ("compare_and_clear", b"a", b"a", None),
    ("compare_and_clear", b"b", b"a", b"b"),
    ("compare_and_clear", None, b"a", None),
]


@pytest.mark.parametrize("committed", [True, False])
def test_operation_makes_of_a_value_what_the_binding_says(bound: Bound, *, committed: bool) -> None:
    tr = bound.begin()
    for number, (name, before, given, _) in enumerate(OPERATIONS):
        if before is not None:
            tr.set(bound.key(str(number)), before)
        if committed:
            tr.commit().wait()
            tr = bound.begin()
        getattr(tr, name)(bound.key(str(number)), given)
    found = [tr.get(bound.key(str(number))).value for number in range(len(OPERATIONS))]
    after = [wanted for *_, wanted in OPERATIONS]
    assert found == after
    tr.commit().wait()
    tr = bound.begin()
    assert [tr.get(bound.key(str(number))).value for number in range(len(OPERATIONS))] == after


def test_versionstamps_are_the_version_of_the_commit(bound: Bound) -> None:
    tr = bound.begin()
    stamp = tr.get_versionstamp()
    place = len(bound.key("a")).to_bytes(4, "little")
    tr.set_versionstamped_key(bound.key("a") + b"\0" * STAMP + b"z" + place, b"1")
    tr.set_versionstamped_value(bound.key("b"), b"x" + b"\0" * STAMP + b"y" + (1).to_bytes(4, "little"))
    tr.commit().wait()
    found = bytes(stamp.wait().value)
    assert found[:8] == tr.get_committed_version().to_bytes(8, "big")
    stored = bound.begin().get_range_startswith(bound.prefix).to_list()
    assert [(one.key, one.value) for one in stored] == [
        (bound.key("a") + found + b"z", b"1"),
        (bound.key("b"), b"x" + found + b"y"),
    ]


def test_value_whose_versionstamp_is_not_known_yet_cannot_be_read(bound: Bound) -> None:
    tr = bound.begin()
    tr.set_versionstamped_value(bound.key("b"), b"\0" * (STAMP + 4))
    assert bound.refusal(lambda: tr.get(bound.key("b")).value) == 1036


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("k" * 10_001, b"", 2102),
        ("k", b"v" * 100_001, 2103),
        ("k" * 5_000, b"v" * 100_000, 0),
    ],
)
def test_key_or_value_that_is_too_long_is_refused_by_what_comes_next(
    bound: Bound, key: str, value: bytes, code: int
) -> None:
    tr = bound.begin()

    def write() -> None:
        tr.set(bound.key(key), value)
        tr.commit().wait()

    assert bound.refusal(write) == code


def test_key_of_the_system_is_refused(bound: Bound) -> None:
    tr = bound.begin()

    def write() -> None:
        tr.set(b"\xff/ours", b"")
        tr.commit().wait()

    assert bound.refusal(write) == 2004


@pytest.mark.parametrize(("count", "code"), [(90, 0), (110, 2101)])
def test_transaction_that_is_too_large_is_refused(bound: Bound, count: int, code: int) -> None:
    tr = bound.begin()
    for number in range(count):
        tr.set(bound.key(str(number)), b"v" * 100_000)
    assert bound.refusal(lambda: tr.commit().wait()) == code


def test_limit_of_a_transactions_size_is_kept(bound: Bound) -> None:
    tr = bound.begin()
    tr.options.set_size_limit(5_000)
    tr.set(bound.key("a"), b"v" * 5_000)
    assert bound.refusal(lambda: tr.commit().wait()) == 2101


def test_size_of_a_transaction_is_known(bound: Bound) -> None:
    tr = bound.begin()
    for number in range(100):
        tr.set(bound.key(str(number)), b"v" * 900)
        tr.add_read_conflict_key(bound.key(str(number)))
    assert tr.get_approximate_size().wait() == pytest.approx(110_000, rel=0.1)
