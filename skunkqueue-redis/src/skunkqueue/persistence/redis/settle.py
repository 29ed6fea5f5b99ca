"""Handing in outcomes: what is stale, what is finished, what runs again, and what follows; all by one script.

Three scripts do it. Most outcomes are final, and then ``settle_finished`` takes them in chunks; ``settle_follow`` also puts
in what follows them. All other outcomes go one by one to ``settle_any``.
"""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.ids import new_id
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.redis import chunks, reading, wire
from skunkqueue.persistence.redis.following import following_of, refire_of
from skunkqueue.persistence.redis.groups import groups_of
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.records import end_of
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.records import FINAL_STATES, Outcome, Record, Verdict

_SETTLE_FINISHED, _SETTLE_FOLLOW, _SETTLE_ANY = map(load, ("settle_finished", "settle_follow", "settle_any"))
_FINAL = frozenset(verdict for verdict in Verdict if verdict.state in FINAL_STATES)


def settle(link: Link, outcomes: Sequence[Outcome]) -> list[str]:
    """Settle what is not stale, with all that follows from it; return the ids of the stale outcomes."""
    if not outcomes:
        return []
    whole = _completed(link, outcomes)
    follows = False
    # One pass, as a worker settles hundreds at once.
    for outcome in whole:
        verdict = outcome.verdict
        if verdict is not Verdict.COMPLETE and verdict not in _FINAL:
            return _settle_any(link, whole)
        if outcome.follow or outcome.refire is not None:
            follows = True
    if len({outcome.id for outcome in whole}) < len(whole):
        return _settle_any(link, whole)
    return _settle_finished(link, whole, follows=follows)


def _completed(link: Link, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Add to outcomes what they do not say of their claims. Workers of other versions leave that out."""
    missing = [outcome.id for outcome in outcomes if not outcome.queue]
    if not missing:
        return list(outcomes)
    known: dict[str, Record] = {}
    for start in range(0, len(missing), MAX_PAGE):
        found = reading.get(link, missing[start : start + MAX_PAGE])
        known.update({record.id: record for record in found if record is not None})
    return [
        rules.with_claim(outcome, known[outcome.id]) if not outcome.queue and outcome.id in known else outcome
        for outcome in outcomes
    ]


def _settle_finished(link: Link, outcomes: list[Outcome], *, follows: bool) -> list[str]:
    """Settle final outcomes. Where some are stale, the server changes nothing and names them; then the others go again."""
    stale: list[str] = []
    while outcomes:
        blobs = wire.Blobs()
        groups = chunks.groups_of(outcomes, blobs)
        if follows:
            following = following_of(outcomes, blobs)
            reply = link.call(_SETTLE_FOLLOW, groups, *following, blobs=blobs, kept=True)
        else:
            reply = link.call(_SETTLE_FINISHED, groups, blobs=blobs, kept=True)
        if reply == wire.NOTHING:
            return stale
        found = wire.as_ids(reply)
        stale += found
        refused = set(found)
        outcomes = [outcome for outcome in outcomes if outcome.id not in refused]
    return stale


def _settle_any(link: Link, outcomes: list[Outcome]) -> list[str]:
    """Settle outcomes of all verdicts, one by one."""
    names: dict[tuple[chunks.Shared, str, int], str] = {}
    items, follows, refires = [], [], []
    blobs = wire.Blobs()
    for number, outcome in enumerate(outcomes, 1):
        verdict = outcome.verdict
        end: int | bool = False
        chunk = ""
        if verdict in _FINAL:
            shared = (outcome.token, verdict, outcome.ttl)
            chunk = names.setdefault((shared, outcome.job, number // chunks.LARGEST), new_id())
            end = blobs.put(end_of(outcome, chunk, verdict.value))
        counted = chunks.counted(verdict, [outcome])
        items.append(
            (
                outcome.id,
                wire.token(outcome.token),
                verdict.value,
                end,
                chunk,
                rules.kept_for(verdict.state, outcome.ttl),
                False if outcome.due is None else outcome.due,
                float(outcome.delay),
                blobs.maybe(outcome.attempt_state),
                [part for pair in counted.items() for part in pair],
                outcome.job,
                [mark for mark, _ in chunks.marks_of([outcome])],
                outcome.error or False,
                outcome.began is not None,
            )
        )
        follows += [(number, group) for group in groups_of(outcome.follow, blobs)]
        if outcome.refire is not None:
            refires.append((number, refire_of(outcome.refire, blobs, {})))
    return wire.as_ids(link.call(_SETTLE_ANY, items, follows, refires, blobs=blobs, kept=True))
