"""The Lua that runs in the server, one file a verb, and its loader.

A verb's file begins with ``--@`` and the names of the pieces it stands on; ``load`` joins them.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_MARK = "--@ "


class Script(NamedTuple):
    """One verb's Lua, and the SHA-1 the server knows it by."""

    name: str
    source: bytes
    sha: bytes


@cache
def load(name: str) -> Script:
    """Read a verb's script with the pieces it stands on; once a process."""
    folder = files(__package__)
    text = (folder / f"{name}.lua").read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    pieces = first[len(_MARK) :].split() if first.startswith(_MARK) else []
    parts = [(folder / f"{piece}.lua").read_text(encoding="utf-8") for piece in pieces]
    # The server compiles a script once; comments cost it nothing then.
    source = "\n".join([*parts, rest]).encode()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())
