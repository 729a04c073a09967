"""Clocks that a test sets while processes run: libfaketime in front of the C library's.

Only the wall clock is set. What measures how long something takes goes on evenly, as it does when
an administrator or a time server steps a real clock.
"""

from pathlib import Path

import pytest

PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")


class SteppedClock:
    """A clock for processes that are started with its environment; true at first.

    Args:
        file: where the step stands that the processes read.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._library = _library()
        self.step(0)

    @property
    def environment(self) -> dict[str, str]:
        """What a process, and whatever it starts, needs to be shown this clock."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",
        }

    def step(self, seconds: int) -> None:
        """Set the clock so far ahead of the true one, or behind it."""
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{seconds:+d}")
        aside.replace(self._file)


def _library() -> Path:
    """libfaketime, or a skip."""
    for place in PLACES:
        for found in sorted(Path(place).glob("**/faketime/libfaketime.so.1")):
            return found
    pytest.skip("no libfaketime (Debian: apt-get install libfaketime)")
