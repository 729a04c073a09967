"""The time, for tests that sign."""

import time


def now_seconds() -> int:
    """Seconds since 1970 UTC."""
    return int(time.time())
