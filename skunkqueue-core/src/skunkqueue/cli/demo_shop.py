"""The jobs of ``skunq demo --web``: a shop that is always open. Read them as examples.

How long they take, and whether they fail, is random.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from datetime import timedelta

from skunkqueue.context import current_job
from skunkqueue.job import JobMixin
from skunkqueue.queue import SkunkQueue

QUEUE = "shop"
POOLS = (("orders", "pictures"), ("reports", "rates", "planned"))
"""The routes of each of the two pools."""
NOBODY = "fax"
"""A route without a worker."""
PAUSED = "archive"

queue = SkunkQueue(QUEUE)
_dice = random.SystemRandom()


class BankError(Exception):
    """The bank does not answer."""


@queue.job(
    routes=["orders"],
    retries=3,
    backoff=[0.5, 1.5, 4],
    give_up_on=ValueError,
    tags=lambda order, _cents: f"order-{order % 7}",
    priority=7,
)
def charge(order: int, cents: int) -> str:
    """Charge a card; the bank does not always answer."""
    _work(0.02, 0.12)
    chance = _dice.random()
    if chance < 0.03:
        msg = f"card of order {order} is declined: {cents} cents are too many"
        raise ValueError(msg)
    if chance < 0.2:
        msg = f"no answer after 100 ms, at attempt {current_job().attempt}"
        raise BankError(msg)
    return f"paid {cents / 100:.2f} for order {order}"


@queue.job(routes=["orders"])
def confirm(order: int, to: str) -> dict[str, object]:
    """Tell a customer that the order is on its way."""
    _work(0.005, 0.05)
    return {"order": order, "to": to, "sent": True}


@queue.job(routes=["pictures"], timeout=2.0, retries=1, backoff=[1.0], tags="media")
def resize(path: str, width: int) -> tuple[int, int]:
    """Make a picture smaller; some are broken, some take too long."""
    chance = _dice.random()
    if chance < 0.05:
        msg = f"{path}: not a picture, or cut off"
        raise OSError(msg)
    if chance < 0.07:
        time.sleep(5)
    _work(0.1, 0.7)
    return width, round(width / math.sqrt(2))


@queue.job(routes=["pictures"], expires=timedelta(seconds=0.3), priority=0, tags="media")
def preview(path: str) -> str:
    """Draw a preview; later it would be useless."""
    _work(0.02, 0.1)
    return f"preview of {path}"


@queue.job(routes=["reports"], tags=["report", "slow"])
def report(month: str, rows: int) -> dict[str, int]:
    """Count sales, and report progress."""
    total = 0
    for row in range(0, rows, 50):
        current_job().progress(row, rows, note=f"row {row}")
        _work(0.05, 0.15)
        total += _dice.randrange(10_000)
    return {month: total}


@queue.job(routes=["rates"], retries=2, backoff=[0.3, 0.6], tags="api")
async def fetch_rate(currency: str) -> float:
    """Ask another server for a rate; many requests run at a time."""
    await asyncio.sleep(_dice.uniform(0.1, 1.5))
    if _dice.random() < 0.08:
        msg = f"rates.example did not answer for {currency}"
        raise TimeoutError(msg)
    return round(_dice.uniform(0.5, 2.0), 4)


class Letter(JobMixin):
    """Write a letter: a class as a job."""

    routes = ["reports"]  # noqa: RUF012 - written as users write it

    def work(self, name: str) -> str:
        """Return the letter."""
        _work(0.05, 0.2)
        return f"Dear {name}, thank you for your order."


@queue.job(routes=[NOBODY])
def fax(number: str) -> None:
    """Wait for a worker that never comes."""


@queue.job(routes=[PAUSED])
def archive(order: int) -> int:
    """Wait for the end of a pause."""
    return order


# --- what schedules run ---------------------------------------------------------------------------


@queue.job(routes=["planned"])
def tidy() -> int:
    """Throw away what is old."""
    _work(0.01, 0.05)
    return _dice.randrange(20)


@queue.job(routes=["planned"])
def crawl(site: str) -> str:
    """Read a site that refuses to be read too often."""
    _work(0.05, 0.15)
    if _dice.random() < 0.12:
        msg = f"{site} answers 429: too many requests"
        raise ConnectionError(msg)
    return f"read {site}"


@queue.job(routes=["planned"])
def probe(host: str) -> str:
    """Measure a line that is now fast, now slow."""
    wave = 0.5 + 0.5 * math.sin(time.time() / 8)
    _work(0.05 + 0.4 * wave, 0.1 + 0.6 * wave)
    return f"{host} answers"


@queue.job(routes=["planned"])
def sync(warehouse: str) -> int:
    """Bring a stock up to date."""
    _work(0.02, 0.08)
    if _dice.random() < 0.07:
        msg = f"{warehouse} is counting its stock"
        raise RuntimeError(msg)
    return _dice.randrange(500)


PLANNED = {
    "tidy": tidy,
    "crawl": crawl("news.example"),
    "probe": probe("eu-1.example"),
    "sync": sync("north"),
}
"""Jobs for the schedules of the demo, by name."""


def _work(least: float, most: float) -> None:
    """Take some time, a little of it busy."""
    seconds = _dice.uniform(least, most)
    busy_until = time.perf_counter() + seconds / 20
    while time.perf_counter() < busy_until:
        math.sqrt(2)
    time.sleep(seconds * 0.95)
