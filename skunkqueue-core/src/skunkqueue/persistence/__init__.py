"""Where firings are kept: the contract, and one folder for each store.

Other distributions own folders below this package (``mongodb/``, ``redis/``, ``fdb/``).
"""

import pkgutil

# Plugin distributions add folders below this package from directories of their own.
__path__ = pkgutil.extend_path(__path__, __name__)

from skunkqueue.persistence.backend import Backend, BackendConfig

__all__ = ["Backend", "BackendConfig"]
