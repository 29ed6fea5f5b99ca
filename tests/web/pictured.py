"""The pages of a demo that ``nox -s screenshots`` draws, also with ``-- FOLDER --all``. A path with arrows leads over links."""

from __future__ import annotations

from typing import NamedTuple

PAGES = {
    "overview": "/",
    "overview-day": "/?over=day",
    "overview-job": "/?job=skunkqueue.cli.demo_shop:charge",
    "queues": "/queues",
    "route": "/queues > /queue?",
    "confirm-pause": "/confirm/pause?queue=shop",
    "confirm-purge": "/confirm/purge?queue=shop",
    "jobs": "/jobs",
    "jobs-filtered": "/jobs?state=error&state=complete&order=newest&finished_from=1h",
    "jobs-none": "/jobs?job=nobody:knows",
    "confirm-jobs": "/confirm?verb=requeue&all=1&state=error",
    "firing": "/jobs?state=error > /jobs/",
    "firing-running": "/jobs?state=running&job=skunkqueue.cli.demo_shop:report > /jobs/",
    "firing-gone": "/jobs/000000000000000000000000",
    "find": "/find?q=or",
    "find-none": "/find?q=nobody+knows",
    "errors": "/errors",
    "errors-none": "/errors?job=nobody:knows&since=all",
    "operations": "/operations",
    "operation-gone": "/operations?id=gone",
    "workers": "/workers",
    "worker": "/workers > /workers/",
    "worker-gone": "/workers/gone",
    "pool": "/workers > /pools/",
    "confirm-pool": "/workers > /pools/ > /confirm/pool?verb=rough",
    "confirm-worker": "/workers > /workers/ > /confirm/worker?verb=rough",
    "schedules": "/schedules",
    "schedule": "/schedule?queue=shop&name=crawl+the+news",
    "schedule-rto": "/schedule?queue=shop&name=probe+a+line",
    "schedule-gone": "/schedule?queue=shop&name=gone",
    "confirm-schedule": "/confirm/schedule?queue=shop&name=tidy+up",
    "audit": "/audit",
    "audit-none": "/audit?who=nobody",
    "plugins": "/plugins",
    "no-page": "/nowhere",
    "wrong-filter": "/jobs?due_from=soonish",
}
"""By name, what ``--all`` draws: every page that can be reached in the demo, and what each says where something is not there."""
ERRORS = {"firing-gone", "find-none", "operation-gone", "no-page", "wrong-filter"}
"""Those that are answered as errors."""


class Shot(NamedTuple):
    """One picture."""

    name: str
    path: str
    """Of the page."""
    theme: str = "light"
    width: int = 1280
    height: int = 800


SHOTS = (
    Shot("web-overview", "/", height=1_080),
    Shot("web-overview-dark", "/", "dark", height=1_080),
    Shot("web-jobs", "/jobs?state=error"),
    # None that failed: its traceback would name folders of whoever draws.
    Shot("web-firing", "/jobs?state=running&job=skunkqueue.cli.demo_shop:report > /jobs/", "dark"),
    Shot("web-workers", "/workers"),
    Shot("web-schedule", "/schedule?queue=shop&name=crawl+the+news", "dark"),
)
"""What is drawn for README and docs/web.md, into ``docs/pictures``."""
