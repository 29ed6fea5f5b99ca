"""The Lua that runs in the server: one file for each verb here, what verbs share in ``lib``, and the loader.

A line ``--@ NAME ...`` stands for the pieces of these names in ``lib``, each with the pieces that it names itself. A script
has every piece once, where it is first named.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_PIECES = re.compile(r"^ *--@ (.+)\n", re.MULTILINE)


class Script(NamedTuple):
    """One verb's Lua, and the SHA-1 the server knows it by."""

    name: str
    source: bytes
    sha: bytes


@cache
def load(name: str) -> Script:
    """Read a verb's script with the pieces that it names; once a process."""
    folder = files(__package__)
    known: set[str] = set()

    def whole(text: str) -> str:
        return _PIECES.sub(lambda line: "".join(map(piece, line[1].split())), text)

    def piece(name: str) -> str:
        if name in known:
            return ""
        known.add(name)
        return whole((folder / "lib" / f"{name}.lua").read_text(encoding="utf-8"))

    # The server compiles a script once; comments cost it nothing then.
    source = whole((folder / f"{name}.lua").read_text(encoding="utf-8")).encode()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())
