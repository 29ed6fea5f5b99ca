"""Selectors of the stand-in find what a walk over all keys finds, at the newest version and at older ones."""

from __future__ import annotations

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from tests.support.fdb_standin.keyspace import SECOND, Keyspace
from tests.support.fdb_standin.mutations import Op

FEW = st.sampled_from([bytes([one]) for one in b"abcdefgh"])
CHANGES = st.lists(st.tuples(st.booleans(), FEW), max_size=12)
LOOKS = st.lists(st.tuples(FEW, st.booleans(), st.integers(-3, 4)), min_size=1, max_size=8)


def walked(keys: set[bytes], key: bytes, offset: int, *, or_equal: bool) -> bytes:
    """Find a key the plain way."""
    in_order = sorted(keys)
    at = bisect_left(in_order, key + b"\0" * or_equal) + offset - 1
    if at < 0:
        return b""
    return in_order[at] if at < len(in_order) else b"\xff"


@given(before=st.sets(FEW), changes=CHANGES, looks=LOOKS)
def test_selectors_find_what_a_walk_finds_at_every_version(
    before: set[bytes], changes: list[tuple[bool, bytes]], looks: list[tuple[bytes, bool, int]]
) -> None:
    now = 100 * SECOND
    keyspace = Keyspace(lambda: now)
    held = set(before)
    known = [(keyspace.commit(0, [(Op.SET, key, b"") for key in before], ((), ())), frozenset(held))]
    for there, key in changes:
        mutation = (Op.SET, key, b"") if there else (Op.CLEAR, key, key + b"\0")
        (held.add if there else held.discard)(key)
        known.append((keyspace.commit(0, [mutation], ((), ())), frozenset(held)))
    for version, keys in known:
        for key, or_equal, offset in looks:
            expected = walked(set(keys), key, offset, or_equal=or_equal)
            assert keyspace.find((key, or_equal, offset), version) == expected
