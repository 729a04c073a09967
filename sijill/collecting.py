"""Python's collector, told to look seldom, where millions of objects are made and hardly a cycle.

What is made for one event is given back when the next one comes, without the collector's help. Each
time that it looks all the same, after 700 objects, it goes over what is remembered. Measured: that
was the 99th percentile of a busy worker, half of what the follower did and a quarter of a check.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

THRESHOLDS: Final = (50_000, 50, 100)


def seldom() -> None:
    """From now on; what lives now lives for ever, so it is not looked at again."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


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
