"""Schedules: jobs that come again by themselves, by the clock or at a pace that adapts to how they fare."""

from __future__ import annotations

from skunkqueue.scheduler.aimd import AIMDScheduler
from skunkqueue.scheduler.base import Scheduler
from skunkqueue.scheduler.fixed import TimeScheduler
from skunkqueue.scheduler.rto import RTOScheduler
from skunkqueue.scheduler.slow_start import SlowStartScheduler

__all__ = ["AIMDScheduler", "RTOScheduler", "Scheduler", "SlowStartScheduler", "TimeScheduler"]
