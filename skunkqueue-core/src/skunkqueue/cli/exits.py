"""Exit codes that scripts can use; ``skunq --help`` lists them."""

from __future__ import annotations

OK = 0
NOTHING = 1
"""Nothing found, or a problem found."""
USAGE = 2
"""The command line or a setting makes no sense."""
UNAVAILABLE = 3
"""The store cannot be reached, read or written."""
FAULT = 4
"""A fault in skunq itself, or in a plugin's command."""
INTERRUPTED = 130
"""Ctrl-C, as shells count it."""
BROKEN_PIPE = 141
"""The reader of the output is gone, as shells count it."""
