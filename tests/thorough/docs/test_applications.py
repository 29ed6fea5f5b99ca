"""The programs of the page on applications run, each under its real server, with a worker beside it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from skunkqueue.web.access.secret import ENV_SECRET
from tests.acceptance.project_folder import PATIENCE, ProjectFolder
from tests.docs.pages import ROOT, blocks
from tests.support.server_process import free_port
from tests.support.waiting import eventually

PAGE = ROOT / "docs" / "applications.md"
NAMED = re.compile(r"# (\w+\.py)\n")
ASK = """
import json
import re
from pathlib import Path

from skunkqueue import SkunkQueue
from werkzeug.test import Client

SkunkQueue("shop", conn_url="sqlite:///jobs.db").backend.now()
Path("auth").touch(0o600)

from wsgi import application

titles = {}
for path in ("/", "/jobs/"):
    text = Client(application).get(path, follow_redirects=True, base_url="https://example.org").text
    titles[path] = re.search("<title>(.*?)</title>", text)[1]
print(json.dumps(titles))
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ProjectFolder]:
    """A folder with all programs of the page."""
    for module in ("django", "fastapi", "gunicorn", "uvicorn"):
        if find_spec(module) is None:
            message = f"NOT TESTED: no {module} here: pip install {module}"
            raise (pytest.fail if os.environ.get("CI") else pytest.skip).Exception(message)
    with ProjectFolder(tmp_path, SKUNKQUEUE_URL=f"sqlite:///{tmp_path}/queue.db") as made:
        for block in blocks(PAGE, "python"):
            name = NAMED.match(block.code)
            assert name is not None, f"{block}: its first line does not say which file it is"
            made.write(name[1], block.code)
        yield made


@contextmanager
def serving(project: ProjectFolder, *command: str) -> Iterator[None]:
    """Run a server in the stage's folder."""
    with (project.folder / "server.log").open("wb") as log, ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=project.folder,
                env=project.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        )
        stack.callback(process.terminate)
        yield


def ask(address: str, form: dict[str, str] | None = None) -> Any:
    """Ask a server, which may not be up yet."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    answers: list[Any] = []

    def is_answered() -> bool:
        try:
            with urllib.request.urlopen(address, data, timeout=PATIENCE) as answer:  # noqa: S310 - our own
                answers.append(json.load(answer))
        except urllib.error.HTTPError:
            raise
        except OSError:
            return False
        return True

    eventually(is_answered, PATIENCE, what=f"{address} answers")
    return answers[0]


def complete(project: ProjectFolder) -> int:
    return project.counts().get("complete", 0)


def test_flask_under_gunicorn(project: ProjectFolder) -> None:
    project.work("-q", "shop")
    at = f"127.0.0.1:{free_port()}"
    with serving(project, "gunicorn", "flask_app:app", "--workers", "2", "--preload", "-b", at):
        firing = ask(f"http://{at}/orders", {"mail": "jed@shop.example"})["firing"]

        eventually(lambda: ask(f"http://{at}/orders/{firing}")["state"] == "complete", PATIENCE)
        assert ask(f"http://{at}/orders/{firing}")["result"] == "Thank you, jed@shop.example"


def test_fastapi_under_uvicorn_with_many_at_once(project: ProjectFolder) -> None:
    project.work("-q", "shop")
    port = free_port()
    with serving(project, "uvicorn", "fastapi_app:app", "--port", str(port)):
        at = f"http://127.0.0.1:{port}/orders"
        first = ask(f"{at}?mail=jed@shop.example", {})["firing"]
        assert ask(f"{at}/{first}/result") == {"result": "Thank you, jed@shop.example"}

        urls = [f"{at}?mail={number}@shop.example" for number in range(200)]
        found = _all_at_once(project, urls, post=True)
        results = _all_at_once(project, [f"{at}/{one['firing']}/result" for one in found], post=False)
        assert [one["result"] for one in results] == [f"Thank you, {n}@shop.example" for n in range(200)]


def _all_at_once(project: ProjectFolder, urls: Sequence[str], *, post: bool) -> list[Any]:
    """Ask many addresses by fifty threads."""
    del project
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - of this helper alone

    with ThreadPoolExecutor(50) as threads:
        return list(threads.map(lambda url: ask(url, {} if post else None), urls))


def test_django(project: ProjectFolder) -> None:
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--settings", "django_settings"],
        cwd=project.folder,
        env={**project.environment, "PYTHONPATH": str(project.folder)},
        check=True,
        capture_output=True,
    )
    pool = project.work("-q", "shop", "--import", "django_jobs").ready(1)
    port = free_port()
    project.environment["PYTHONPATH"] = str(project.folder)
    runs = ("django", "runserver", "--settings", "django_settings", "--noreload", f"127.0.0.1:{port}")
    with serving(project, *runs):
        assert ask(f"http://127.0.0.1:{port}/sign-up/jed") == {"welcome": "jed"}
        assert ask(f"http://127.0.0.1:{port}/sign-up/ian") == {"welcome": "ian"}
        eventually(lambda: complete(project) == 2, PATIENCE, what="both jobs are complete")
    (first, second) = project.skunq("jobs", "-q", "shop", "--oldest")["jobs"]
    assert {project.skunq("job", one["id"])["result"] for one in (first, second)} <= {1, 2}
    assert pool.stop() == 0


def test_the_monitor_beside_django(project: ProjectFolder) -> None:
    (block,) = (block for block in blocks(ROOT / "docs" / "web.md", "python") if "django" in block.code)
    project.write("wsgi.py", block.code)
    project.environment[ENV_SECRET] = "a secret that only the tests know"
    project.write("ask.py", ASK)

    titles = json.loads(project.run("ask.py"))

    assert titles == {"/": "Not Found", "/jobs/": "Log in · SkunkQueue"}
