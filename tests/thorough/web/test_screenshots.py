"""``nox -s screenshots``, on a store in which next to nothing is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT


def test_a_picture_whose_page_is_not_there_ends_it_with_its_name(address: str, tmp_path: Path) -> None:
    # In a process of its own: it starts a browser, and here one may run already.
    given = [str(tmp_path), "--all", "--address", address, "--only", "firing-running-light-360"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.web.screenshots", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.endswith(": firing-running-light-360\n")
    assert list(tmp_path.glob("*.png")) == []
