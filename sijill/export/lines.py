"""Files of lines that only ever grow: a torn end is cut off, and no line comes twice."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

STEP_BYTES: Final = 4_096
TAIL_BYTES: Final = 4 * 2**20
"""More than the longest line: a note of 1,000,000 bytes, or an event with a whole bulk's list."""


def last(path: Path, member: str) -> int:
    """That member of the last line, -1 without one. What a crash left half done is cut off."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return -1
    with file:
        end = file.seek(0, os.SEEK_END)
        begin = max(0, end - TAIL_BYTES)
        file.seek(begin)
        tail = file.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(whole) != len(tail):
            file.truncate(begin + len(whole))
    line = whole[:-1].rpartition(b"\n")[2]
    return int(json.loads(line)[member]) if line else -1


def append(path: Path, member: str, items: Iterable[Mapping[str, Any]]) -> None:
    """Add, durably, those items whose member goes beyond the last line's."""
    held = last(path, member)
    with path.open("ab") as file:
        for item in items:
            if item[member] > held:
                file.write(json.dumps(item, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def place(file: BinaryIO, member: str, after: int) -> int:
    """Where the first line begins whose member goes beyond `after`: found by halving."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while low < high:
        # The line that holds the byte in the middle: it begins behind the line feed before.
        middle = (low + high) // 2
        begin = _begin(file, low, middle)
        file.seek(begin)
        line = file.readline()
        # A torn end counts as not there yet.
        if not line.endswith(b"\n") or json.loads(line)[member] > after:
            high = begin
        else:
            low = begin + len(line)
    return low


def _begin(file: BinaryIO, low: int, at: int) -> int:
    """Where the line of a byte begins; `low` is the begin of a line at or before it."""
    end = at
    while end > low:
        start = max(low, end - STEP_BYTES)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return low
