"""The embedded store: one SQLite file that every process of a machine may open.

Knows SQLite and the backend contract, and nothing of jobs or processes.
"""

from __future__ import annotations

from skunkqueue.persistence.sqlite.backend import DEFAULT_CFG as default_cfg  # noqa: N811 - the seed's name
from skunkqueue.persistence.sqlite.backend import SQLiteBackend

__all__ = ["SQLiteBackend", "default_cfg"]
