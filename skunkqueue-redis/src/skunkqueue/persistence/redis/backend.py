"""The verbs of the hot path over Redis: each is one call of one script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skunkqueue.counters import tally, tally_batch
from skunkqueue.ids import new_id
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import HISTORY_LENGTH
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.administration import Administration
from skunkqueue.persistence.redis.claiming import Claiming
from skunkqueue.persistence.redis.keys import place_of
from skunkqueue.persistence.redis.reading import Reading
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.records import Firing, Outcome, Refire, Verdict

_FIRE, _ENQUEUE = map(load, ("fire", "enqueue"))
_FINISH, _SETTLE = map(load, ("finish", "settle"))
_FINAL = frozenset({Verdict.COMPLETE, Verdict.ERROR, Verdict.KILLED, Verdict.EXPIRED})
_as_holders = wire.reader(list[tuple[int, int, str]])
_ENDLESS = 1e9
"""Seconds; a longer wait counts as this, lest sums of hand-made ones be no numbers."""
_CHUNK = 1_000
"""Firings that end together at most, since a chunk is read and written as one."""
_NOTHING = b"\xc0"


class RedisBackend(Claiming, Reading, Administration):
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
        self._learn_dues(outcomes)
        stale = self._settle(list(outcomes))
        forget = self._dues.pop
        for outcome in outcomes:
            if outcome.verdict is not Verdict.ADVANCE:
                forget(outcome.id, None)
        return stale

    # --- settling ---------------------------------------------------------------------------------

    def _learn_dues(self, outcomes: Sequence[Outcome]) -> None:
        """Ask for the due times of what another handle claimed."""
        missing = [outcome.id for outcome in outcomes if outcome.id not in self._dues]
        for start in range(0, len(missing), 1_000):
            for record in self.get(missing[start : start + 1_000]):
                if record is not None:
                    self._dues[record.id] = record.due

    def _settle(self, outcomes: list[Outcome]) -> list[str]:
        stale: list[str] = []
        for outcome in outcomes:
            verdict = outcome.verdict
            if (
                (verdict is not Verdict.COMPLETE and verdict not in _FINAL)
                or outcome.follow
                or outcome.refire is not None
            ):
                return self._settle_each(outcomes)
        if len({outcome.id for outcome in outcomes}) < len(outcomes):
            return self._settle_each(outcomes)
        while outcomes:
            blobs = wire.Blobs()
            reply = self._link.call(_FINISH, self._groups(outcomes, blobs), blobs=blobs, kept=True)
            if reply == _NOTHING:
                return stale
            found = wire.as_ids(reply)
            stale += found
            refused = set(found)
            outcomes = [outcome for outcome in outcomes if outcome.id not in refused]
        return stale

    def _groups(self, outcomes: list[Outcome], blobs: wire.Blobs) -> list[Any]:
        """Sort final outcomes as ``finish.lua`` wants them: those of one token, verdict and ttl together."""
        groups: dict[tuple[int, Verdict, float | None], list[Outcome]] = {}
        last: tuple[int, Verdict, float | None] | None = None
        group: list[Outcome] = []
        for outcome in outcomes:
            shared = (outcome.token, outcome.verdict, outcome.ttl)
            if shared != last:
                last = shared
                group = groups.setdefault(shared, [])
            group.append(outcome)
        return [
            self._group(*shared, group[start : start + _CHUNK], blobs)
            for shared, group in groups.items()
            for start in range(0, len(group), _CHUNK)
        ]

    def _group(
        self, token: int, verdict: Verdict, ttl: float | None, outcomes: list[Outcome], blobs: wire.Blobs
    ) -> list[Any]:
        chunk, state, dues = new_id(), verdict.value, self._dues
        listed = blobs.put("".join([outcome.id for outcome in outcomes]).encode())
        before = len(blobs) + 1
        blobs += [wire.end_of(outcome, chunk, state) for outcome in outcomes]
        began = [outcome for outcome in outcomes if outcome.began is not None]
        waits = [outcome.began - dues.get(outcome.id, outcome.began) for outcome in began]  # type: ignore[operator]
        values: dict[str, float] = {}
        tally_batch(
            values,
            verdict,
            len(outcomes),
            [min(max(wait, 0.0), _ENDLESS) for wait in waits],
            [min(outcome.took, _ENDLESS) for outcome in began],
        )
        counters = [part for pair in values.items() for part in pair]
        return [wire.token(token), state, rules.kept_for(verdict.state, ttl), chunk, listed, before, counters]

    def _due(self, outcome: Outcome) -> float:
        began = outcome.began or 0.0
        return max(self._dues.get(outcome.id, began), began - _ENDLESS)

    def _settle_each(self, outcomes: list[Outcome]) -> list[str]:
        chunks: dict[tuple[int, Verdict, float | None, int], str] = {}
        items, follows, refires = [], [], []
        blobs = wire.Blobs()
        for number, outcome in enumerate(outcomes, 1):
            verdict = outcome.verdict
            end: int | bool = False
            chunk = ""
            if verdict in _FINAL:
                chunk = chunks.setdefault((outcome.token, verdict, outcome.ttl, number // _CHUNK), new_id())
                end = blobs.put(wire.end_of(outcome, chunk, verdict.value))
            values: dict[str, float] = {}
            began = outcome.began
            tally(values, verdict, self._due(outcome), began, min(outcome.took, _ENDLESS))
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
                    blobs.maybe(outcome.carry),
                    [part for pair in values.items() for part in pair],
                )
            )
            for group in wire.groups_of(outcome.follow, blobs):
                follows.append((number, group))  # noqa: PERF401 - no clearer as an extend
            if outcome.refire is not None:
                refires.append((number, _refire(outcome.refire, blobs)))
        reply = self._link.call(_SETTLE, items, follows, refires, blobs=blobs, kept=True)
        return wire.as_ids(reply)


def _refire(refire: Refire, blobs: wire.Blobs) -> list[Any]:
    run = refire.run
    group: Any = False
    if refire.firing is not None:
        (group,) = wire.groups_of([refire.firing], blobs)
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
    ]
