"""SkunkQueue: task scheduling for humans who use Python."""

import pkgutil

# Plugin distributions add modules below this package from directories of their own.
__path__ = pkgutil.extend_path(__path__, __name__)
