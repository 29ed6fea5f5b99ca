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
    if expires is not None:
        at, after = moment(expires, "expires")
        fields |= {"expires_in": after} if at is None else {"expires": at}
    if when is None:
        return fields
    due, delay = moment(when, "fire_at")
    # A moment that is over would be claimed before all that waits already, and seem to have waited since then.
    fields |= {"delay": delay} if due is None or due <= now() else {"due": due}
    if expires is not None:
        _check(when, expires, fields, now)
    return fields


def _check(when: When, expires: When, fields: dict[str, float], clock: Callable[[], float]) -> None:
    now = clock() if "due" in fields or "expires" in fields else 0.0
    begin = fields["delay"] if "delay" in fields else fields["due"] - now
    end = fields["expires_in"] if "expires_in" in fields else fields["expires"] - now
    if begin > 0.0 and end <= begin:
        msg = (
            f"fire_at {brief(when)}, expires {brief(expires)}: this firing is due in {begin:.0f} s and expires in {end:.0f} s, so it"
            f" could never begin. Seconds of `expires` count from now: give it more than {begin:.0f}, with options(expires=...)"
        )
        raise PolicyError(msg)
