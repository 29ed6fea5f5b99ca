"""Firings in Redis or Valkey: one server, several behind sentinels, or a cluster.

>>> from skunkqueue.persistence.redis import default_cfg
>>> default_cfg["conn_url"]
'localhost:6379'
"""

from skunkqueue.persistence.redis.backend import RedisBackend
from skunkqueue.persistence.redis.base import DEFAULT_CFG as default_cfg  # noqa: N811 - the name users import

__all__ = ["RedisBackend", "default_cfg"]
