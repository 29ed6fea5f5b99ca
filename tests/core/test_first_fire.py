"""What the first fire of a process imports: a signal handler that fires meanwhile would find that half there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FIRE = """
import sys
from skunkqueue import SkunkQueue

queue = SkunkQueue("demo", conn_url=sys.argv[1])


@queue.job
def add(first, second):
    return first + second


queue.backend
before = set(sys.modules)
add.fire(1, second="two")
print(sorted(set(sys.modules) - before))
"""
INTERRUPT = """
import signal, sys
from skunkqueue.errors import PluginError
from skunkqueue.plugins import BACKENDS, registry


def handle(number, frame):
    try:
        registry.names(BACKENDS)
    except PluginError as error:
        print(error)


class Interrupt:
    # email.parser imports it, and is half there until then.
    def find_spec(self, name, path=None, target=None):
        if name == "email.feedparser":
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGUSR1)


signal.signal(signal.SIGUSR1, handle)
for name in ("email.parser", "email.feedparser"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Interrupt())
print("sqlite" in registry.names(BACKENDS))
"""


def test_after_a_look_at_the_store_the_first_fire_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(FIRE, encoding="utf-8")

    assert _said(tmp_path, "jobs.py", f"sqlite:///{tmp_path}/queue.db") == "[]"


def test_handler_that_interrupts_the_first_reading_of_plugins_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "read.py").write_text(INTERRUPT, encoding="utf-8")

    told, read = _said(tmp_path, "read.py").splitlines()

    assert "a signal handler that interrupts the first reading must not use them" in told
    assert read == "True"


def _said(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
