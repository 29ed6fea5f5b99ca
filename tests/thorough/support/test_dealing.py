"""The tests of a parallel run are dealt to its processes so that each has some of every kind."""

from __future__ import annotations

import pytest

from tests.support.dealing import MANY, dealt

SMALL = [[f"small {module}.{number}" for number in range(7)] for module in range(30)]
LARGE = [[f"large {module}.{number}" for number in range(3 * MANY + 1)] for module in range(3)]


@pytest.mark.parametrize("hands", [2, 6])
def test_each_test_is_dealt_once(hands: int) -> None:
    given = [*SMALL[:15], *LARGE, *SMALL[15:]]
    first = [SMALL[4][2], LARGE[1][0]]

    found = [test for hand in dealt(given, hands, first) for test in hand]

    assert sorted(found) == sorted(test for module in given for test in module)


def test_no_hand_has_many_more_than_another() -> None:
    counts = [len(hand) for hand in dealt([*LARGE, *SMALL], 6)]

    assert max(counts) - min(counts) <= len(SMALL[0])


def test_a_large_module_goes_to_all_in_its_order() -> None:
    hands = dealt(LARGE[:1], 4)

    assert [hand == [test for test in LARGE[0] if test in hand] for hand in hands] == [True] * 4
    assert min(map(len, hands)) >= MANY // 2


def test_a_small_module_stays_whole() -> None:
    hands = dealt([*SMALL, *LARGE], 6)

    for module in SMALL:
        (hand,) = (hand for hand in hands if module[0] in hand)
        at = hand.index(module[0])
        assert hand[at : at + len(module)] == module


def test_what_takes_longest_is_begun_first() -> None:
    first = [SMALL[9][3], SMALL[20][0], LARGE[2][5]]

    tests = [test for hand in dealt([*SMALL, *LARGE], 3, first) for test in hand]

    # As pytest-xdist cuts them.
    size = len(tests) // 3
    blocks = [tests[:size], tests[size : 2 * size], tests[2 * size :]]
    assert sorted(test for block in blocks for test in block[:MANY] if test in first) == sorted(first)


@pytest.mark.parametrize("hands", range(2, 9))
def test_no_hand_begins_at_the_end_of_a_block(hands: int) -> None:
    modules = [*SMALL[:11], *LARGE, *SMALL[11:]]
    first = [LARGE[0][number] for number in range(hands)]

    tests = [test for hand in dealt(modules, hands, first) for test in hand]

    places = sorted(tests.index(test) * hands / len(tests) for test in first)
    assert all(place % 1 < 0.2 for place in places), places


def test_hands_begin_with_different_modules() -> None:
    hands = dealt(LARGE, 3)

    assert {hand[0].partition(".")[0] for hand in hands} == {"large 0", "large 1", "large 2"}
