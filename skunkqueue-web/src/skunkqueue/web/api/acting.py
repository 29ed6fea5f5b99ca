"""What the API changes: firings, routes, schedules, workers and pools, each with its entry in the audit log."""

from __future__ import annotations

import msgspec
from flask import abort
from msgspec import UnsetType

from skunkqueue.bulk import Bulk, describe
from skunkqueue.control import Control
from skunkqueue.web import operations, searching, source
from skunkqueue.web.api.bodies import JobsOrder, Matching, Reason, RouteOrder, ScheduleOrder
from skunkqueue.web.api.endpoints import Answered, endpoint, some
from skunkqueue.web.api.firings import query_of
from skunkqueue.web.api.operations import operation_of
from skunkqueue.web.api.structs import operations as structs
from skunkqueue.web.redaction import redactor
from skunkqueue.web.rights import Right

_JOBS: dict[int, type[msgspec.Struct]] = {200: structs.Outcomes, 202: structs.Begun}


@endpoint("POST", "/jobs/kill", Right.ACT, _JOBS, body=JobsOrder)
def kill_jobs(order: JobsOrder) -> structs.Outcomes:
    """Kill firings: pending ones at once, running ones by an interruption."""
    return _do("kill", order)


@endpoint("POST", "/jobs/requeue", Right.ACT, _JOBS, body=JobsOrder)
def requeue_jobs(order: JobsOrder) -> structs.Outcomes:
    """Make finished firings pending again."""
    return _do("requeue", order)


@endpoint("POST", "/jobs/run", Right.ACT, _JOBS, body=JobsOrder)
def run_jobs(order: JobsOrder) -> structs.Outcomes:
    """Make pending firings due now."""
    return _do("run_now", order)


@endpoint("POST", "/jobs/delete", Right.ADMIN, _JOBS, body=JobsOrder)
def delete_jobs(order: JobsOrder) -> structs.Outcomes:
    """Remove firings, pending or finished."""
    return _do("delete", order)


@endpoint("POST", "/operations/{id_}/stop", Right.ACT, {202: structs.OperationAnswer}, body=Reason)
def stop_operation(reason: Reason, id_: str) -> structs.OperationAnswer:
    """Tell an operation to end after the firings it is at."""
    operations.stop(id_, _control(reason.why))
    found = operations.current().get(id_)
    if found is None:
        abort(
            404,
            f"this process of the monitor does not know the operation {id_[:64]!r} (any more): the audit log has what it did",
        )
    return operation_of(found)


@endpoint("POST", "/routes/pause", Right.ACT, {200: structs.Changed}, body=RouteOrder)
def pause_route(order: RouteOrder) -> structs.Changed:
    """Let workers begin nothing more on a route, or in a queue."""
    _control(order.why).pause(order.queue, some(order.route))
    return _changed(is_so=True)


@endpoint("POST", "/routes/resume", Right.ACT, {200: structs.Changed}, body=RouteOrder)
def resume_route(order: RouteOrder) -> structs.Changed:
    """End a pause."""
    _control(order.why).resume(order.queue, some(order.route))
    return _changed(is_so=True)


@endpoint("POST", "/routes/purge", Right.ADMIN, {200: structs.Removed}, body=RouteOrder)
def purge_route(order: RouteOrder) -> structs.Removed:
    """Remove all that is pending on a route, or in a queue."""
    removed = _control(order.why).purge(order.queue, some(order.route))
    source.current().note_change()
    return structs.Removed(removed=removed)


@endpoint("POST", "/schedules/run", Right.ACT, {200: structs.Changed}, body=ScheduleOrder)
def run_schedule(order: ScheduleOrder) -> structs.Changed:
    """Have a schedule's next run begin at once."""
    return _changed(is_so=_control(order.why).run_schedule(order.queue, order.name))


@endpoint("POST", "/schedules/pause", Right.ACT, {200: structs.Changed}, body=ScheduleOrder)
def pause_schedule(order: ScheduleOrder) -> structs.Changed:
    """Plan no more runs until it is resumed."""
    return _changed(is_so=_control(order.why).pause_schedule(order.queue, order.name))


@endpoint("POST", "/schedules/resume", Right.ACT, {200: structs.Changed}, body=ScheduleOrder)
def resume_schedule(order: ScheduleOrder) -> structs.Changed:
    """End a schedule's pause."""
    return _changed(is_so=_control(order.why).resume_schedule(order.queue, order.name))


@endpoint("POST", "/schedules/remove", Right.ADMIN, {200: structs.Changed}, body=ScheduleOrder)
def remove_schedule(order: ScheduleOrder) -> structs.Changed:
    """Forget a schedule and its history."""
    _control(order.why).remove_schedule(order.queue, order.name)
    return _changed(is_so=True)


