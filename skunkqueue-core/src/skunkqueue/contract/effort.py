"""How much work the kit does. The only module that reads the kit's environment variables.

The promises are the same at every effort. Only the numbers differ: of processes killed, random walks and
repetitions. Knows no backend and no pytest.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping

import msgspec

from skunkqueue.errors import ConfigError

VARIABLE = "SKUNKQUEUE_CONTRACT_EFFORT"


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one run."""

    kills: int
    """Processes killed at random points of enqueue, claim and settle. ``SKUNKQUEUE_CONTRACT_KILLS``."""
    openings: int
    """Rounds in which two processes are killed while they open the store."""
    examples: int
    """Random walks of the property-based test. ``SKUNKQUEUE_CONTRACT_EXAMPLES``."""
    steps: int
    """Verbs in each walk. ``SKUNKQUEUE_CONTRACT_STEPS``."""
    runs: int = 0
    """Runs of a schedule in the storm over it; 0: what fits into ``storm``. ``SKUNKQUEUE_CONTRACT_RUNS``."""
    storm: float
    """Seconds that the storm takes, more or less."""
    crowd: int
    """Runs of a schedule that threads disturb under the real clock."""
    firings: int
    """Firings that several processes settle."""
    rounds: int
    """Wake-ups whose median is measured; races of two threads."""


EFFORTS: Mapping[str, Effort] = {
    "quick": Effort(kills=5, openings=2, examples=25, steps=30, storm=0.25, crowd=8, firings=500, rounds=5),
    "thorough": Effort(
        kills=30, openings=6, examples=150, steps=40, storm=0.5, crowd=30, firings=3_000, rounds=7
    ),
}
DEFAULT = "quick"


def effort(environ: Mapping[str, str]) -> Effort:
    """Read the effort, and single numbers that are set. Raises ConfigError for an impossible value."""
    name = environ.get(VARIABLE) or DEFAULT
    if name not in EFFORTS:
        msg = f"{VARIABLE}={name!r}: give {' or '.join(EFFORTS)}"
        raise ConfigError(msg)
    numbers = {
        field: _number(environ, f"SKUNKQUEUE_CONTRACT_{field.upper()}")
        for field in ("kills", "examples", "steps", "runs")
    }
    given = {field: number for field, number in numbers.items() if number is not None}
    return msgspec.structs.replace(EFFORTS[name], **given)


def chosen_seed(environ: Mapping[str, str]) -> int:
    """Choose the seed of a random test: ``SKUNKQUEUE_CONTRACT_SEED``, or a random one."""
    given = _number(environ, "SKUNKQUEUE_CONTRACT_SEED")
    return random.randrange(1 << 32) if given is None else given  # noqa: S311 - no secret


def _number(environ: Mapping[str, str], variable: str) -> int | None:
    given = environ.get(variable)
    if not given:
        return None
    if not given.isdecimal():
        msg = f"{variable}={given!r}: give a whole number"
        raise ConfigError(msg)
    return int(given)


EFFORT = effort(os.environ)
