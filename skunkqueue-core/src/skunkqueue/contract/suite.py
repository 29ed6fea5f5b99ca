"""The whole suite in one class: every area of promises, and the fixtures that they use."""

from __future__ import annotations

from skunkqueue.contract.arming import ArmingPromises
from skunkqueue.contract.audit import AuditPromises
from skunkqueue.contract.claim import ClaimPromises
from skunkqueue.contract.closing import ClosingPromises
from skunkqueue.contract.concurrency import ConcurrencyPromises
from skunkqueue.contract.control import ControlPromises
from skunkqueue.contract.counting import CountingPromises
from skunkqueue.contract.counts import CountPromises
from skunkqueue.contract.crash import CrashPromises
from skunkqueue.contract.deleting import DeletingPromises
from skunkqueue.contract.enqueue import EnqueuePromises
from skunkqueue.contract.fencing import FencingPromises
from skunkqueue.contract.filters import FilterPromises
from skunkqueue.contract.follow import FollowPromises
from skunkqueue.contract.idling import IdlePromises
from skunkqueue.contract.kill import KillPromises
from skunkqueue.contract.leases import LeasePromises
from skunkqueue.contract.lending import LendingPromises
from skunkqueue.contract.mailboxes import MailboxPromises
from skunkqueue.contract.many_routes import ManyRoutesPromises
from skunkqueue.contract.mixing import MixingPromises
from skunkqueue.contract.outage import OutagePromises
from skunkqueue.contract.paging import PagingPromises
from skunkqueue.contract.pools import PoolPromises
from skunkqueue.contract.reading import ReadingPromises
from skunkqueue.contract.reap import ReapPromises
from skunkqueue.contract.refiring import RefiringPromises
from skunkqueue.contract.requeue import RequeuePromises
from skunkqueue.contract.results import ResultPromises
from skunkqueue.contract.rhythm import RhythmPromises
from skunkqueue.contract.rows import RowPromises
from skunkqueue.contract.schedules import SchedulePromises
from skunkqueue.contract.settle import SettlePromises
from skunkqueue.contract.several import SeveralPromises
from skunkqueue.contract.stateful import StatefulPromises
from skunkqueue.contract.texts import TextPromises
from skunkqueue.contract.thousand import ThousandPromises
from skunkqueue.contract.wakeups import WakeupPromises
from skunkqueue.contract.workers import WorkerPromises


# pytest collects the tests of the last base first, so the plain areas stand at the end.
class BackendContract(
    StatefulPromises,
    CrashPromises,
    ConcurrencyPromises,
    RhythmPromises,
    OutagePromises,
    IdlePromises,
    MailboxPromises,
    ResultPromises,
    SeveralPromises,
    LendingPromises,
    WakeupPromises,
    ClosingPromises,
    AuditPromises,
    PoolPromises,
    MixingPromises,
    ManyRoutesPromises,
    CountingPromises,
    CountPromises,
    ThousandPromises,
    DeletingPromises,
    PagingPromises,
    FilterPromises,
    RowPromises,
    TextPromises,
    ReapPromises,
    WorkerPromises,
    ArmingPromises,
    RefiringPromises,
    SchedulePromises,
    ControlPromises,
    RequeuePromises,
    KillPromises,
    ReadingPromises,
    LeasePromises,
    FollowPromises,
    FencingPromises,
    SettlePromises,
    ClaimPromises,
    EnqueuePromises,
):
    """What a backend must keep; subclass it as ``Test...`` with a fixture ``config``."""
