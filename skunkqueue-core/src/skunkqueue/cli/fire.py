"""``skunq fire``: fire a job from the command line, with arguments as JSON."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from skunkqueue.call import Call
from skunkqueue.cli import exits
from skunkqueue.cli.acting import who
from skunkqueue.cli.connection import connection_options, existing
from skunkqueue.cli.moments import Duration, Moment, MomentType
from skunkqueue.cli.options import option
from skunkqueue.cli.output import document, json_option, note, say
from skunkqueue.cli.text import clean, cut
from skunkqueue.config import open_backend
from skunkqueue.control import Control
from skunkqueue.errors import (
    FiringFailedError,
    NotAJobError,
    PayloadError,
    UnknownFiringError,
    WaitTimeoutError,
)
from skunkqueue.handle import JobHandle, too_late
from skunkqueue.ids import new_id
from skunkqueue.imports import Gate
from skunkqueue.job import Job
from skunkqueue.mixin import is_class_job
from skunkqueue.persistence.backend import BackendConfig
from skunkqueue.pools import NOTHING
from skunkqueue.queue import SkunkQueue
from skunkqueue.records import State
from skunkqueue.show import brief, shown
from skunkqueue.times import When

MAX_SHOWN = 4_000
"""Characters of a result shown to people; ``--json`` gives all."""


class _Ending(NamedTuple):
    """What became of a firing that was waited for."""

    id: str
    state: State | None
    """``None``: the store does not know it any more."""
    error: str | None = None
    """Why it failed, for programs."""
    told: str | None = None
    """The same for people, or that it is not finished; ``None``: it has a result."""
    result: Any = None


@click.command()
@click.argument("job", metavar="MODULE:JOB")
@click.argument("args", metavar="[ARG...]", nargs=-1)
@option("--kwargs", metavar="JSON", help="Arguments by name, as a JSON object: '{\"count\": 3}'.")
@option("-q", "--queue", metavar="QUEUE", help="Fire on this queue. Default: the job's own.")
@click.option(
    "-r", "--route", "routes", multiple=True, metavar="ROUTE", help="Not on the job's own; repeatable."
)
@option("--in", "delay", type=Duration(), metavar="TIME", help="Begin after this: 30s, 2h, 1d.")
@option("--at", "moment", type=MomentType(), metavar="TIME", help="Begin then: ISO 8601.")
@option("--priority", type=click.IntRange(0, 9), metavar="N", help="Not with the job's own; 9 is first.")
@option("--key", metavar="KEY", help="Idempotency key.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag, by which it is found; repeatable.")
@click.option(
    "--path",
    "paths",
    multiple=True,
    type=click.Path(exists=True, file_okay=False),
    help="Folder of your jobs' code, beside the working directory; repeatable.",
)
@click.option(
    "--allow", multiple=True, metavar="PACKAGE", help="Installed package that has the job; repeatable."
)
@click.option("--wait", is_flag=True, help="Wait for its result, and print it.")
@option("--timeout", type=Duration(), metavar="TIME", help="How long --wait waits. Default: no limit.")
@option("--why", metavar="TEXT", help="Why; `skunq audit` shows it.")
@json_option
@connection_options
@click.pass_context
def fire(
    ctx: click.Context,
    *,
    job: str,
    args: tuple[str, ...],
    kwargs: str | None,
    queue: str | None,
    routes: tuple[str, ...],
    delay: float | None,
    moment: Moment | None,
    priority: int | None,
    key: str | None,
    tags: tuple[str, ...],
    paths: tuple[str, ...],
    allow: tuple[str, ...],
    wait: bool,
    timeout: float | None,
    why: str | None,
    as_json: bool,
    url: str | None,
    backend: str | None,
) -> None:
    """Fire a job: fire shop:sell 4 '"apples"' --kwargs '{"gift": true}'.

    Each ARG is JSON; what is not JSON is taken as a string. The job's module is imported as a worker would do it, and the
    arguments are checked against its signature. Prints the id.
    """
    if delay is not None and moment is not None:
        ctx.fail("give either --in or --at")
    if moment is not None and moment.ago is not None:
        ctx.fail("--at takes a moment such as 2026-11-28T09:30; for a delay, write --in")
    if timeout is not None and not wait:
        ctx.fail("--timeout says how long --wait waits: add --wait")
    when = delay if moment is None else _as_datetime(moment.at)
    rules: dict[str, Any] = {
        "routes": list(routes),
        "priority": priority,
        "idempotency_key": key,
        "tags": list(tags),
    }
    call = _called(ctx, _find(job, paths, allow), args, kwargs)
    call = call.options(**{name: value for name, value in rules.items() if value not in (None, [])})
    with _queue(ctx, call, queue, url, backend) as opened:
        handle, known = _fired(opened, call, when, why)
        for id_ in known:
            note(f"not fired: {id_} was fired before with the same idempotency key")
        if wait:
            _wait(ctx, opened, handle, timeout, as_json=as_json)
        elif as_json:
            document({"ids": [one.id for one in handle.copies], "fired_before": known})
        else:
            for one in handle.copies:
                say(one.id)


def _find(job: str, paths: tuple[str, ...], allow: tuple[str, ...]) -> Any:
    """Import a job as a worker would. Raises JobNotFoundError, and NotAJobError for what is not a job."""
    module, colon, qualname = job.partition(":")
    if not colon or not qualname:
        msg = f"{job!r} does not name a job by its place: write MODULE:JOB, such as shop.jobs:sell, also for one with a name of its own"
        raise click.UsageError(msg)
    sys.path[:0] = [str(Path.cwd()), *paths]
    found = Gate(paths, allow, worker=True, command="`skunq fire`").find(module, qualname)
    if isinstance(found, Job):
        return found
    if is_class_job(found):
        try:
            return found()
        except TypeError as error:
            msg = f"{job} needs arguments to be made an object ({error}): fire it from Python"
            raise NotAJobError(msg) from error
    msg = f"{job} is not a job: mark the function with @queue.job first"
    raise NotAJobError(msg)


def _called(ctx: click.Context, job: Any, args: tuple[str, ...], kwargs: str | None) -> Call[Any]:
    named: Any = {}
    if kwargs is not None:
        try:
            named = json.loads(kwargs)
        except ValueError as error:
            ctx.fail(f"--kwargs is not JSON: {error}")
        except RecursionError:
            ctx.fail(f"--kwargs is nested too deep: {brief(kwargs)}")
        if not isinstance(named, dict):
            ctx.fail("--kwargs must be a JSON object, such as '{\"count\": 3}'")
    call: Call[Any] = job(*(_value(ctx, arg) for arg in args), **named)
    if call.target is not None:
        # Before a store is opened.
        call.target.check(call.args, call.kwargs)
    return call


def _value(ctx: click.Context, text: str) -> Any:
    """Read an argument as JSON; a word that is not JSON is itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
    except RecursionError:
        ctx.fail(f"an argument is nested too deep: {brief(text)}")


