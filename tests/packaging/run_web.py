"""Ask a monitor for a few pages, with nothing but an installed SkunkQueue: python run_web.py.

Makes a store in a folder that is removed again, starts ``skunq web``, asks for a page, one static file, the
document of the API and the metrics, ends the monitor by TERM, and fails unless all of that went well.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path

import skunkqueue
import skunkqueue.web

PATIENCE = 60.0
STATIC = re.compile(r'"(/static/[^"]+)"')
ADDRESS = re.compile(r"http://([^/\s]+)/")


def main() -> int:
    """Return 0 where the monitor does what it promises."""
    for package in (skunkqueue, skunkqueue.web):
        if "site-packages" not in Path(str(package.__file__)).parts:
            print(f"{package.__name__} comes from {package.__file__}, not from an installed wheel")
            return 1
    with tempfile.TemporaryDirectory() as folder:
        wrong = run(f"sqlite:///{folder}/web.db")
    print(f"the monitor: {wrong or 'answered, and ended'}")
    return 0 if wrong is None else 1


def run(url: str) -> str | None:
    """Run the monitor of a new store; return what is wrong."""
    # The monitor makes no store: asking for the time makes one.
    queue = skunkqueue.SkunkQueue("demo", conn_url=url)
    queue.backend.now()
    queue.close()
    environment = {**os.environ, "SKUNKQUEUE_WEB_SECRET": "a secret of this run, and of nothing else"}
    skunq = Path(sysconfig.get_path("scripts")) / "skunq"
    monitor = subprocess.Popen(
        [skunq, "web", "--url", url, "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True
    )
    # One that says nothing is ended, and then its line is empty.
    too_late = threading.Timer(PATIENCE, monitor.kill)
    too_late.start()
    try:
        assert monitor.stdout is not None
        line = monitor.stdout.readline()
        found = ADDRESS.search(line)
        wrong = f"it does not say where it is: {line!r}" if found is None else check(found[1])
    finally:
        monitor.send_signal(signal.SIGTERM)
        code = monitor.wait(PATIENCE)
        too_late.cancel()
    if wrong is None and code:
        wrong = f"it ended with {code} when it was told to"
    return wrong


def check(host: str) -> str | None:
    """Ask the monitor at this address; return what is wrong."""
    page = ask(host, "/")
    static = STATIC.search(page)
    if static is None or "<h1>Overview</h1>" not in page:
        return f"the overview is {page!r}"
    if not ask(host, static[1]):
        return f"{static[1]} is empty"
    document = json.loads(ask(host, "/api/v1/openapi.json"))
    if document["openapi"] != "3.1.0" or not document["paths"]:
        return f"the document of the API is {document!r}"
    metrics = ask(host, "/metrics")
    if "skunkqueue_store_up 1" not in metrics:
        return f"the metrics are {metrics!r}"
    return None


def ask(host: str, path: str) -> str:
    """Return what is answered; fail where it is not 200."""
    connection = http.client.HTTPConnection(host, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        msg = f"{path} answers {answer.status}: {text}"
        raise AssertionError(msg)
    return text


if __name__ == "__main__":
    sys.exit(main())
