"""Handing outcomes in.

An outcome is one write of one document, under its token, and takes with it what follows (the next firings, the
next run of a schedule) into the firing's *outbox*. Once that is written all of it will happen: the settling process
does it at once and strikes it out, and where it dies before that, whoever waits or sweeps next does.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Any

import msgspec
from pymongo import UpdateMany

from skunkqueue.counters import tally_batch
from skunkqueue.persistence import listing, rules
from skunkqueue.persistence.mongodb.arming import Arming
from skunkqueue.persistence.mongodb.claiming import rung
from skunkqueue.persistence.mongodb.documents import LIVE_ONLY, place_of, stored, unstored
from skunkqueue.persistence.mongodb.link import Link
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.records import Outcome, Refire, Verdict

_ENDLESS = 1e9
"""Seconds; a longer wait counts as this, lest sums of hand-made ones be no numbers."""
_ROOM = 4 << 20
"""Bytes of results and attempt states in one statement, of 16 MiB that it may have."""
_LARGEST = 100
"""Outcomes in one statement, which looks each of them up in a list, from its beginning: 500 cost the server half as much again."""

Held = tuple[str, str, str, float]
"""Queue, route, job and due time of a firing."""


class Settling(Arming, ABC):
    """``settle``, and emptying outboxes."""

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in outcomes; see ``Backend.settle``."""
        stale: list[str] = []
        for batch in _without_repeats(outcomes):
            stale += self._settle(batch)
        return stale

    def _settle(self, outcomes: list[Outcome]) -> list[str]:
        link = self._link
        known = self._learn_held(outcomes)
        nonce = self._nonce()
        writes = [_write(link, group, nonce) for group in _alike(outcomes)]
        done = link.run(link.firings.bulk_write, writes, ordered=False)
        stale: list[str] = []
        if done.matched_count != len(outcomes):
            # Some are stale, or this is the second try and the first was done.
            marked = {"_id": {"$in": [outcome.id for outcome in outcomes]}, "settled": nonce}
            fresh = {one["_id"] for one in link.find(link.firings, marked, {"_id": True}, hint="_id_")}
            stale = [outcome.id for outcome in outcomes if outcome.id not in fresh]
            outcomes = [outcome for outcome in outcomes if outcome.id in fresh]
        debts = [
            (outcome.id, _debt(outcome, nonce))
            for outcome in outcomes
            if outcome.follow or outcome.refire is not None
        ]
        if debts:
            self._do_what_follows(debts, link.about_now())
        self._tell_of(outcomes, known)
        return stale

    def _learn_held(self, outcomes: Sequence[Outcome]) -> dict[str, Held]:
        """Tell the places, jobs and due times of firings; ask for those whose outcomes do not say."""
        held, known, missing = self._held, {}, []
        for outcome in outcomes:
            if outcome.verdict is not Verdict.ADVANCE:
                held.pop(outcome.id, None)
            if outcome.queue and outcome.was_due is not None:
                known[outcome.id] = (outcome.queue, outcome.route, outcome.job, outcome.was_due)
            else:
                missing.append(outcome.id)
        for start in range(0, len(missing), 1_000):
            wanted = {"_id": {"$in": missing[start : start + 1_000]}, "state": "running"}
            shown = {"queue": True, "route": True, "job": True, "due": True}
            for one in self._link.find(self._link.firings, wanted, shown):
                known[one["_id"]] = (one["queue"], one["route"], one.get("job", ""), one["due"])
        return known

    def _tell_of(self, outcomes: Sequence[Outcome], known: dict[str, Held]) -> None:
        """Count what was settled, and wake those who wait for it."""
        numbers: dict[tuple[str, str, str], dict[str, float]] = {}
        places, ended = set(), []
        by: dict[tuple[str, str, str, Verdict], tuple[list[Outcome], list[float]]] = {}
        for outcome in outcomes:
            verdict = outcome.verdict
            if verdict.state.final:
                ended.append(outcome.id)
            if outcome.id not in known:
                # A second try, whose first did it, of one that was not known.
                continue
            queue, route, job, due = known[outcome.id]
            some, waits = by.setdefault((queue, route, job, verdict), ([], []))
            some.append(outcome)
            if outcome.began is not None:
                waits.append(min(max(outcome.began - due, 0.0), _ENDLESS))
            if not verdict.state.final and verdict is not Verdict.ADVANCE:
                places.add(place_of(queue, route))
        for (queue, route, job, verdict), (some, waits) in by.items():
            tooks = [min(outcome.took, _ENDLESS) for outcome in some if outcome.began is not None]
            tally_batch(numbers.setdefault((queue, route, job), {}), verdict, len(some), waits, tooks)
        self._bells.ring(places, ended)
        self._count(numbers)

    # --- what follows -----------------------------------------------------------------------------

    def _do_what_follows(self, debts: Sequence[tuple[str, Document]], now: float) -> None:
        """Do what follows from settled firings, and strike it out of their outboxes; may be done twice.

        ``debts``: ids of firings, each with what one call of ``settle`` has left in its outbox.
        """
        refires = [(id_, debt["refire"]) for id_, debt in debts if "refire" in debt]
        if refires:
            self._refire_each(refires, now)
        follow = [unstored(one) for _, debt in debts for one in debt.get("follow", ())]
        if follow:
            self._list_routes(follow)
            self._put_in(follow, now)
        marks: dict[str, list[str]] = {}
        for id_, debt in debts:
            marks.setdefault(debt["mark"], []).append(id_)
        for mark, ids in marks.items():
            self._strike_out(ids, mark)

    def _strike_out(self, ids: Sequence[str], mark: str) -> None:
        """Strike what has this mark out of outboxes."""
        link = self._link
        left = {"$filter": {"input": "$outbox", "cond": {"$ne": ["$$this.mark", mark]}}}
        none_left = {"$eq": [{"$size": "$outbox"}, 0]}
        struck: list[Document] = [
            {"$set": {"outbox": left}},
            {
                "$set": {
                    "gone": {"$cond": [none_left, {"$ifNull": ["$gone_then", "$gone", "$$REMOVE"]}, "$gone"]},
                    **{
                        name: {"$cond": [none_left, "$$REMOVE", f"${name}"]}
                        for name in ("outbox", "owed", "gone_then")
                    },
                }
            },
        ]
        owing = {"_id": {"$in": ids}, "outbox": {"$exists": True}}
        link.run(link.firings.update_many, owing, struck, hint="_id_")


