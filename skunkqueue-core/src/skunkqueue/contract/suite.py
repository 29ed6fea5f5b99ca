"""The whole suite in one class: every area of promises, and the fixtures they stand on."""

from __future__ import annotations

from skunkqueue.contract.arming import ArmingPromises
from skunkqueue.contract.claim import ClaimPromises
from skunkqueue.contract.closing import ClosingPromises
from skunkqueue.contract.concurrency import ConcurrencyPromises
from skunkqueue.contract.control import ControlPromises
from skunkqueue.contract.crash import CrashPromises
from skunkqueue.contract.enqueue import EnqueuePromises
from skunkqueue.contract.leases import LeasePromises
from skunkqueue.contract.reading import ReadingPromises
from skunkqueue.contract.rhythm import RhythmPromises
from skunkqueue.contract.schedules import SchedulePromises
from skunkqueue.contract.settle import SettlePromises
from skunkqueue.contract.stateful import StatefulPromises
from skunkqueue.contract.wakeups import WakeupPromises
from skunkqueue.contract.workers import WorkerPromises


class BackendContract(
    EnqueuePromises,
    ClaimPromises,
    SettlePromises,
    LeasePromises,
    ReadingPromises,
    ControlPromises,
    SchedulePromises,
    ArmingPromises,
    RhythmPromises,
    WorkerPromises,
    WakeupPromises,
    ClosingPromises,
    ConcurrencyPromises,
    CrashPromises,
    StatefulPromises,
):
    """What a backend must keep; subclass it as ``Test...`` with a fixture ``config``."""
