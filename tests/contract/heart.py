"""The heart of the contract kit: what every run of a job depends on. The quick tests have no more on stores that take their time."""

from __future__ import annotations

from skunkqueue.contract.claim import ClaimPromises
from skunkqueue.contract.enqueue import EnqueuePromises
from skunkqueue.contract.fencing import FencingPromises
from skunkqueue.contract.follow import FollowPromises
from skunkqueue.contract.kill import KillPromises
from skunkqueue.contract.leases import LeasePromises
from skunkqueue.contract.settle import SettlePromises


class Heart(
    KillPromises,
    LeasePromises,
    FollowPromises,
    FencingPromises,
    SettlePromises,
    ClaimPromises,
    EnqueuePromises,
):
    """The areas of the heart."""