def _without_repeats(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Cut where a firing comes again, since the steps of one firing are settled one after the other."""
    if len({outcome.id for outcome in outcomes}) == len(outcomes):
        return [list(outcomes)] if outcomes else []
    batches: list[list[Outcome]] = [[]]
    seen: set[str] = set()
    for outcome in outcomes:
        if outcome.id in seen:
            batches.append([])
            seen.clear()
        seen.add(outcome.id)
        batches[-1].append(outcome)
    return batches


def _kind(outcome: Outcome) -> tuple[Any, ...]:
    """Tell what outcomes must have in common to be written in one statement."""
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


def _alike(outcomes: list[Outcome]) -> list[list[Outcome]]:
    """Sort outcomes into those that one statement settles, none of which is too long."""
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


def _write(link: Link, group: list[Outcome], nonce: str) -> UpdateMany:
    """Make the statement that settles outcomes of one kind."""
    first = group[0]
    ids = [outcome.id for outcome in group]
    mine = {"_id": {"$in": ids}, "token": first.token, "state": "running"}
    moment = link.moment
    verdict = first.verdict
    # A word that no claim overwrites.
    change: Document = {"state": verdict.state.value, "settled": nonce}
    gone: list[str] = []
    if verdict.state.final:
        ttl = rules.kept_for(verdict.state, first.ttl)
        # One that owes something is not to be removed before it has paid.
        gone_at = "gone" if not (first.follow or first.refire) else "gone_then"
        change |= {"finished": moment.now, gone_at: moment.date_after(ttl)}
        change["began"] = _each(ids, [outcome.began for outcome in group])
        change["result"] = _each(ids, [outcome.result for outcome in group])
        change["took"] = None
        if first.began is not None:
            change["took"] = _each(ids, [outcome.took for outcome in group])
        gone += LIVE_ONLY
    elif verdict is not Verdict.ADVANCE:
        change["rung"] = rung()
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
        debt = {"$mergeObjects": [{"$literal": _debt(first, nonce)}, {"at": moment.now}]}
        # An earlier one may still be there, if its debtor died.
        change["outbox"] = {"$concatArrays": [{"$ifNull": ["$outbox", []]}, [debt]]}
        change["owed"] = {"$ifNull": ["$owed", moment.now]}
    update: list[Document] = [{"$set": change}]
    if gone:
        update.append({"$unset": gone})
    return UpdateMany(mine, update, hint="_id_")


def _for_listings(ids: list[str], group: list[Outcome]) -> Document:
    """Make what only people ask for: how often it was tried, and why it failed."""
    change: Document = {}
    if group[0].began is not None and group[0].verdict is not Verdict.ADVANCE:
        change["tries"] = {"$add": [{"$ifNull": ["$tries", 0]}, 1]}
    if group[0].error is not None:
        change["error"] = _each(ids, [outcome.error for outcome in group])
        change["error_type"] = _each(ids, [listing.error_type(outcome.error) for outcome in group])
    return change


def _each(ids: list[str], values: list[Any]) -> Any:
    """Give every document its own of these values; the server keeps the list of ids as a table."""
    if all(value == values[0] for value in values):
        return {"$literal": values[0]}
    return {"$arrayElemAt": [{"$literal": values}, {"$indexOfArray": [{"$literal": ids}, "$_id"]}]}


def _debt(outcome: Outcome, mark: str) -> Document:
    """Write down what follows from an outcome, under the mark of the call that settles it."""
    debt: Document = {"mark": mark}
    if outcome.follow:
        debt["follow"] = [stored(firing) for firing in outcome.follow]
    if outcome.refire is not None:
        debt["refire"] = _stored_refire(outcome.refire)
    return debt


def _stored_refire(refire: Refire) -> Document:
    run = msgspec.structs.asdict(refire.run)
    made: Document = {
        "queue": refire.queue,
        "name": refire.name,
        "generation": refire.generation,
        "state": refire.state,
        "late": run.pop("late"),
        "run": run,
    }
    if refire.firing is not None:
        made["firing"] = stored(refire.firing)
    return made