@endpoint("POST", "/workers/{id_}/quiet", Right.ADMIN, {202: structs.Sent}, body=Reason)
def quiet_worker(reason: Reason, id_: str) -> structs.Sent:
    """Tell a worker to begin nothing more, and stay."""
    return _sent(_control(reason.why).quiet_worker(id_))


@endpoint("POST", "/workers/{id_}/resume", Right.ADMIN, {202: structs.Sent}, body=Reason)
def resume_worker(reason: Reason, id_: str) -> structs.Sent:
    """Tell a quiet worker to go on."""
    return _sent(_control(reason.why).resume_worker(id_))


@endpoint("POST", "/workers/{id_}/stop", Right.ADMIN, {202: structs.Sent}, body=Reason)
def stop_worker(reason: Reason, id_: str) -> structs.Sent:
    """Tell a worker to end after its job."""
    return _sent(_control(reason.why).stop_worker(id_))


@endpoint("POST", "/workers/{id_}/rough", Right.ADMIN, {202: structs.Sent}, body=Reason)
def stop_worker_roughly(reason: Reason, id_: str) -> structs.Sent:
    """Tell a worker to interrupt its job and end."""
    return _sent(_control(reason.why).stop_worker(id_, rough=True))


@endpoint("POST", "/workers/{id_}/restart", Right.ADMIN, {202: structs.Sent}, body=Reason)
def restart_worker(reason: Reason, id_: str) -> structs.Sent:
    """Replace a worker by another after its job."""
    return _sent(_control(reason.why).restart_worker(id_))


@endpoint("POST", "/pools/{id_}/quiet", Right.ADMIN, {202: structs.Sent}, body=Reason)
def quiet_pool(reason: Reason, id_: str) -> structs.Sent:
    """Tell a pool to begin nothing more, and stay."""
    return _sent(_control(reason.why).quiet_pool(id_))


@endpoint("POST", "/pools/{id_}/resume", Right.ADMIN, {202: structs.Sent}, body=Reason)
def resume_pool(reason: Reason, id_: str) -> structs.Sent:
    """Tell a quiet pool to go on."""
    return _sent(_control(reason.why).resume_pool(id_))


@endpoint("POST", "/pools/{id_}/stop", Right.ADMIN, {202: structs.Sent}, body=Reason)
def stop_pool(reason: Reason, id_: str) -> structs.Sent:
    """Tell a pool to end after its workers' jobs."""
    return _sent(_control(reason.why).stop_pool(id_))


@endpoint("POST", "/pools/{id_}/rough", Right.ADMIN, {202: structs.Sent}, body=Reason)
def stop_pool_roughly(reason: Reason, id_: str) -> structs.Sent:
    """Tell a pool to interrupt its workers' jobs and end."""
    return _sent(_control(reason.why).stop_pool(id_, rough=True))


@endpoint("POST", "/pools/{id_}/restart", Right.ADMIN, {202: structs.Sent}, body=Reason)
def restart_pool(reason: Reason, id_: str) -> structs.Sent:
    """Tell a pool to replace its workers one after another."""
    return _sent(_control(reason.why).restart_pool(id_))


# --- how it is done ---------------------------------------------------------------------------------


def _control(why: str | UnsetType) -> Control:
    return source.current().control(some(why) or None)


def _changed(*, is_so: bool) -> structs.Changed:
    source.current().note_change()
    return structs.Changed(changed=is_so)


def _sent(entry: str) -> structs.Sent:
    source.current().note_change()
    return structs.Sent(entry=entry)


def _do(verb: str, order: JobsOrder) -> structs.Outcomes:
    named, wanted = some(order.ids), some(order.filter)
    if (named is None) == (wanted is None):
        abort(400, "say which firings: give ids, or a filter, and not both")
    if wanted is not None:
        raise Answered(202, _begin(verb, wanted, order.why))
    found = _control(order.why).act(verb, list(dict.fromkeys(named or ())))
    source.current().note_change()
    return structs.Outcomes(
        done=sum(each.done for each in found),
        outcomes=[structs.OutcomeAnswer(id=each.id, done=each.done, state=each.state) for each in found],
    )


def _begin(verb: str, wanted: Matching, why: str | UnsetType) -> structs.Begun:
    """Count what matches, and begin to do it in the background."""
    query = query_of(wanted)
    if wanted == Matching():
        abort(400, "an empty filter would mean every firing: give it a field, such as all the states")
    here, text = source.current(), some(wanted.text)
    keep = searching.keeping(here.backend, text, redactor())
    control = _control(why)
    words = searching.in_words(text)
    bulk = Bulk(control, verb, query, keep=keep, keeps=words)
    matched = bulk.count()
    about = f"{describe(query)} {words}".rstrip()
    operation = operations.current().start(bulk, control.who, f"{verb}: {about}")
    here.note_change()
    return structs.Begun(
        operation=operation.id, matched=structs.CountAnswer(number=matched.number, exact=matched.exact)
    )
