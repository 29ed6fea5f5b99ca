"""The traffic of the shop of ``skunq demo --web``: jobs at random paces, and now and then a kill or a requeue."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from skunkqueue.cli import demo_shop as shop
from skunkqueue.control import Control
from skunkqueue.errors import PluginError
from skunkqueue.listings import Query
from skunkqueue.plugins import registry
from skunkqueue.queue import SkunkQueue
from skunkqueue.records import State

GROUP = "skunkqueue.demo"
"""Entry points by which our own distributions add to the demo: ``declare(queue, jobs)``, with jobs by name."""
PER_SECOND = 4.0
STEPS_IN = 0.01
"""The probability, for each firing, that something is killed or requeued."""
_NAMES = ("Jed", "Ian", "Ada", "Zoë", "Mio", "Noor", "Tariq", "Łucja")
_CURRENCIES = ("EUR", "USD", "JPY", "CHF", "SEK", "NOK", "GBP")


class Traffic:
    """Fires jobs on a store. ``step`` does one thing and returns how long to wait before the next."""

    def __init__(self, queue: SkunkQueue) -> None:
        """``queue``: the shop's, on the store of the demo."""
        self._queue = queue
        self._dice = random.SystemRandom()
        self._order = 1_000
        self._weights: dict[Callable[[], Any], float] = {
            self._charged: 4.0,
            self._confirmed: 3.0,
            self._resized: 2.0,
            self._previewed: 1.0,
            self._reported: 0.12,
            self._rated: 2.0,
            self._written: 0.5,
            self._delayed: 0.5,
        }

    def open(self) -> bool:
        """Fire one of each, and what stays pending for good; return whether schedules were declared."""
        fire = self._queue.fire_call
        Control(self._queue.backend, "ada@demo", "the archive is being moved").pause(shop.QUEUE, shop.PAUSED)
        for number in range(3):
            fire(shop.fax(f"555-010{number}"))
            fire(shop.archive(self._next_order()))
        for begin in self._weights:
            fire(begin())
        fire(shop.report("2026-10", 4_000))
        fire(shop.Letter()("Ian") & shop.Letter()("Ada"))
        self._queue.fire_call(shop.report("2026-12", 600), timedelta(minutes=30))
        return self._declare()

    def step(self) -> float:
        """Fire one job, and now and then kill or requeue one."""
        begin = self._dice.choices([*self._weights], [*self._weights.values()])[0]
        when = timedelta(seconds=self._dice.uniform(2, 60)) if begin == self._delayed else None
        self._queue.fire_call(begin(), when)
        if self._dice.random() < STEPS_IN:
            self._step_in()
        return self._dice.expovariate(PER_SECOND)

    def _declare(self) -> bool:
        try:
            declare: Any = registry.find(GROUP, "schedulers")
        except PluginError:
            return False
        declare(self._queue, shop.PLANNED)
        return True

    def _step_in(self) -> None:
        """Kill a running report, or run a failure again."""
        store = self._queue.backend
        if self._dice.random() < 0.5:
            rows = store.rows(Query(queue=shop.QUEUE, route="reports", states=(State.RUNNING,)), 1).rows
            if rows:
                Control(store, "ian@demo", "the wrong month").kill([rows[0].id])
            return
        failed = Query(queue=shop.QUEUE, route="orders", states=(State.ERROR,))
        rows = store.rows(failed, 3).rows
        if rows:
            Control(store, "ada@demo", "the bank is back").requeue([row.id for row in rows])

    def _next_order(self) -> int:
        self._order += 1
        return self._order

    def _name(self) -> str:
        return self._dice.choice(_NAMES)

    def _charged(self) -> Any:
        return shop.charge(self._next_order(), self._dice.randrange(500, 50_000))

    def _confirmed(self) -> Any:
        return shop.confirm(self._order, to=f"{self._name()}@example.com")

    def _resized(self) -> Any:
        return shop.resize(
            f"skunks/{self._dice.randrange(9_999):04}.jpg", self._dice.choice((320, 640, 1_280))
        )

    def _previewed(self) -> Any:
        return shop.preview(f"skunks/{self._dice.randrange(9_999):04}.jpg")

    def _reported(self) -> Any:
        return shop.report(f"2026-{self._dice.randrange(1, 12):02}", self._dice.randrange(1_000, 6_000))

    def _rated(self) -> Any:
        return shop.fetch_rate(self._dice.choice(_CURRENCIES))

    def _written(self) -> Any:
        return shop.Letter()(self._name())

    def _delayed(self) -> Any:
        return shop.confirm(self._order, to="later@example.com")
