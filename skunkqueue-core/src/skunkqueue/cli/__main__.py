"""``python -m skunkqueue.cli`` is ``skunq``."""

from __future__ import annotations

from skunkqueue.cli import main

if __name__ == "__main__":
    main()
