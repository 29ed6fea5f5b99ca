"""Jobs of a test's own queue."""

from __future__ import annotations

from typing import Any, ParamSpec, TypeVar

from skunkqueue import Job, SkunkQueue
from skunkqueue.fireable import Memory
from skunkqueue.policy import change_policy

P = ParamSpec("P")
R = TypeVar("R")


def on(queue: SkunkQueue, job: Job[P, R], **rules: Any) -> Job[P, R]:
    """Return a module's job as if it were declared on a queue that a test has made."""
    return Job(job.work, change_policy(queue.policy, rules), Memory(queue, is_declared=True), job.target)
