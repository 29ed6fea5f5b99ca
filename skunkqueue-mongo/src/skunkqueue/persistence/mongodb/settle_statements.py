"""The statements that settle outcomes: outcomes that are alike share one. Pure; knows no connection."""

from __future__ import annotations

from typing import Any

from pymongo import UpdateMany

from skunkqueue.persistence import listing, rules
from skunkqueue.persistence.mongodb.documents import LIVE_ONLY, waits_again
from skunkqueue.persistence.mongodb.outbox import entry_of
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.server_time import Moment
from skunkqueue.records import Outcome, Verdict

_ROOM = 4 << 20
"""Bytes of results and attempt states in one statement, of the 16 MiB that it may have."""
_LARGEST = 100
"""Outcomes in one statement. The server looks each of them up in a list from its beginning: 500 take half as long again."""


def statement(moment: Moment, group: list[Outcome], nonce: str) -> UpdateMany:
    """Make the statement that settles outcomes of one kind."""
    first = group[0]
    ids = [outcome.id for outcome in group]
    mine = {"_id": {"$in": ids}, "token": first.token, "state": "running"}
    verdict = first.verdict
    # ``settled`` holds the nonce, since no claim overwrites it.
    change: Document = {"state": verdict.state.value, "settled": nonce}
    gone: list[str] = []
    if verdict.state.final:
        ttl = rules.kept_for(verdict.state, first.ttl)
        # A firing with an outbox must not be removed before the outbox is delivered.
        gone_at = "gone" if not (first.follow or first.refire) else "gone_then"
        change |= {"finished": moment.now, gone_at: moment.date_after(ttl)}
        change["began"] = _each(ids, [outcome.began for outcome in group])
        change["result"] = _each(ids, [outcome.result for outcome in group])
        change["took"] = None
        if first.began is not None:
            change["took"] = _each(ids, [outcome.took for outcome in group])
        gone += LIVE_ONLY
    elif verdict is not Verdict.ADVANCE:
        change["rung"] = waits_again()
        gone.append("lease")
        again = listing.again_after(verdict)
        if again is None:
            gone.append("again")
        else:
            change["again"] = again
        if not rules.keeps_place(first):
            change["due"] = moment.after(first.delay) if first.due is None else float(first.due)
    change |= _for_listings(ids, group)
    if first.attempt_state is not None:
        change["carry"] = _each(ids, [outcome.attempt_state for outcome in group])
    if first.follow or first.refire is not None:
        entry = {"$mergeObjects": [{"$literal": entry_of(first, nonce)}, {"at": moment.now}]}
        # An earlier entry may still be there, if the process that wrote it died.
        change["outbox"] = {"$concatArrays": [{"$ifNull": ["$outbox", []]}, [entry]]}
        change["owed"] = {"$ifNull": ["$owed", moment.now]}
    update: list[Document] = [{"$set": change}]
    if gone:
        update.append({"$unset": gone})
    return UpdateMany(mine, update, hint="_id_")


def grouped(outcomes: list[Outcome]) -> list[list[Outcome]]:
    """Group outcomes that one statement can settle, none of them too long."""
    kinds: dict[tuple[Any, ...], list[Outcome]] = {}
    last: list[Outcome] = []
    rooms: dict[tuple[Any, ...], int] = {}
    groups: list[list[Outcome]] = []
    for outcome in outcomes:
        kind = _kind(outcome)
        size = len(outcome.result or b"") + len(outcome.attempt_state or b"")
        last = kinds.get(kind, [])
        if not last or len(last) == _LARGEST or size > rooms[kind]:
            last = kinds[kind] = []
            rooms[kind] = _ROOM
            groups.append(last)
        rooms[kind] -= size
        last.append(outcome)
    return groups


def _kind(outcome: Outcome) -> tuple[Any, ...]:
    """Return what outcomes must have in common for one statement."""
    verdict = outcome.verdict
    final = verdict.state.final
    alone = outcome.id if outcome.follow or outcome.refire is not None else ""
    return (
        outcome.token,
        verdict.value,
        outcome.ttl or 0.0 if final else 0.0,
        outcome.ttl is None,
        -1.0 if outcome.due is None or final else outcome.due,
        0.0 if final else outcome.delay,
        outcome.attempt_state is not None,
        outcome.began is not None,
        outcome.error is not None,
        alone,
    )


def _for_listings(ids: list[str], group: list[Outcome]) -> Document:
    """Set what only listings show: how often it was tried, and why it failed."""
    change: Document = {}
    if group[0].began is not None and group[0].verdict is not Verdict.ADVANCE:
        change["tries"] = {"$add": [{"$ifNull": ["$tries", 0]}, 1]}
    if group[0].error is not None:
        change["error"] = _each(ids, [outcome.error for outcome in group])
        change["error_type"] = _each(ids, [listing.error_type(outcome.error) for outcome in group])
    return change


def _each(ids: list[str], values: list[Any]) -> Any:
    """Give every document its own of these values; the server looks the ids up in a table."""
    if all(value == values[0] for value in values):
        return {"$literal": values[0]}
    return {"$arrayElemAt": [{"$literal": values}, {"$indexOfArray": [{"$literal": ids}, "$_id"]}]}
