"""A SkunkQueue backend that keeps everything in memory: an example for authors of backends.

Read ``shelf.py`` first (what is kept), then ``store.py`` (what makes a verb atomic), then ``backend.py`` (the verbs).
"""

from skunkqueue_memory.backend import MemoryBackend, default_cfg

__all__ = ["MemoryBackend", "default_cfg"]
