"""The property-based test: after any sequence of verbs a backend must agree with the plain model."""

from __future__ import annotations

import itertools
import os
import sys
from typing import ClassVar

from hypothesis import seed, settings
from hypothesis.stateful import (
    run_state_machine_as_test,
)

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.choices import SETTINGS
from skunkqueue.contract.effort import chosen_seed
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.walk import Machine
from skunkqueue.persistence.backend import Backend


class StatefulPromises(Kit):
    """What holds after any sequence of verbs."""

    stage: ClassVar[int] = 3
    examples: ClassVar[int] = SETTINGS.max_examples
    """Random walks that are tried; fewer where the same code has been tested as long on another server."""

    def test_any_run_of_verbs_leaves_the_store_like_the_model(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        numbers = itertools.count(1)

        class Bound(Machine):
            """One example in a queue of its own."""

            def __init__(self) -> None:
                super().__init__(backend, clock, next(numbers))

        chosen = chosen_seed(os.environ)
        # Shown where the test fails.
        sys.stdout.write(f"again: SKUNKQUEUE_CONTRACT_SEED={chosen}, shorter: SKUNKQUEUE_CONTRACT_SHRINK=1\n")
        bounded = settings(SETTINGS, max_examples=min(self.examples, SETTINGS.max_examples))
        run_state_machine_as_test(seed(chosen)(Bound), settings=bounded)
