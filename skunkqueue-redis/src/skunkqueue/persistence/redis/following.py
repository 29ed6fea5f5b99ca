"""What follows outcomes: firings that are put in with them, and the next runs of schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skunkqueue.persistence.backend import HISTORY_LENGTH
from skunkqueue.persistence.redis.groups import IDS, groups_of
from skunkqueue.persistence.redis.keys import place_of
from skunkqueue.persistence.redis.wire import Blobs, encode
from skunkqueue.records import Outcome, Refire


def following_of(outcomes: Sequence[Outcome], blobs: Blobs) -> tuple[list[Any], list[Any], list[Any]]:
    """Return what ``settle_follow.lua`` takes: groups of firings to put in, refires, and groups of the firings of these."""
    groups = [group for outcome in outcomes for group in groups_of(outcome.follow, blobs)]
    refires = [(outcome.id, outcome.refire) for outcome in outcomes if outcome.refire is not None]
    # Most are alike but for their due times.
    armed = [
        refire.firing
        for _, refire in refires
        if refire.firing is not None and refire.firing.key is None and refire.firing.due is not None
    ]
    shared = groups_of(armed, blobs, own_due=True) if armed else []
    places = {id_: (g, at) for g, group in enumerate(shared, 1) for at, id_ in enumerate(group[IDS], 1)}
    return groups, [(id_, refire_of(refire, blobs, places)) for id_, refire in refires], shared


def refire_of(refire: Refire, blobs: Blobs, places: Mapping[str, tuple[int, int]]) -> list[Any]:
    """Encode a refire as ``refire`` in ``scripts/lib/schedules.lua`` takes it. ``places``: where firings are in groups."""
    run, firing = refire.run, refire.firing
    group: Any = False
    at = 0
    if firing is not None and firing.id in places:
        group, at = places[firing.id]
    elif firing is not None:
        (group,) = groups_of([firing], blobs)
    elif refire.unplanned:
        group = True
    return [
        place_of(refire.queue, refire.name),
        refire.generation,
        group,
        blobs.put(refire.state),
        blobs.put(encode(run)),
        float(run.began),
        float(run.took),
        False if run.interval is None else float(run.interval),
        HISTORY_LENGTH,
        run.verdict,
        at,
    ]
