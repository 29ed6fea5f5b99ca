"""Firings in MongoDB: a standalone server, a replica set, or a sharded cluster.

>>> from skunkqueue.persistence.mongodb import default_cfg
>>> default_cfg["conn_url"]
'localhost:27017'
"""

from skunkqueue.persistence.mongodb.backend import MongoBackend
from skunkqueue.persistence.mongodb.base import DEFAULT_CFG as default_cfg  # noqa: N811 - the name users import

__all__ = ["MongoBackend", "default_cfg"]
