"""Keys: what is packed comes back, and sorts as it should."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as some

from skunkqueue.contract.makers import ODD_NAMES
from skunkqueue.ids import new_id
from skunkqueue.persistence.fdb import keys
from skunkqueue.persistence.fdb.keys import Chunk, Keys
from skunkqueue.records import State

NAMES = some.one_of(some.sampled_from(ODD_NAMES), some.text(max_size=20))
TIMES = some.floats(allow_nan=False, allow_infinity=False)


@given(some.lists(NAMES, min_size=1, max_size=4), some.binary(max_size=9))
def test_names_come_back(names: list[str], rest: bytes) -> None:
    packed = b"".join(keys.name(name) for name in names)
    # What follows a name never begins with 255.
    found, left = keys.names(packed + b"r" + rest, len(names))
    assert (found, left) == (names, b"r" + rest)


@given(NAMES, NAMES)
def test_no_name_begins_with_another(one: str, other: str) -> None:
    if one != other:
        assert not keys.name(one).startswith(keys.name(other))


@given(TIMES, TIMES)
def test_times_come_back_and_sort(one: float, other: float) -> None:
    assert keys.seconds(keys.moment(one)) == one
    if one != other:
        assert (keys.moment(one) < keys.moment(other)) == (one < other)


def test_zero_is_one_moment() -> None:
    assert keys.moment(-0.0) == keys.moment(0.0)
    assert math.copysign(1.0, keys.seconds(keys.moment(-0.0))) == 1.0


def test_line_is_in_the_order_of_claims() -> None:
    all_keys, at = Keys("shop"), keys.place("demo", "foo")
    first, second = new_id(), new_id()
    line = [(9, 50.0, second), (5, -1.0, second), (5, 3.0, first), (5, 3.0, second), (0, 0.0, first)]
    assert sorted(line, key=lambda one: all_keys.line_of(at, *one)) == line


def test_stores_and_tables_are_apart() -> None:
    shop, shops = Keys("shop"), Keys("shops")
    assert not shops.prefix.startswith(shop.prefix)
    tables = [value for name, value in vars(shop).items() if name != "prefix"]
    assert len(set(tables)) == len(tables)
    assert all(len(table) == len(shop.prefix) + 1 for table in tables)


def test_chunk_is_found_again_by_each_of_its_keys() -> None:
    all_keys, at = Keys("shop"), keys.place("naïve", "r\0é")
    chunk = Chunk.made(at, State.KILLED, 12.5, b"12345678", 3)
    found = [
        Chunk.of_pointer(chunk.pointer),
        Chunk.of_tail_first(chunk.by_state(all_keys)[len(all_keys.by_state) :]),
        Chunk.of_tail_first(chunk.gone(all_keys, 99.0)[len(all_keys.gone) + 8 :]),
    ]
    for one in found:
        assert (one.at, one.tail, one.state, one.finished) == (at, chunk.tail, State.KILLED, 12.5)
        assert one.queue_and_route == ("naïve", "r\0é")
