"""When a firing may begin and when it expires: what ``fire_at`` and a policy say, as fields of the firing."""

from __future__ import annotations

from collections.abc import Callable

from skunkqueue.errors import PolicyError
from skunkqueue.show import brief
from skunkqueue.times import When, moment


def times_of(when: When | None, expires: When | None, now: Callable[[], float]) -> dict[str, float]:
    """Return ``due`` or ``delay`` and ``expires`` or ``expires_in``, those that are given; a moment that is over is now.

    ``now`` reads the store's clock, for moments only. Raises PolicyError for a firing that would expire before it may begin.
    """
    fields: dict[str, float] = {}
    at, after = (None, 0.0) if expires is None else moment(expires, "expires")
    if expires is not None:
        fields |= {"expires_in": after} if at is None else {"expires": at}
    if when is None:
        return fields
    due, delay = moment(when, "fire_at")
    clock = 0.0 if due is None and at is None else now()
    # A moment that is over would be claimed before all that waits already, and seem to have waited since then.
    fields |= {"delay": delay} if due is None or due <= clock else {"due": due}
    begin = delay if due is None else due - clock
    end = after if at is None else at - clock
    if expires is not None and end <= begin and begin > 0.0:
        msg = (
            f"fire_at {brief(when)}, expires {brief(expires)}: this firing is due in {begin:.0f} s and expires in {end:.0f} s, so it"
            f" could never begin. Seconds of `expires` count from now: give it more than {begin:.0f}, with options(expires=...)"
        )
        raise PolicyError(msg)
    return fields
