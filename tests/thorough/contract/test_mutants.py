"""The kit kills every mutant, also where what is wrong shows only after a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tests.contract.mutation.listed import MUTANTS
from tests.contract.mutation.mutant import Mutant
from tests.contract.mutation.of_asking import OF_ASKING
from tests.contract.mutation.of_firings import OF_FIRINGS
from tests.contract.mutation.of_the_rest import OF_THE_REST
from tests.contract.mutation.runner import area_of
from tests.contract.test_mutants import check_killed

pytestmark = pytest.mark.begun_first

SLEEPING = tuple(mutant for mutant in MUTANTS if vars(area_of(mutant.killer)).get("stage", 0))
"""Those that are noticed only after a while."""
GROUPS: Mapping[str, Sequence[Mutant]] = {
    "of firings": [mutant for mutant in OF_FIRINGS if mutant not in SLEEPING],
    "of asking": [mutant for mutant in OF_ASKING if mutant not in SLEEPING],
    "of the rest": [mutant for mutant in OF_THE_REST if mutant not in SLEEPING],
}


@pytest.mark.parametrize("group", GROUPS)
def test_kit_kills_every_mutant(group: str) -> None:
    check_killed(GROUPS[group], at_once=3)


def test_kit_kills_every_mutant_that_shows_late() -> None:
    # They mostly sleep, so all may do so at the same time.
    check_killed(SLEEPING, at_once=12)
