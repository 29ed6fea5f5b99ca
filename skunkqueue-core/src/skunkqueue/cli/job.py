"""``skunq job ID``: everything the store knows about one firing, without importing the user's code."""

from __future__ import annotations

from typing import Any

import click

from skunkqueue.cli.columns import Shape
from skunkqueue.cli.connection import with_backend
from skunkqueue.cli.lookup import firing_id
from skunkqueue.cli.output import document, facts, heading, json_option, say, table
from skunkqueue.cli.story import attempts_of, deaths_of, result_or_problem, stored_failure, timeline
from skunkqueue.cli.text import clean, clean_lines, cut, from_now, iso, plural, span
from skunkqueue.cli.views import (
    arguments,
    body_of,
    call_line,
    firing_json,
    name_of,
    progress_line,
    unknown_job,
)
from skunkqueue.errors import UnknownFiringError
from skunkqueue.kills import Kill, find_kill
from skunkqueue.listings import Count, Query
from skunkqueue.payload import Body
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Record, State
from skunkqueue.show import shown

MAX_SHOWN = 4_000
"""Characters of arguments or a result shown to people; ``--json`` gives all."""
_COUNTED = 1_000
"""Firings that are looked at to count those that its job fired."""
ATTEMPTS = Shape(
    (">", "VERDICT", "BEGAN", ">TOOK", "WORKER", "NOTE"),
    spare=("WORKER", "BEGAN"),
    least={"NOTE": 20},
)


@click.command()
@click.argument("id", metavar="ID")
@json_option
@with_backend
def job(store: Backend, id: str, *, as_json: bool) -> None:  # noqa: A002 - click names it after the argument
    """Show one firing: call, attempts, timeline, and how it ended.

    The start of an ID is enough where no other begins so.
    """
    found = firing_id(store, id)
    record = store.get([found])[0]
    if record is None:
        msg = f"there is no firing {found!r} any more"
        raise UnknownFiringError(msg)
    kill, fired = find_kill(store, record), _fired(store, record)
    if as_json:
        document(_json(record, kill, fired, store.now()))
    else:
        _show(record, kill, fired, store.now())


def _fired(store: Backend, record: Record) -> Count | None:
    """Count what its job fired; ``None``: it was never lent to a worker, or the store cannot tell."""
    if not record.token or "rows" not in store.capabilities:
        return None
    return store.count(Query(parent=record.id), _COUNTED)


def _fired_line(record: Record, fired: Count | None) -> str | None:
    if fired is None or (fired.exact and not fired.number):
        return None
    if not fired.number:
        # As in most firings that fired nothing, where so many wait that not all were looked at.
        return f"none found at a first look (`skunq jobs --parent {record.id}` looks further)"
    number = plural(fired.number, "firing")
    return f"{number if fired.exact else f'at least {number}'} (`skunq jobs --parent {record.id}`)"


def _json(record: Record, kill: Kill | None, fired: Count | None, now: float) -> dict[str, Any]:
    body = body_of(record)
    steps: list[dict[str, Any]] = []
    for step in body.steps if body else ():
        given = arguments(step)
        args, kwargs, attrs = given if not isinstance(given, str) else (None, None, None)
        steps.append(
            {
                "job": step.job,
                "args": args,
                "kwargs": kwargs,
                "attributes": attrs,
                "problem": given if isinstance(given, str) else None,
                "retries": step.retries,
                "timeout": step.timeout,
                "serializer": step.serializer,
            }
        )
    value, problem = result_or_problem(record)
    failure = stored_failure(record)
    return {
        **firing_json(record),
        "now": iso(now),
        "steps": steps,
        "result_ttl": body.ttl if body else None,
        "schedule": body.schedule if body else None,
        "lease_left": record.lease_left,
        "killed_by": _killed_by_json(kill),
        "fired": None if fired is None else {"number": fired.number, "exact": fired.exact},
        "attempts": [
            {
                "number": each.number,
                "began": iso(each.began),
                "took": each.took,
                "verdict": each.verdict,
                "note": each.note,
                "worker": each.worker,
            }
            for each in attempts_of(record)
        ],
        "evidence": [
            {
                "at": iso(death.at),
                "worker": death.worker,
                "cause": death.cause,
                "begun": death.begun,
                "claimed": iso(death.claimed),
                "signal": death.signal,
                "exit_code": death.exit_code,
                "rss": death.rss,
            }
            for death in deaths_of(record)
        ],
        "timeline": [{"at": iso(at), "event": event} for at, event in timeline(record)],
        "result": value,
        "result_problem": problem,
        "traceback": failure.traceback if failure else None,
    }


