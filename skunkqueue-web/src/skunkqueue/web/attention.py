"""What needs attention: what ``skunq doctor`` finds in the store, each with the page where one can do something about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from flask import current_app, url_for

from skunkqueue.cli.doctor import jobs, schedules, store
from skunkqueue.cli.doctor.finding import NOTICE, OK, PROBLEM, Finding
from skunkqueue.cli.doctor.store import StoreCheck
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.plugins.requirements import explain
from skunkqueue.web import source
from skunkqueue.web.redaction import Redactor, redactor
from skunkqueue.web.routes import Board
from skunkqueue.web.show import sentence

SECONDS = 15.0
"""Seconds for which findings are shown before the checks run again, while nothing has changed that the page knows itself."""
PATIENCE = 0.02
"""Seconds that a page waits for the first check."""
MOST = 20
"""How many are shown."""
# The monitor only reads, so it writes no probe. Whether jobs can be imported here, and read with a secret that is set
# here, says nothing about the machines of the workers.
_NOT_HERE = {"writing", "modules", "payloads"}
CHECKS: list[tuple[str, StoreCheck]] = [
    (name, check) for name, check in (*store.CHECKS, *jobs.CHECKS, *schedules.CHECKS) if name not in _NOT_HERE
]


class Matter(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that needs attention."""

    level: str
    """``problem`` or ``notice``."""
    text: str
    cure: str
    url: str | None
    """Of the page where one can do something about it."""
    goes_to: str


class Matters(msgspec.Struct, frozen=True, kw_only=True):
    """What needs attention, problems first."""

    shown: tuple[Matter, ...]
    left: int
    """How many there are besides."""


def matters(board: Board) -> Matters | None:
    """Return what needs attention; ``None``: it was not checked yet.

    ``board``: all routes as the same page shows them. Findings from when other routes had workers, or others were paused, are not shown.
    """
    here = source.current()
    standing = board.staffed, tuple((one.queue, one.paused) for one in board.queues if one.paused)
    hides = redactor()
    found = here.latest(
        ("attention", standing),
        SECONDS,
        lambda: _redacted(examine(here.backend, here.config), hides),
        patience=PATIENCE,
    )
    if found is None:
        return None
    shown = tuple(_matter(each) for each in found[:MOST])
    return Matters(shown=shown, left=len(found) - len(shown))


def examine(backend: Backend, config: BackendConfig) -> list[Finding]:
    """Run all checks; return what is not as it should be, problems first."""
    found = [finding for name, check in CHECKS for finding in _run(name, check, backend, config)]
    return sorted((each for each in found if each.level != OK), key=lambda each: each.level != PROBLEM)


def _run(name: str, check: StoreCheck, backend: Backend, config: BackendConfig) -> Iterator[Finding]:
    try:
        yield from check(backend, config)
    except Exception as error:  # noqa: BLE001 - a check that fails is a finding, and the next one still runs
        yield Finding(name, NOTICE, f"the check {name!r} failed: {explain(error)}")


def _redacted(found: Sequence[Finding], redactor: Redactor) -> list[Finding]:
    """Return findings whose errors are as they may be shown."""
    having = [number for number, each in enumerate(found) if each.error]
    told = redactor.lines([(found[number].job, found[number].error) for number in having])
    shown = list(found)
    for number, text in zip(having, told, strict=True):
        if text is not None:
            shown[number] = shown[number]._replace(error=text)
    return shown


def _matter(finding: Finding) -> Matter:
    url, goes_to = _way(finding)
    return Matter(
        level=finding.level,
        text=sentence(finding.line),
        cure=finding.cure,
        url=url,
        goes_to=goes_to,
    )


def _way(finding: Finding) -> tuple[str | None, str]:
    """Return the page where something can be done, and what it is called."""
    place = {"queue": finding.queue, "route": finding.route} if finding.route else {}
    ways: dict[str, tuple[str, str, dict[str, str]]] = {
        "poison": ("firing.firing", "The firing", {"id_": finding.name}),
        "leases": ("firing.firing", "The firing", {"id_": finding.name}),
        "errors": ("errors.errors", "Its errors", place),
        "workers": ("workers.worker", "The worker", {"id_": finding.name}),
        "clock": ("workers.worker", "The worker", {"id_": finding.name}),
        "schedules": ("schedules.schedule", "The schedule", {"queue": finding.queue, "name": finding.name}),
        "routes": ("queues.route", "The route", place),
        "jobs": ("jobs.jobs", "Its pending firings", {**place, "state": "pending"}),
    }
    endpoint, text, values = ways.get(finding.check, ("", "", {}))
    if not endpoint or not all(values.values()):
        # A whole kind is meant, or one route of it.
        endpoint, text, values = {
            "poison": ("jobs.jobs", "Errors", {"state": "error"}),
            "leases": ("jobs.jobs", "Running", {"state": "running"}),
            "workers": ("workers.workers", "Workers", {}),
            "schedules": ("queues.route", "The route", place)
            if place
            else ("schedules.schedules", "Schedules", {}),
        }.get(finding.check, ("", "", {}))
    if endpoint not in current_app.view_functions:
        return None, ""
    return url_for(endpoint, **values), text  # type: ignore[arg-type]  # the values are those of the page's URL
