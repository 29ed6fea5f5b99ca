"""One firing as it is shown: decoded without importing anything, redacted, cut. Pages and the API read it from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from skunkqueue.cli.story import attempts_of, death_line, deaths_of, result_or_problem, stored_failure
from skunkqueue.cli.text import clean, cut
from skunkqueue.cli.views import arguments, body_of
from skunkqueue.errors import SkunkQueueError
from skunkqueue.payload import Attempt, Progress, Step, decode_progress
from skunkqueue.policy import POLICY_FIELDS
from skunkqueue.records import Death, Record, State
from skunkqueue.show import shown
from skunkqueue.web.redaction import Redactor, Seen
from skunkqueue.web.tracebacks import Line, lines_of
from skunkqueue.web.values import WHOLE, Shown, show_text, show_value

_BRIEF = 200
"""Characters of a value in the line of a call."""


class Argument(msgspec.Struct, frozen=True, kw_only=True):
    """One argument, or an attribute of a class job's object."""

    name: str
    """Empty: given by its position."""
    value: Shown
    raw: Any
    """The value itself; it must not be shown where ``value`` is hidden."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One step: what is called, and the rules of it."""

    job: str
    line: str
    """The call as one would write it in Python; long values are cut."""
    is_cut: bool
    """Whether one of them is."""
    arguments: tuple[Argument, ...]
    attributes: tuple[Argument, ...]
    problem: str | None
    """Why the arguments cannot be shown."""
    retries: int
    timeout: float | None
    serializer: str


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """What a firing returned."""

    value: Shown | None
    """``None``: nothing (yet)."""
    problem: str | None
    """Why no result is shown, though it is complete."""
    raw: Any = None
    """The value itself; it must not be shown where ``value`` is hidden."""


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that ended, or a worker that died."""

    number: int | None
    """``None``: a death."""
    began: float | None
    """``None``: not known, as of many deaths. Then ``took`` and ``pause`` are not known either."""
    took: float | None
    ended: float
    verdict: str
    note: str
    worker: str
    after: float
    """When the one before ended, or the firing was put in."""
    pause: float | None
    """Seconds from then until it began. A planned delay is part of it."""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """Why it has no result."""

    kind: str
    message: Shown
    traceback: tuple[Line, ...]
    """Empty: there is none."""
    hidden: bool
    """Whether a plugin has hidden the traceback."""


class FiringView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is shown of one firing, beside the plain fields of its record."""

    record: Record
    calls: tuple[Call, ...]
    damaged: bool
    """Whether its body cannot be read."""
    result: Returned
    failure: Failed | None
    tries: tuple[Try, ...]
    progress: Progress | None
    note: Shown | None
    """What the job said of its progress."""
    ttl: float | None
    """Seconds for which it is kept once finished; 0: without its result."""
    waited: float | None
    """Seconds from when it was due until its last attempt began, as the charts count them; of one that ran before without
    becoming due again, from the end of that run. ``None``: it did not begin."""
    waited_since: str
    """From when on it waited, in words."""


def view_of(record: Record, redactor: Redactor, *, whole: bool = False) -> FiringView:
    """Decode a firing. Values that a plugin hides are replaced; ``whole``: large ones are not cut."""
    body = body_of(record)
    steps = body.steps if body else ()
    # That of a long chain is cut in the record.
    name = body.name if body else record.job
    progress = _progress(record)
    tries = tuple(_tries(record, lambda note: _note(redactor, name, note)))
    since, since_what = _waited_since(record, tries)
    return FiringView(
        record=record,
        calls=tuple(_call(step, redactor, whole=whole) for step in steps),
        damaged=body is None,
        result=returned_by(record, redactor, whole=whole),
        failure=_failed(record, name, redactor, whole=whole),
        tries=tries,
        progress=progress,
        note=told_text(redactor, name, "progress", progress.note) if progress and progress.note else None,
        ttl=body.ttl if body else None,
        waited=None if record.began is None else max(record.began - since, 0.0),
        waited_since=since_what,
    )


def returned_by(record: Record, redactor: Redactor, *, whole: bool = False) -> Returned:
    """Decode what a firing returned."""
    if record.state is not State.COMPLETE:
        return Returned(value=None, problem=None)
    if record.result is None:
        return Returned(value=None, problem="not kept, since the job has result_ttl=0")
    value, problem = result_or_problem(record)
    if problem is not None:
        return Returned(value=None, problem=problem)
    instead = _instead_of(record, value, redactor)
    return Returned(value=show_value(value, instead, whole=whole), problem=None, raw=value)


def _instead_of(record: Record, value: Any, redactor: Redactor) -> str | None:
    """Return what to show in place of a result. That of a chain is a list with the result of each step."""
    body = body_of(record)
    if body is None or len(body.steps) == 1:
        return redactor.text(record.job if body is None else body.name, "result", value)
    seen = [Seen(step.job, "result", part) for step, part in zip(body.steps, value, strict=False)]
    whole, *each = redactor.texts([Seen(body.name, "result", value), *seen])
    if whole is not None or not any(each):
        return whole
    return f"[{', '.join(shown(one.value) if text is None else text for one, text in zip(seen, each, strict=True))}]"