def _queue(
    ctx: click.Context, call: Call[Any], name: str | None, url: str | None, backend: str | None
) -> SkunkQueue:
    """Make the queue to fire on: the job's own, unless another name or another store is asked for."""
    own = call.memory.queue
    config: BackendConfig = existing(url, backend, brief=False)
    if url is None and backend is None and isinstance(own, SkunkQueue):
        # What the job's code names is made where it is missing, as by any firing; what the environment does may be mistyped.
        is_typed = config.url is not None and own.config == msgspec.structs.replace(config, create=True)
        config = msgspec.structs.replace(own.config, create=not is_typed)
    if name is None and not isinstance(own, SkunkQueue):
        ctx.fail(f"{call.name} belongs to no queue: add -q QUEUE")
    # Raises where there is no store and none is to be made.
    open_backend(config).close()
    settings: dict[str, Any] = dict(config.options)
    if isinstance(own, SkunkQueue):
        settings["max_payload"] = own.max_payload
        name = own.name if name is None else name
    return SkunkQueue(
        name or "", backend=config.backend, conn_url=config.url, dbname=config.dbname, **settings
    )


def _fired(
    queue: SkunkQueue, call: Call[Any], when: When | None, why: str | None
) -> tuple[JobHandle[Any], list[str]]:
    """Fire it; return its handle, and the ids of firings that have its idempotency key and were there before."""
    with Control(queue.backend, who(), why).action("fire", f"{call.name} in queue {queue.name}") as action:
        # What this process fires has a larger id.
        first = new_id()
        handle = queue.fire_call(call, when)
        ids = [one.id for one in handle.copies]
        known = [id_ for id_ in ids if id_ < first]
        fired = [id_ for id_ in ids if id_ >= first]
        words = [f"fired {', '.join(fired)}"] if fired else []
        words += [f"its idempotency key is that of {', '.join(known)}"] if known else []
        action.finish(("" if fired else NOTHING) + "; ".join(words))
    return handle, known


def _wait(
    ctx: click.Context, queue: SkunkQueue, handle: JobHandle[Any], timeout: float | None, *, as_json: bool
) -> None:
    """Wait for the results of all copies, and print them."""
    copies = handle.copies
    if len(copies) == 1:
        ended = [_ending(handle, timeout)]
    else:
        # What becomes of each is looked at afterwards.
        with suppress(WaitTimeoutError):
            queue.results(copies, timeout, errors=True)
        ended = [_ending_now(queue, one, timeout) for one in copies]
    if as_json:
        found = [
            {"id": one.id, "state": one.state and one.state.value, "error": one.error, "result": one.result}
            for one in ended
        ]
        document(found[0] if len(found) == 1 else {"firings": found})
    for one in ended:
        if one.told is not None:
            note(one.told)
        elif not as_json:
            result = clean(cut(shown(one.result), MAX_SHOWN))
            say(result if len(ended) == 1 else f"{one.id}: {result}")
    if any(one.told is not None for one in ended):
        ctx.exit(exits.NOTHING)


def _ending(one: JobHandle[Any], timeout: float | None) -> _Ending:
    """Wait for one firing."""
    try:
        return _Ending(one.id, State.COMPLETE, result=one.wait(timeout))
    except FiringFailedError as error:
        return _Ending(one.id, error.state, f"{error.kind}: {error.message}", str(error))
    except WaitTimeoutError as error:
        return _Ending(one.id, one.state, None, str(error))


def _ending_now(queue: SkunkQueue, one: JobHandle[Any], patience: float | None) -> _Ending:
    """Look at one of several, which were waited for; what is wrong with it must not hide the others."""
    try:
        found = _ending(one, 0.0)
    except (UnknownFiringError, PayloadError) as error:
        return _Ending(one.id, one.state, str(error), str(error))
    if found.state is None or found.state.final:
        return found
    return found._replace(told=too_late(queue.backend, one.id, found.state, patience or 0.0))


def _as_datetime(at: float) -> datetime:
    return datetime.fromtimestamp(at, timezone.utc)
