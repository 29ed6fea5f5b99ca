"""What is known of workers that died under a firing. Reads the lines that a claim carries; pure."""

from __future__ import annotations

import msgspec

from skunkqueue.payload import AttemptState
from skunkqueue.records import Claim, Death
from skunkqueue.show import signal_name

MAX_DEATHS = 3
"""A firing whose workers died under it so often is put aside."""
CAUSES = frozenset({"signal", "exit", "lease", "strategy"})
"""Causes of deaths that end an attempt."""

_death = msgspec.json.Decoder(Death)


def read_evidence(claim: Claim) -> list[Death]:
    """Read how workers died under a firing; a line that cannot be read counts as a lease that ended."""
    found = []
    for line in claim.evidence.splitlines():
        try:
            found.append(_death.decode(line))
        except (msgspec.MsgspecError, ValueError):
            found.append(Death(at=claim.claimed, worker="?", cause="lease"))
    return found


def attempt_number(claim: Claim, attempt_state: AttemptState) -> int:
    """Return the number of the attempt that is about to begin.

    A lease that ended counts even where it is unknown whether the job had begun: a second attempt must not take itself for
    the first.
    """
    return attempt_state.failures + 1 + deaths_of(claim)


def deaths_of(claim: Claim) -> int:
    """Count the attempts that ended, or may have, with their worker."""
    if not claim.deaths:
        return 0
    return sum(1 for death in read_evidence(claim) if death.cause in CAUSES)


def ends_in_deaths(claim: Claim, attempt_state: AttemptState) -> bool:
    """Return whether workers went on dying when a firing was about to end.

    Then what kills them is not the job but what is called at its end: its rules for retries, or ``on_failure``.
    """
    deaths = read_evidence(claim) if claim.deaths else []
    died = sum(death.cause in CAUSES and death.begun for death in deaths)
    return died > MAX_DEATHS or _unseen_timeouts(deaths, attempt_state) >= MAX_DEATHS


def _unseen_timeouts(deaths: list[Death], attempt_state: AttemptState) -> int:
    """Count how often a worker was killed for the last attempt; more than once: not for the job itself."""
    return sum(death.cause == "timeout" for death in deaths[attempt_state.seen_deaths :])


def unseen_timeout(claim: Claim, attempt_state: AttemptState) -> Death | None:
    """Return the death of a worker that was killed for the last attempt's timeout; ``None``: none, or judged before."""
    for death in read_evidence(claim)[attempt_state.seen_deaths :] if claim.deaths else ():
        if death.cause == "timeout":
            return death
    return None


def describe_death(death: Death) -> str:
    """Describe in a few words how a worker died."""
    if death.signal is not None:
        how = signal_name(death.signal)
    elif death.exit_code is not None:
        how = f"exit code {death.exit_code}"
    else:
        how = "its lease ended"
    if death.cause == "strategy":
        how = f"{how}, while the strategy of its schedule was asked for the next run"
    return f"{how}, memory {death.rss / 1_048_576:.0f} MiB" if death.rss else how
