"""Why a job is interrupted, or did not begin."""

from __future__ import annotations

LOST = "lost"
KILL = "kill"
ROUGH = "rough"
TIMEOUT = "timeout"
GIVE_BACK = "give back"
"""Its lease is lost; it was killed; its worker ends at once; its time is up; its worker ends and others are to run it."""
ORDERED = frozenset({KILL, ROUGH, GIVE_BACK})
"""Those by somebody's order: what the job raises or returns then does not count."""
LATE = "late"
"""The reason for which an async job did not begin: its lease may be over."""
