"""The verbs of the hot path over Redis: each is one call of one script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skunkqueue.counters import tally, tally_batch
from skunkqueue.ids import new_id
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import HISTORY_LENGTH, MAX_PAGE
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.administration import Administration
from skunkqueue.persistence.redis.asking import Asking
from skunkqueue.persistence.redis.claiming_any import ClaimingAny
from skunkqueue.persistence.redis.keys import place_of
from skunkqueue.persistence.redis.pools import Watching
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.records import Firing, Outcome, Record, Refire, Verdict

_FIRE, _ENQUEUE = map(load, ("enqueue_plain", "enqueue"))
_FINISH, _FINISH_MORE, _SETTLE = map(load, ("settle_finished", "settle_follow", "settle_any"))
_FINAL = frozenset({Verdict.COMPLETE, Verdict.ERROR, Verdict.KILLED, Verdict.EXPIRED})
_as_holders = wire.reader(list[tuple[int, int, str]])
_ENDLESS = 1e9
"""Seconds; a longer wait counts as this, lest sums of hand-made ones be no numbers."""
_CHUNK = 1_000
"""Firings that end together at most, since a chunk is read and written as one."""
_NOTHING = b"\xc0"
_FEW = 3
"""Firings of more jobs that end together are one chunk, and their counters are logged."""
_Shared = tuple[int, Verdict, float | None]
"""Token, verdict and ttl, which the firings of a chunk share."""


class RedisBackend(ClaimingAny, Asking, Watching, Administration):
    """A store in a Redis or Valkey server, for any number of processes on any number of machines.

    What it accepted is as durable as the server is set to be (``appendonly``, ``appendfsync``), and,
    with the option ``replicas``, is on that many replicas too.
    """

    def enqueue(self, firings: Sequence[Firing]) -> list[str]:
        """Put firings in; see ``Backend.enqueue``."""
        if not firings:
            return []
        link = self._link
        if len(firings) == 1 and not link.is_virtual and wire.is_plain(firings[0]):
            (firing,) = firings
            link.plain(_FIRE, wire.fire_of(firing), kept=True)
            return [firing.id]
        blobs = wire.Blobs()
        groups = wire.groups_of(firings, blobs)
        reply = link.call(_ENQUEUE, groups, blobs=blobs, kept=True)
        ids = [firing.id for firing in firings]
        if reply != _NOTHING:
            holders = {groups[group][7][index]: id_ for group, index, id_ in _as_holders(reply)}
            ids = [holders.get(id_, id_) for id_ in ids]
        return ids

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in outcomes; see ``Backend.settle``."""
        if not outcomes:
            return []
        return self._settle(self._complete(outcomes))

    # --- settling ---------------------------------------------------------------------------------

    def _complete(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Look up what those lack that do not bring what their claim said, as workers of other versions."""
        missing = [outcome.id for outcome in outcomes if not outcome.queue]
        if not missing:
            return list(outcomes)
        known: dict[str, Record] = {}
        for start in range(0, len(missing), MAX_PAGE):
            found = self.get(missing[start : start + MAX_PAGE])
            known.update({record.id: record for record in found if record is not None})
        return [
            rules.with_claim(outcome, known[outcome.id])
            if not outcome.queue and outcome.id in known
            else outcome
            for outcome in outcomes
        ]

    def _settle(self, outcomes: list[Outcome]) -> list[str]:
        stale: list[str] = []
        more = False
        for outcome in outcomes:
            verdict = outcome.verdict
            if verdict is not Verdict.COMPLETE and verdict not in _FINAL:
                return self._settle_each(outcomes)
            if outcome.follow or outcome.refire is not None:
                more = True
        if len({outcome.id for outcome in outcomes}) < len(outcomes):
            return self._settle_each(outcomes)
        while outcomes:
            blobs = wire.Blobs()
            ends = self._groups(outcomes, blobs)
            if more:
                following = _following(outcomes, blobs)
                reply = self._link.call(_FINISH_MORE, ends, *following, blobs=blobs, kept=True)
            else:
                reply = self._link.call(_FINISH, ends, blobs=blobs, kept=True)
            if reply == _NOTHING:
                return stale
            found = wire.as_ids(reply)
            stale += found
            refused = set(found)
            outcomes = [outcome for outcome in outcomes if outcome.id not in refused]
        return stale

    def _groups(self, outcomes: list[Outcome], blobs: wire.Blobs) -> list[Any]:
        """Sort final outcomes as ``finish.lua`` wants them: those of one token, verdict, ttl and job (or of many) together."""
        groups: dict[_Shared, list[Outcome]] = {}
        last: _Shared | None = None
        group: list[Outcome] = []
        for outcome in outcomes:
            shared = (outcome.token, outcome.verdict, outcome.ttl)
            if shared != last:
                last = shared
                group = groups.setdefault(shared, [])
            group.append(outcome)
        found = []
        for shared, group in groups.items():
            for start in range(0, len(group), _CHUNK):
                part = group[start : start + _CHUNK]
                jobs = _jobs_of(part)
                found += [
                    self._group(shared, outcomes, jobs, blobs)
                    for outcomes in ([part] if len(jobs) > _FEW else jobs.values())
                ]
        return found

    def _group(
        self,
        shared: _Shared,
        outcomes: list[Outcome],
        jobs: dict[str, list[Outcome]],
        blobs: wire.Blobs,
    ) -> list[Any]:
        """Describe a chunk: of those of one job, or of all jobs where these are many."""
        token, verdict, ttl = shared
        chunk, state = new_id(), verdict.value
        listed = blobs.put("".join([outcome.id for outcome in outcomes]).encode())
        before = len(blobs) + 1
        blobs += [wire.end_of(outcome, chunk, state) for outcome in outcomes]
        job: str | tuple[list[str], list[int], int]
        counters: int | list[str | float]
        if len(jobs) > _FEW:
            ids = [(name, "".join([outcome.id for outcome in own])) for name, own in jobs.items()]
            job = (list(jobs), list(map(len, jobs.values())), blobs.put(wire.encode(ids)))
            counters = blobs.put(wire.encode(_fields(verdict, jobs)))
        else:
            job = outcomes[0].job
            counters = [part for pair in _counted(verdict, outcomes).items() for part in pair]
        ttl = rules.kept_for(verdict.state, ttl)
        return [wire.token(token), state, ttl, chunk, listed, before, counters, job, wire.marks_of(outcomes)]

    def _settle_each(self, outcomes: list[Outcome]) -> list[str]:
        chunks: dict[tuple[_Shared, str, int], str] = {}
        items, follows, refires = [], [], []
        blobs = wire.Blobs()
        for number, outcome in enumerate(outcomes, 1):
            verdict = outcome.verdict
            end: int | bool = False
            chunk = ""
            if verdict in _FINAL:
                shared = (outcome.token, verdict, outcome.ttl)
                chunk = chunks.setdefault((shared, outcome.job, number // _CHUNK), new_id())
                end = blobs.put(wire.end_of(outcome, chunk, verdict.value))
            values: dict[str, float] = {}
            began = outcome.began
            tally(values, verdict, _due(outcome), began, min(outcome.took, _ENDLESS))
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
                    [part for pair in values.items() for part in pair],
                    outcome.job,
                    [mark for mark, _ in wire.marks_of([outcome])],
                    outcome.error or False,
                    began is not None,
                )
            )
            for group in wire.groups_of(outcome.follow, blobs):
                follows.append((number, group))  # noqa: PERF401 - no clearer as an extend
            if outcome.refire is not None:
                refires.append((number, _refire(outcome.refire, blobs, {})))
        reply = self._link.call(_SETTLE, items, follows, refires, blobs=blobs, kept=True)
        return wire.as_ids(reply)


def _jobs_of(outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    last: str | None = None
    own: list[Outcome] = []
    for outcome in outcomes:
        if outcome.job != last:
            last = outcome.job
            own = found.setdefault(last, [])
        own.append(outcome)
    return found


def _counted(verdict: Verdict, outcomes: list[Outcome]) -> dict[str, float]:
    """Add up what outcomes of one job and verdict count."""
    began = [outcome for outcome in outcomes if outcome.began is not None]
    waits = [
        0.0 if outcome.was_due is None else outcome.began - outcome.was_due  # type: ignore[operator] # it began
        for outcome in began
    ]
    values: dict[str, float] = {}
    tooks = [outcome.took for outcome in began]
    tally_batch(values, verdict, len(outcomes), _bounded(waits), _bounded(tooks))
    return values


def _fields(verdict: Verdict, jobs: dict[str, list[Outcome]]) -> list[str | float]:
    """Add up likewise for many jobs: fields as ``stats.lua`` has them, and their values."""
    found: list[str | float] = []
    for job, outcomes in jobs.items():
        tail = f"\n{job}" if job else ""
        for name, value in _counted(verdict, outcomes).items():
            found += (name + tail, value)
    return found


def _bounded(times: list[float]) -> list[float]:
    """Have no time that is negative, or so long that sums of such are no numbers."""
    if times and (min(times) < 0.0 or max(times) > _ENDLESS):
        return [min(max(time, 0.0), _ENDLESS) for time in times]
    return times


def _due(outcome: Outcome) -> float:
    began = outcome.began or 0.0
    return began if outcome.was_due is None else max(outcome.was_due, began - _ENDLESS)


def _following(outcomes: Sequence[Outcome], blobs: wire.Blobs) -> tuple[list[Any], list[Any], list[Any]]:
    """Return what ``finish_more.lua`` wants: the groups of what is enqueued with outcomes, their refires, and the groups of these."""
    groups = [group for outcome in outcomes for group in wire.groups_of(outcome.follow, blobs)]
    refires = [(outcome.id, outcome.refire) for outcome in outcomes if outcome.refire is not None]
    # Most are alike but for their due times.
    armed = [
        refire.firing
        for _, refire in refires
        if refire.firing is not None and refire.firing.key is None and refire.firing.due is not None
    ]
    shared = wire.groups_of(armed, blobs, own_due=True) if armed else []
    places = {id_: (g, at) for g, group in enumerate(shared, 1) for at, id_ in enumerate(group[7], 1)}
    return groups, [(id_, _refire(refire, blobs, places)) for id_, refire in refires], shared


def _refire(refire: Refire, blobs: wire.Blobs, places: Mapping[str, tuple[int, int]]) -> list[Any]:
    """Encode a refire; ``places``: firings that are in groups with others, and where."""
    run, firing = refire.run, refire.firing
    group: Any = False
    at = 0
    if firing is not None and firing.id in places:
        group, at = places[firing.id]
    elif firing is not None:
        (group,) = wire.groups_of([firing], blobs)
    return [
        place_of(refire.queue, refire.name),
        refire.generation,
        group,
        blobs.put(refire.state),
        blobs.put(wire.encode(run)),
        float(run.began),
        float(run.took),
        False if run.interval is None else float(run.interval),
        HISTORY_LENGTH,
        run.verdict,
        at,
    ]
