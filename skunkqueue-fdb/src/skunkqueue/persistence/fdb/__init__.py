"""Firings in FoundationDB, for any number of processes on any number of machines.

>>> from skunkqueue.persistence.fdb import default_cfg
>>> default_cfg["conn_url"]
'fdb://'
"""

from skunkqueue.persistence.fdb.backend import FdbBackend
from skunkqueue.persistence.fdb.base import DEFAULT_CFG as default_cfg  # noqa: N811 - the name users import

__all__ = ["FdbBackend", "default_cfg"]
