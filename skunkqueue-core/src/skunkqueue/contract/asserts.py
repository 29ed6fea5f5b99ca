"""Let pytest show the values in the kit's failing asserts, as it does in test files."""

from __future__ import annotations

import pkgutil
import sys

import pytest


def show_values_in_asserts() -> None:
    """Register the kit's modules for assertion rewriting; this works for modules that are not imported yet."""
    package = __name__.rpartition(".")[0]
    path = sys.modules[package].__path__
    names = [f"{package}.{module.name}" for module in pkgutil.iter_modules(path)]
    pytest.register_assert_rewrite(*(name for name in names if name not in sys.modules))
