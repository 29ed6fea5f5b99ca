"""Which interpreter each peer runs on: this one, or one of its own where it pins an older redis-py."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

# Asked by the measuring process itself, whatever the peer.
OURS = ("psutil>=6", "typing_extensions")

# What is measured, ours and the bare loop first, with what pip installs for those that need an environment
# of their own: their dependencies exclude the redis-py that the others run on.
PEERS: dict[str, tuple[str, ...]] = {
    "bare": (),
    "skunkqueue": (),
    "rq": (),
    "celery": (),
    "dramatiq": (),
    "huey": (),
    "taskiq": (),
    "arq": ("arq", "hiredis", "uvloop"),
    "saq": ("saq[redis,hiredis]", "uvloop"),
    "streaq": (),
}


def python(name: str) -> str:
    """Tell the interpreter for a peer."""
    return interpreter(name, PEERS[name])


def interpreter(name: str, requirements: Sequence[str]) -> str:
    """Tell the interpreter that has these; without any, this one. Its environment is made beside this one's, once."""
    if not requirements:
        return sys.executable
    folder = Path(sys.prefix) / "peers" / name
    interpreter = folder / "bin" / "python"
    done = folder / "complete"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [str(interpreter), "-m", "pip", "install", "--quiet", *requirements, *OURS]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        done.touch()
    return str(interpreter)
