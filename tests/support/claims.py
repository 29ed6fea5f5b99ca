"""A claim as a store hands it out, for tests of what becomes of one."""

from __future__ import annotations

from typing import Any

from skunkqueue.records import Claim


def make_claim(**fields: Any) -> Claim:
    """Make a claim of a firing that never ran; ``fields`` are those of Claim."""
    return Claim(
        **{
            "id": "f" * 24,
            "token": 1,
            "queue": "q",
            "route": "r",
            "body": b"",
            "attempt_state": None,
            "priority": 5,
            "enqueued": 0.0,
            "due": 0.0,
            "claimed": 0.0,
            "expires": None,
            "deaths": 0,
            "evidence": "",
            "kill_requested": False,
            **fields,
        }
    )
