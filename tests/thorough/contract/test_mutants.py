"""The kit kills what is wrong, also where that shows only after a while."""

from __future__ import annotations

from tests.contract.test_mutants import SLEEPING, check_killed


def test_kit_kills_every_mutant_that_shows_late() -> None:
    # They mostly sleep, so all may do so at the same time.
    check_killed(SLEEPING, at_once=12)
