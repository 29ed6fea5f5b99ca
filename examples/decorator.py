"""Fire a function: now, and again in a minute.

In one terminal:  skunq work -q demo -r foo
In another, in the same folder:  python decorator.py
"""

from datetime import timedelta

from skunkqueue import SkunkQueue

# With nothing but a name, the queue lives in an SQLite file in your data folder.
queue = SkunkQueue("demo")


@queue.job(routes=["foo"])
def add(first: int, second: int) -> int:
    """Add two numbers; what it returns is saved."""
    return first + second


if __name__ == "__main__":
    handle = add.fire(4, 5)
    add.fire_at(timedelta(seconds=60), 4, 5)
    # Waits for a worker; a FiringFailedError would carry the job's own failure.
    print("result", handle.wait(timeout=30))
    print("state", handle.state)
