"""What all parts of a worker use: the store, the clock, the settings, and the state that its threads share."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from skunkqueue.clock import Clock
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins.notify import Notifier
from skunkqueue.processes.scoreboard import Scoreboard
from skunkqueue.processes.settings import WorkerSettings
from skunkqueue.worker.in_flight import InFlight
from skunkqueue.worker.liveness import Liveness
from skunkqueue.worker.wakeup import Wakeup


@dataclass(frozen=True, kw_only=True)
class Services:
    """Made once by ``Worker``, and given to each of its parts."""

    backend: Backend
    settings: WorkerSettings
    clock: Clock
    notifier: Notifier
    """Tells hook plugins."""
    liveness: Liveness
    """When the store last answered; every part that calls the store says so there."""
    scoreboard: Scoreboard
    """What the pool can see of this process."""
    in_flight: InFlight
    """What the worker has in hand."""
    wakeup: Wakeup
    """Wakes the main thread."""
    ended: threading.Event
    """Set when the loop has ended: the side threads end too."""