def _killed_by_json(kill: Kill | None) -> dict[str, Any] | None:
    entry = kill.entry if kill else None
    if entry is None:
        return None
    return {"who": entry.who, "why": entry.why, "at": iso(entry.at), "entry": entry.id}


def _killed_by(kill: Kill | None, now: float) -> str | None:
    if kill is None:
        return None
    if kill.entry is None:
        return f"not known: none of the newest {kill.looked} kills in the audit log names it"
    why = f": {kill.entry.why}" if kill.entry.why else ""
    return f"{kill.entry.who}, {from_now(kill.entry.at, now)}{why}"


def _lease(left: float) -> str:
    return f"{span(left)} left" if left > 0 else f"ended {span(-left)} ago"


def _given_back(record: Record) -> str | None:
    reason = unknown_job(record.error) if record.state is State.PENDING else None
    return None if reason is None else f"a worker does not know its job: {reason}"


def _show(record: Record, kill: Kill | None, fired: Count | None, now: float) -> None:
    body = body_of(record)
    facts(
        [
            ("firing", record.id),
            ("job", name_of(record)),
            ("queue", record.queue),
            ("route", record.route),
            ("state", record.state.value),
            ("enqueued", _moment(record.enqueued, now)),
            ("due", _moment(record.due, now)),
            ("fired by", record.parent),
            ("fired", _fired_line(record, fired)),
            ("given back", _given_back(record)),
            ("began", _moment(record.began, now)),
            ("finished", _moment(record.finished, now)),
            ("worker", record.worker),
            ("lease", None if record.lease_left is None else _lease(record.lease_left)),
            ("progress", None if record.state.value == "complete" else progress_line(record)),
            ("kill", "asked for" if record.kill_requested and record.state is not State.KILLED else None),
            ("killed by", _killed_by(kill, now)),
            ("target", record.target),
            *_policy(record, body, now),
        ]
    )
    heading("Calls" if body and len(body.steps) > 1 else "Call")
    for step in body.steps if body else ():
        say(f"  {clean(cut(call_line(step), MAX_SHOWN))}")
    if body is None:
        say(f"  damaged: {clean(record.body[:40])}")
    attempts = attempts_of(record)
    if attempts:
        heading("Attempts")
        table(
            ATTEMPTS,
            [(a.number, a.verdict, iso(a.began), span(a.took), a.worker, cut(a.note, 200)) for a in attempts],
        )
    heading("Timeline")
    for at, event in timeline(record):
        say(f"  {iso(at)}  {clean(event)}")
    _show_end(record)


def _show_end(record: Record) -> None:
    """Show the result or the failure, if it is finished."""
    failure = stored_failure(record)
    if failure is not None:
        heading("Failure")
        say(f"  {clean(failure)}")
        for line in clean_lines(failure.traceback).splitlines():
            say(f"  {line}")
    elif record.state.value == "complete":
        value, problem = result_or_problem(record)
        if record.result is None:
            problem = "not kept, since the job has result_ttl=0"
        heading("Result")
        say(f"  {clean(cut(shown(value), MAX_SHOWN) if problem is None else problem)}")


def _policy(record: Record, body: Body | None, now: float) -> list[tuple[str, object]]:
    """Return the rules it was fired with."""
    steps = body.steps if body else ()

    def each(values: list[str]) -> str:
        return values[0] if len(set(values)) == 1 else ", ".join(values)

    rules: list[tuple[str, object]] = [("priority", record.priority)]
    if steps:
        rules.append(("retries", each([str(step.retries) for step in steps])))
        rules.append(("timeout", each([span(step.timeout) if step.timeout else "none" for step in steps])))
        rules.append(("serializer", each([step.serializer for step in steps])))
    rules.append(("expires", _moment(record.expires, now)))
    rules.append(("key", record.key))
    if body is not None:
        rules.append(("kept for", None if body.ttl is None else span(body.ttl) if body.ttl else "no result"))
        rules.append(("schedule", body.schedule))
    return rules


def _moment(at: float | None, now: float) -> str | None:
    return None if at is None else f"{iso(at)} ({from_now(at, now)})"
