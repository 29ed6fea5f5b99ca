"""Wheels and empty environments for packaging tests, made without a network.

An environment holds only what is installed into it; the project's dependencies are lent to it from
the environment that runs the tests, and our own distributions are left out of the loan.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = sorted(path.parent for path in ROOT.glob("skunkqueue-*/pyproject.toml"))
CORE = ROOT / "skunkqueue-core"
# Environments of tests must not see the settings of the one that runs them.
_CLEAN = {
    key: value
    for key, value in os.environ.items()
    if not key.startswith(("PYTHON", "SKUNKQUEUE", "COVERAGE"))
}


def build_wheel(distribution: Path, folder: Path) -> Path:
    """Build a distribution's wheel into ``folder``."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=distribution)
    return wheel_of(distribution, folder)


def wheel_of(distribution: Path, folder: Path) -> Path:
    """Find a distribution's wheel in ``folder``."""
    (wheel,) = folder.glob(f"{project_name(distribution).replace('-', '_')}-*.whl")
    return wheel


def project_name(distribution: Path) -> str:
    """Read the name that a distribution is published under."""
    for line in (distribution / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("name = "):
            return line.partition("=")[2].strip().strip('"')
    msg = f"{distribution} has no project name"
    raise AssertionError(msg)


class Environment:
    """The virtual environment in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"

    @classmethod
    def made(cls, folder: Path) -> Environment:
        """Make one."""
        venv.create(folder, with_pip=False, symlinks=True)
        environment = cls(folder)
        environment._lend_dependencies()
        return environment

    def _lend_dependencies(self) -> None:
        (own,) = self.folder.glob("lib/python*/site-packages")
        loan = self.folder / "loan"
        loan.mkdir()
        for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
            for entry in Path(place).iterdir():
                # A .pth file of the lender would bring its editable installs along.
                if "skunkqueue" not in entry.name and entry.suffix != ".pth":
                    (loan / entry.name).symlink_to(entry)
        (own / "loan.pth").write_text(f"{loan}\n", encoding="utf-8")

    def install(self, *arguments: str | Path) -> None:
        """Install wheels, or folders with ``-e``, and nothing that they depend on."""
        run(
            *(sys.executable, "-m", "pip", "--python", str(self.python), "--disable-pip-version-check"),
            *("install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"),
            *map(str, arguments),
            cwd=self.folder,
        )

    def uninstall(self, name: str) -> None:
        """Take a distribution out again."""
        run(
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(self.python),
            "uninstall",
            "--yes",
            name,
            cwd=self.folder,
        )

    def evaluate(self, code: str) -> str:
        """Run code in this environment, outside the repository; return what it prints."""
        return run(str(self.python), "-I", "-W", "error", "-c", code, cwd=self.folder).strip()

    def skunq(self, *arguments: str) -> str:
        """Run the command that was installed; return what it prints."""
        return run(str(self.folder / "bin" / "skunq"), *arguments, cwd=self.folder)


def run(*command: str, cwd: Path) -> str:
    """Run a program to its end; fail with all that it said where it fails."""
    done = subprocess.run(
        command, cwd=cwd, env=_CLEAN, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (
        f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    )
    return done.stdout
