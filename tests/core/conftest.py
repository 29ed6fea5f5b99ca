"""Makes the example backend importable: a store without files, for tests of what stands on any store."""

from __future__ import annotations

from tests.support.memory_example import make_importable

make_importable()
