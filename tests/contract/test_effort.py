"""How much the kit does: one switch, and single numbers that win over it."""

from __future__ import annotations

import msgspec
import pytest

from skunkqueue.contract.effort import DEFAULT, EFFORTS, VARIABLE, chosen_seed, effort
from skunkqueue.errors import ConfigError


def test_kit_is_quick_where_nothing_is_set() -> None:
    assert DEFAULT == "quick"
    assert effort({}) == effort({VARIABLE: ""}) == EFFORTS["quick"]


def test_effort_is_what_the_variable_says() -> None:
    assert effort({VARIABLE: "thorough"}) == EFFORTS["thorough"]


def test_no_number_of_a_thorough_run_is_smaller_than_that_of_a_quick_one() -> None:
    quick, thorough = (msgspec.structs.asdict(EFFORTS[name]) for name in ("quick", "thorough"))
    assert all(thorough[field] >= quick[field] for field in quick)


def test_single_number_wins_over_the_effort() -> None:
    given = effort({VARIABLE: "thorough", "SKUNKQUEUE_CONTRACT_KILLS": "1000"})
    assert given == msgspec.structs.replace(EFFORTS["thorough"], kills=1_000)


def test_unknown_effort_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"EFFORT='long': give quick or thorough"):
        effort({VARIABLE: "long"})


@pytest.mark.parametrize("number", ["many", "-1", "1.5"])
def test_number_that_is_none_is_refused(number: str) -> None:
    with pytest.raises(ConfigError, match=r"SKUNKQUEUE_CONTRACT_KILLS='.*': give a whole number"):
        effort({"SKUNKQUEUE_CONTRACT_KILLS": number})


def test_seed_is_the_one_that_is_given() -> None:
    assert chosen_seed({"SKUNKQUEUE_CONTRACT_SEED": "0"}) == 0
    assert chosen_seed({}) != chosen_seed({})
