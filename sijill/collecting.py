"""Python's collector, told to look seldom: a check makes millions of objects and hardly a cycle.

What is made for one event is given back when the next one comes, without the collector's help. Each
time that it looks all the same, after 700 objects, it goes over whatever is remembered: that was a
quarter of a check's work.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

OBJECTS: Final = 200_000
"""After so many more containers made than given back it looks: some ten megabytes."""


def seldom() -> None:
    """From now on, in a process of one's own."""
    gc.freeze()
    gc.set_threshold(OBJECTS, 10, 10)


@contextmanager
def seldom_meanwhile() -> Iterator[None]:
    """As long as the block takes."""
    before = gc.get_threshold()
    seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
