"""All mutants in one list."""

from __future__ import annotations

from tests.contract.mutation.of_asking import OF_ASKING
from tests.contract.mutation.of_firings import OF_FIRINGS
from tests.contract.mutation.of_the_rest import OF_THE_REST

MUTANTS = (*OF_FIRINGS, *OF_ASKING, *OF_THE_REST)
