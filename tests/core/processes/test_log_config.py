"""The file of --log-config."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from skunkqueue.errors import ConfigError
from skunkqueue.processes import log_config

TOML = """
version = 1
[handlers.mine]
class = "logging.StreamHandler"
"""


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("log.json", "{", "is not JSON"),
        ("log.ini", "version = 1", "TOML needs a name that ends with .toml"),
        ("log.json", "[]", "holds a list"),
        ("log.json", "[" * 20_000, "is not JSON"),
        ("log.json", "\0", "is not JSON"),
        ("log.json", "{}" + " " * 40_000, "at most 32768"),
        ("log.toml", "version =", "log.toml"),
    ],
)
def test_a_file_that_will_not_do_is_refused_by_name(tmp_path: Path, name: str, text: str, part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        log_config.read(written(tmp_path, name, text))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        log_config.read(str(tmp_path / "none.json"))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python reads TOML since 3.11")
def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    as_json = '{"version": 1, "handlers": {"mine": {"class": "logging.StreamHandler"}}}'

    found = log_config.read(written(tmp_path, "log.toml", TOML))

    assert found == log_config.read(written(tmp_path, "log.json", as_json))


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="Python reads TOML since 3.11")
def test_toml_is_refused_where_python_cannot_read_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="write it as JSON"):
        log_config.read(written(tmp_path, "log.toml", TOML))
