"""The pipe from a pool to a worker: one line of settings, then orders of one byte each. When it closes, the pool is gone."""

from __future__ import annotations

GENTLE, ROUGH = b"g", b"r"
"""Orders that a pool gives its workers: end after the current job; end now."""
GIVE_BACK = b"t"
"""The same after a time: end, and have the running jobs run again elsewhere."""
DISMISS, DISMISS_ROUGH = b"d", b"D"
"""The same, for one worker that no other replaces."""
HOLD, BEGIN = b"h", b"b"
"""Begin nothing more, but stay; go on."""
