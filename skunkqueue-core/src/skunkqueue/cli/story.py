"""What happened to one firing, from its record: attempts, deaths, failure, result, and a timeline of them.

Damaged parts are shown as damaged, and the rest is still shown. Imports no code of users.
"""

from __future__ import annotations

from typing import Any

import msgspec

from skunkqueue.cli.text import cut, size
from skunkqueue.cli.views import failure_line
from skunkqueue.errors import SkunkQueueError
from skunkqueue.handle import result_of
from skunkqueue.payload import Attempt, Failure, decode_attempt_state, decode_failure
from skunkqueue.records import Death, Record
from skunkqueue.show import signal_name


def timeline(record: Record) -> list[tuple[float, str]]:
    """Return what happened to it, in order."""
    events = [(record.enqueued, "enqueued")]
    if record.due > record.enqueued and not record.state.final:
        events.append((record.due, "due"))
    for each in attempts_of(record):
        events.append((each.began, f"attempt {each.number} began on {each.worker}"))
        note = f": {' '.join(each.note.split())}" if each.note else ""
        events.append(
            (each.began + each.took, f"attempt {each.number} ended, {each.verdict}{cut(note, 200)}")
        )
    for death in deaths_of(record):
        if death.claimed is not None:
            events.append((death.claimed, f"claimed by {death.worker}"))
        events.append((death.at, death_line(death)))
    if record.state.value == "running" and record.began is not None:
        events.append((record.began, f"claimed by {record.worker}"))
    if record.finished is not None and record.began is None:
        events.append((record.finished, record.state.value))
    return sorted(events, key=lambda event: event[0])


def death_line(death: Death) -> str:
    """Return one line about a worker that died under it, or lost its lease."""
    if death.cause == "lease":
        begun = "while it ran" if death.begun else "and whether it had begun is not known"
        return f"the lease of worker {death.worker} ended {begun}"
    parts = []
    if death.signal is not None:
        parts.append(signal_name(death.signal))
    if death.exit_code is not None:
        parts.append(f"exit code {death.exit_code}")
    # The signal and the exit code say more than these.
    if not parts or death.cause not in ("signal", "exit"):
        parts.insert(0, death.cause)
    if death.rss is not None:
        parts.append(f"{size(death.rss)} of memory")
    return f"worker {death.worker} died under it ({', '.join(parts)})"


def attempts_of(record: Record) -> tuple[Attempt, ...]:
    """Return the attempts that are kept, and the last one, which the record itself holds."""
    try:
        history = decode_attempt_state(record.attempt_state).history
    except SkunkQueueError:
        history = ()
    if record.began is None or record.finished is None:
        return history
    # A snooze does not count, so the attempt after it has the same number.
    number = 1 if not history else history[-1].number + (history[-1].verdict != "snooze")
    last = Attempt(
        number=number,
        began=record.began,
        # Until it finished, it was also settled.
        took=max(record.finished - record.began, 0.0) if record.took is None else record.took,
        verdict=record.state.value,
        note=failure_line(record) or "",
        worker=record.worker or "?",
    )
    return history if history and history[-1].began >= last.began else (*history, last)


def deaths_of(record: Record) -> list[Death]:
    """Read the evidence of deaths."""
    found = []
    for line in record.evidence.splitlines():
        try:
            found.append(msgspec.json.decode(line, type=Death))
        except (msgspec.MsgspecError, ValueError):  # one damaged line must not hide the others
            found.append(Death(at=record.enqueued, worker="?", cause=f"damaged evidence: {cut(line, 80)}"))
    return found


def stored_failure(record: Record) -> Failure | None:
    """Decode the failure of a firing; ``None``: it has a result, or is not finished."""
    if record.result is None or record.state.value not in ("error", "killed", "expired"):
        return None
    try:
        return decode_failure(record.result)
    except SkunkQueueError as error:
        return Failure("DamagedPayloadError", str(error))


def result_or_problem(record: Record) -> tuple[Any, str | None]:
    """Decode the result; the second part is the reason where that fails."""
    if record.state.value != "complete":
        return None, None
    try:
        return result_of(record, None), None
    # A chain's parts may not fit its steps where bytes were made by hand.
    except (SkunkQueueError, ValueError, TypeError) as error:
        return None, f"cannot be read: {error}"
