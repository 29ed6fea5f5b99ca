"""Notices that source files have changed, for ``skunq work --reload``. For development only.

It looks at the times of all Python files under some folders. Folders with hidden names, virtual
environments and caches are left out, and so is what lies beyond MAX_FILES.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

MAX_FILES = 5_000
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})


class Watch:
    """Remembers how the files were at the last look."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = tuple(dict.fromkeys(os.path.realpath(folder) for folder in folders))
        self._seen = self._look()

    def changed(self) -> str | None:
        """Name one file that was changed, added or removed since the last call; ``None``: none."""
        now = self._look()
        before, self._seen = self._seen, now
        if now == before:
            return None
        return next(path for path in sorted({*now, *before}) if now.get(path) != before.get(path))

    def _look(self) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for folder in self._folders:
            for entry in _sources(folder):
                try:
                    stat = entry.stat()
                except OSError:
                    continue
                found[entry.path] = (stat.st_mtime_ns, stat.st_size)
                if len(found) >= MAX_FILES:
                    return found
        return found


def _sources(folder: str) -> Iterator[os.DirEntry[str]]:
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as listing:
                entries = list(listing)
        except OSError:
            continue
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        for entry in entries:
            if entry.name.endswith(".py"):
                yield entry
            elif not entry.name.startswith(".") and entry.name not in _SKIPPED and _is_folder(entry):
                waiting.append(entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