def told_text(redactor: Redactor, job: str, where: str, text: str, *, whole: bool = False) -> Shown:
    """Show a text as it is, not as Python would write it."""
    instead = redactor.text(job, where, text)
    return show_text(text, whole=whole) if instead is None else show_value(text, instead)


def _call(step: Step, redactor: Redactor, *, whole: bool) -> Call:
    found = arguments(step)
    nothing: tuple[list[Any], dict[str, Any], dict[str, Any]] = ([], {}, {})
    args, kwargs, attrs = nothing if isinstance(found, str) else found
    seen = [
        *(("", Seen(step.job, f"args[{number}]", value)) for number, value in enumerate(args)),
        *((name, Seen(step.job, f"kwargs.{name}", value)) for name, value in kwargs.items()),
    ]
    own = [
        (name, Seen(step.job, f"attributes.{name}", value))
        for name, value in attrs.items()
        if name not in POLICY_FIELDS
    ]

    def told(those: list[tuple[Any, Seen]]) -> tuple[Argument, ...]:
        texts = redactor.texts([one for _, one in those])
        return tuple(
            Argument(name=str(name), value=show_value(one.value, text, whole=whole), raw=one.value)
            for (name, one), text in zip(those, texts, strict=True)
        )

    given = told(seen)
    line, is_cut = _line(step.job, given, WHOLE if whole else _BRIEF)
    return Call(
        job=step.job,
        line=line + (".with_previous()" if step.previous else ""),
        is_cut=is_cut,
        arguments=given,
        attributes=told(own),
        problem=found if isinstance(found, str) else None,
        retries=step.retries,
        timeout=step.timeout,
        serializer=step.serializer,
    )


def _line(job: str, given: tuple[Argument, ...], most: int) -> tuple[str, bool]:
    """Write a call, each value in ``most`` characters; also return whether one was longer."""
    parts, is_cut = [], False
    for argument in given:
        # As Python writes bytes, not in hexadecimal, so that the line can be copied.
        whole = "..." if argument.value.hidden else shown(argument.raw)
        text = clean(cut(whole, most))
        is_cut |= len(whole) > most
        parts.append(f"{argument.name}={text}" if argument.name else text)
    return f"{job.rpartition(':')[2]}({', '.join(parts)})", is_cut


def _failed(record: Record, job: str, redactor: Redactor, *, whole: bool) -> Failed | None:
    failure = stored_failure(record)
    if failure is None:
        return None
    hidden = redactor.text(job, "traceback", failure.traceback) if failure.traceback else None
    # The message is at the end of the traceback, too.
    message = told_text(redactor, job, "error", failure.message, whole=whole)
    if message.hidden and hidden is None and failure.traceback:
        hidden = message.text
    text = failure.traceback if hidden is None else hidden
    return Failed(
        kind=failure.kind,
        message=message,
        traceback=tuple(lines_of(show_text(text, whole=True).text)),
        hidden=hidden is not None,
    )


def _tries(record: Record, redact: Callable[[str], str | None]) -> Iterator[Try]:
    """Put attempts and deaths in order, with the time that passed before each."""
    tries = [_attempt(each, redact) for each in attempts_of(record)]
    tries += [_death(each) for each in deaths_of(record)]
    after = record.enqueued
    for each in sorted(tries, key=lambda one: one.ended if one.began is None else one.began):
        pause = None if each.began is None else max(each.began - after, 0.0)
        yield msgspec.structs.replace(each, after=after, pause=pause)
        after = max(after, each.ended)


def _attempt(attempt: Attempt, redact: Callable[[str], str | None]) -> Try:
    instead = redact(attempt.note) if attempt.note else None
    return Try(
        number=attempt.number,
        began=attempt.began,
        took=attempt.took,
        ended=attempt.began + attempt.took,
        verdict=attempt.verdict,
        note=attempt.note if instead is None else instead,
        worker=attempt.worker,
        after=0.0,
        pause=None,
    )


def _death(death: Death) -> Try:
    return Try(
        number=None,
        began=death.claimed,
        took=None if death.claimed is None else max(death.at - death.claimed, 0.0),
        ended=death.at,
        verdict="death",
        note=death_line(death),
        worker=death.worker,
        after=0.0,
        pause=None,
    )


def _waited_since(record: Record, tries: Sequence[Try]) -> tuple[float, str]:
    """Return from when on it waited for its last attempt, and what was then."""
    began = record.enqueued if record.began is None else record.began
    ends = [each.ended for each in tries if (each.ended if each.began is None else each.began) < began]
    known = [(record.due, "from due to begun"), (record.enqueued, "since it was enqueued")]
    return max(known + [(end, "since the run before ended") for end in ends], key=lambda one: one[0])


def _note(redactor: Redactor, job: str, note: str) -> str | None:
    """Redact an attempt's note. It is mostly an error, so it is redacted as an error too."""
    instead = redactor.text(job, "attempt", note)
    return redactor.text(job, "error", note) if instead is None else instead


def _progress(record: Record) -> Progress | None:
    if record.progress is None:
        return None
    try:
        return decode_progress(record.progress)
    except SkunkQueueError:
        return None
