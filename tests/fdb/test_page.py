"""The page about FoundationDB: its program runs as written, and its limits and keys are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from skunkqueue.persistence.fdb import keys, settings, staged_batch
from skunkqueue.persistence.fdb.base import StoreBackend
from tests.acceptance.project_folder import ProjectFolder
from tests.docs.pages import ROOT, blocks, read
from tests.support.fdb_fixtures import NewFdbServer

PAGE = "docs/foundationdb.md"


def test_a_firing_and_the_applications_data_come_in_together(
    new_fdb_server: NewFdbServer, tmp_path: Path
) -> None:
    server = new_fdb_server()
    (program,) = [block.code for block in blocks(ROOT / PAGE, "python") if "@fdb.transactional" in block.code]
    with ProjectFolder(
        tmp_path, FDB_CLUSTER_FILE=str(server.cluster_file), SKUNKQUEUE_URL="fdb://"
    ) as project:
        project.write("shop.py", program)
        project.run("shop.py")

        assert project.counts() == {"pending": 1}
        assert "`placed'" in server.cli(r'getrange "\x02orders" "\x02orderz"')
        assert project.work("-q", "shop", "--burst").process.wait(30) == 0
        assert project.counts() == {"complete": 1}


def test_every_option_is_on_the_page_with_its_default() -> None:
    text = read(PAGE)

    for name in ("dbname", *settings.TLS):
        assert f"`{name}`" in text
    made = settings.Settings(dbname="shop")
    assert f"| `retry_for` | {made.retry_for:g} |" in text
    assert f"| `timeout` | {made.timeout:g} |" in text


def test_limits_are_those_of_the_code() -> None:
    text = read(PAGE)

    assert StoreBackend.max_payload == 2_000_000
    assert "| 2 MB each, encoded |" in text
    assert f"more than {staged_batch.MOST:,} firings or {staged_batch.MOST_BYTES // 1_000_000} MB" in text


def test_every_kind_of_key_is_in_the_table() -> None:
    rows = re.findall(r"^\| ((?:`\w`(?:, )?)+) \|", read(PAGE), re.MULTILINE)
    told = [letter for row in rows for letter in re.findall(r"`(\w)`", row)]

    made = keys.Keys("shop")
    there = [made.layout, made.clock, *(getattr(made, name) for name in keys.Keys.__annotations__)]
    assert sorted(told) == sorted(key[len(made.prefix) :].decode() for key in there)
