"""``skunq job ID``: everything the store knows of one firing, without importing the user's code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from skunkqueue.cli.columns import Shape
from skunkqueue.cli.connection import with_backend
from skunkqueue.cli.lookup import firing_id
from skunkqueue.cli.output import document, facts, heading, json_option, say, table
from skunkqueue.cli.text import clean, clean_lines, cut, from_now, iso, size, span
from skunkqueue.errors import SkunkQueueError, UnknownFiringError

if TYPE_CHECKING:
    from skunkqueue.payload import Attempt, Body, Failure
    from skunkqueue.persistence.backend import Backend
    from skunkqueue.records import Death, Record

MAX_SHOWN = 4_000
"""Characters of arguments or a result shown to people; ``--json`` gives all."""
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
    if as_json:
        document(_json(record, store.now()))
    else:
        _show(record, store.now())


def _json(record: Record, now: float) -> dict[str, Any]:
    from skunkqueue.cli.views import arguments, body_of, firing_json  # noqa: PLC0415 - help need not wait for it

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
    value, problem = _result(record)
    failure = _failure(record)
    return {
        **firing_json(record),
        "now": iso(now),
        "steps": steps,
        "result_ttl": body.ttl if body else None,
        "schedule": body.schedule if body else None,
        "lease_left": record.lease_left,
        "attempts": [
            {
                "number": each.number,
                "began": iso(each.began),
                "took": each.took,
                "verdict": each.verdict,
                "note": each.note,
                "worker": each.worker,
            }
            for each in _attempts(record)
        ],
        "evidence": [
            {
                "at": iso(death.at),
                "worker": death.worker,
                "cause": death.cause,
                "begun": death.begun,
                "signal": death.signal,
                "exit_code": death.exit_code,
                "rss": death.rss,
            }
            for death in _deaths(record)
        ],
        "timeline": [{"at": iso(at), "event": event} for at, event in _timeline(record)],
        "result": value,
        "result_problem": problem,
        "traceback": failure.traceback if failure else None,
    }


def _show(record: Record, now: float) -> None:
    from skunkqueue.cli.views import body_of, call_line, name_of, progress_line  # noqa: PLC0415 - help need not wait

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
            ("began", _moment(record.began, now)),
            ("finished", _moment(record.finished, now)),
            ("worker", record.worker),
            ("lease", None if record.lease_left is None else f"{span(record.lease_left)} left"),
            ("progress", None if record.state.value == "complete" else progress_line(record)),
            ("kill", "asked for" if record.kill_requested else None),
            ("target", record.target),
            *_policy(record, body, now),
        ]
    )
    heading("Calls" if body and len(body.steps) > 1 else "Call")
    for step in body.steps if body else ():
        say(f"  {clean(cut(call_line(step), MAX_SHOWN))}")
    if body is None:
        say(f"  damaged: {clean(record.body[:40])}")
    attempts = _attempts(record)
    if attempts:
        heading("Attempts")
        table(
            ATTEMPTS,
            [(a.number, a.verdict, iso(a.began), span(a.took), a.worker, cut(a.note, 200)) for a in attempts],
        )
    heading("Timeline")
    for at, event in _timeline(record):
        say(f"  {iso(at)}  {clean(event)}")
    _show_end(record)


def _show_end(record: Record) -> None:
    """Show the result or the failure, if it is finished."""
    failure = _failure(record)
    if failure is not None:
        heading("Failure")
        say(f"  {clean(failure)}")
        for line in clean_lines(failure.traceback).splitlines():
            say(f"  {line}")
    elif record.state.value == "complete":
        from skunkqueue.show import shown  # noqa: PLC0415 - help need not wait for it

        value, problem = _result(record)
        if record.result is None:
            problem = "not kept, since the job has result_ttl=0"
        heading("Result")
        say(f"  {clean(cut(shown(value), MAX_SHOWN) if problem is None else problem)}")


def _policy(record: Record, body: Body | None, now: float) -> list[tuple[str, object]]:
    """Tell the rules it was fired with."""
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


def _timeline(record: Record) -> list[tuple[float, str]]:
    """Tell what happened to it, in order."""
    events = [(record.enqueued, "enqueued")]
    if record.due > record.enqueued and not record.state.final:
        events.append((record.due, "due"))
    for each in _attempts(record):
        events.append((each.began, f"attempt {each.number} began on {each.worker}"))
        note = f": {' '.join(each.note.split())}" if each.note else ""
        events.append(
            (each.began + each.took, f"attempt {each.number} ended, {each.verdict}{cut(note, 200)}")
        )
    events += [(death.at, _death_line(death)) for death in _deaths(record)]
    if record.state.value == "running" and record.began is not None:
        events.append((record.began, f"claimed by {record.worker}"))
    if record.finished is not None and record.began is None:
        events.append((record.finished, record.state.value))
    return sorted(events, key=lambda event: event[0])


def _death_line(death: Death) -> str:
    if death.cause == "lease":
        begun = "while it ran" if death.begun else "and nobody knows whether it had begun"
        return f"the lease of worker {death.worker} ended {begun}"
    parts = [f"worker {death.worker} died under it ({death.cause}"]
    if death.signal is not None:
        parts.append(f", signal {death.signal}")
    if death.exit_code is not None:
        parts.append(f", exit code {death.exit_code}")
    if death.rss is not None:
        parts.append(f", {size(death.rss)} of memory")
    return "".join(parts) + ")"


def _attempts(record: Record) -> tuple[Attempt, ...]:
    """Tell the attempts remembered, and the one that ended it, which the record itself holds."""
    from skunkqueue.cli.views import failure_line  # noqa: PLC0415 - help need not wait for it
    from skunkqueue.payload import Attempt, decode_carry  # noqa: PLC0415 - as above

    try:
        history = decode_carry(record.carry).history
    except SkunkQueueError:
        history = ()
    if record.began is None or record.finished is None:
        return history
    # A snooze does not count, so the attempt after it has the same number.
    number = 1 if not history else history[-1].number + (history[-1].verdict != "snooze")
    last = Attempt(
        number=number,
        began=record.began,
        took=max(record.finished - record.began, 0.0),
        verdict=record.state.value,
        note=failure_line(record) or "",
        worker=record.worker or "?",
    )
    return history if history and history[-1].began >= last.began else (*history, last)


def _deaths(record: Record) -> list[Death]:
    import msgspec  # noqa: PLC0415 - help need not wait for it

    from skunkqueue.records import Death  # noqa: PLC0415 - as above

    found = []
    for line in record.evidence.splitlines():
        try:
            found.append(msgspec.json.decode(line, type=Death))
        except (msgspec.MsgspecError, ValueError):  # one damaged line must not hide the others
            found.append(Death(at=record.enqueued, worker="?", cause=f"damaged evidence: {cut(line, 80)}"))
    return found


def _failure(record: Record) -> Failure | None:
    from skunkqueue.payload import Failure, decode_failure  # noqa: PLC0415 - help need not wait for it

    if record.result is None or record.state.value not in ("error", "killed", "expired"):
        return None
    try:
        return decode_failure(record.result)
    except SkunkQueueError as error:
        return Failure("DamagedPayloadError", str(error))


def _result(record: Record) -> tuple[Any, str | None]:
    """Decode the result; the second part says why that cannot be done."""
    from skunkqueue.handle import result_of  # noqa: PLC0415 - help need not wait for it

    if record.state.value != "complete":
        return None, None
    try:
        return result_of(record, None), None
    # A chain's parts may not fit its steps where bytes were made by hand.
    except (SkunkQueueError, ValueError, TypeError) as error:
        return None, f"cannot be read: {error}"


def _moment(at: float | None, now: float) -> str | None:
    return None if at is None else f"{iso(at)} ({from_now(at, now)})"
