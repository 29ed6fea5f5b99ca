"""Which firings a command means: the options that filter, and the queries of a store that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import click

from skunkqueue.cli.connection import queue_options
from skunkqueue.cli.moments import Moment, MomentType
from skunkqueue.cli.options import option
from skunkqueue.ids import ID_LENGTH
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State

F = TypeVar("F", bound=Callable[..., Any])
STATES = ("running", "pending", "error", "killed", "expired", "complete")
"""In the order in which people want to see them."""
UNFINISHED = ("running", "pending")
WORDS = ("job", "tag", "key", "error", "schedule", "parent", "worker")


class Filter(NamedTuple):
    """What to filter by; a field that is ``None`` or empty does not restrict."""

    queue: str | None = None
    route: str | None = None
    states: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    """Fields of a query, and what they must be."""
    since: Moment | None = None
    until: Moment | None = None
    text: str | None = None

    def is_empty(self) -> bool:
        """Return whether nothing restricts."""
        return self == Filter()

    def span(self, store: Backend) -> Span | None:
        """Work out the times by the store's clock; ``None`` where none was asked for."""
        if self.since is None and self.until is None:
            return None
        since = None if self.since is None else self.since.by(store)
        until = None if self.until is None else self.until.by(store)
        if since is not None and until is not None and since >= until:
            msg = "--since is not before --until: nothing can be between them"
            raise click.UsageError(msg)
        return since, until


Span = tuple[float | None, float | None]


def filter_options(states: Sequence[str]) -> Callable[[F], F]:
    """Add the options that filter; the command gets them as ``given``, for ``filter_of``."""

    def add(command: F) -> F:
        for more in (
            option(
                "--text", metavar="WORD", help="Only with this in their arguments, as skunq job shows them."
            ),
            option(
                "--until",
                type=MomentType(),
                metavar="TIME",
                help="Only before this: 2h (so long ago), or ISO 8601.",
            ),
            option(
                "--since",
                type=MomentType(),
                metavar="TIME",
                help="Only since then: 2h (so long ago), or ISO 8601. Of finished ones the time they finished "
                "counts, of others the time they were enqueued.",
            ),
            option("--worker", metavar="ID", help="Only what this worker holds, or held last."),
            option("--parent", metavar="ID", help="Only what this firing fired; its whole ID."),
            option("--schedule", metavar="NAME", help="Only runs of this schedule."),
            option("--error", metavar="TYPE", help="Only what failed with this type of error."),
            option("--key", metavar="KEY", help="Only with this idempotency key."),
            option("--tag", metavar="TAG", help="Only with this tag."),
            option("--job", metavar="MODULE:JOB", help="Only of this job, by its whole name."),
            click.option(
                "--state",
                "states",
                multiple=True,
                type=click.Choice(states),
                help="Only in this state; repeatable.",
            ),
            queue_options(required=False),
        ):
            command = more(command)
        return command

    return add


def filter_of(given: dict[str, Any]) -> Filter:
    """Take the filter out of a command's options.

    Raises click.UsageError for an empty text, which is in all arguments, and for a parent that is not a whole id.
    """
    if given["text"] == "":
        msg = "--text is empty: give a word to look for, or leave it out"
        raise click.UsageError(msg)
    if given["parent"] is not None:
        given = {**given, "parent": _whole_id(given["parent"])}
    return Filter(
        queue=given["queue"],
        route=given["route"],
        states=tuple(dict.fromkeys(given["states"])),
        words=tuple((name, given[name]) for name in WORDS if given[name] is not None),
        since=given["since"],
        until=given["until"],
        text=given["text"],
    )


def _whole_id(typed: str) -> str:
    """Return the id that was typed; it need not be in the store any more, so the start of one cannot be looked up."""
    found = typed.strip().lower()
    if len(found) != ID_LENGTH:
        msg = f"--parent {typed!r} is not a whole ID: one has {ID_LENGTH} characters, as `skunq jobs` shows them"
        raise click.UsageError(msg)
    return found


def query_of(wanted: Filter, states: Iterable[str], span: Span | None, *, newest: bool) -> Query:
    """Make the query for some states. With a ``span``, all of them are final or none is."""
    found = states_called(states)
    time = "finished" if all(state.final for state in found) else "enqueued"
    more: dict[str, Any] = dict(wanted.words)
    if span is not None:
        more[time] = span
    return Query(queue=wanted.queue, route=wanted.route, states=found, newest=newest, **more)


def states_called(names: Iterable[str]) -> tuple[State, ...]:
    """Return the states of these names."""
    return tuple(State(name) for name in names)


def split(states: Iterable[str]) -> list[tuple[str, ...]]:
    """Divide states into unfinished and finished ones, since different times count for them."""
    found = list(states)
    parts = (
        tuple(each for each in found if each in UNFINISHED),
        tuple(each for each in found if each not in UNFINISHED),
    )
    return [part for part in parts if part]
