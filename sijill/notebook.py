"""What a check has to remember, kept small: in memory for a start, then in a file of SQLite's.

A check asks of each event what was there before: the stream's last version, the order's line, a
claim, the record. That grows with the log, so beyond `HELD` entries it goes to a file; what stays
in memory is that many entries, a filter of 16 MiB that answers most questions after what is not
there, and SQLite's own cache of `CACHE_KIB`. The bound does not depend on the log's length.

A file that is kept lets the next check go on where this one ended, or was cut off. It is the
checker's own and is believed: whoever can write it can have things passed over.
"""

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import Any, Final

HELD: Final = 200_000
"""Entries that wait in memory; they are written so many at a time, in the order of their keys."""
CACHE_KIB: Final = 65_536
FILTER_BITS: Final = 2**27
FORMAT: Final = 2
_MASK: Final = FILTER_BITS - 1
_WORD: Final = Struct(">I")
_WORD_FROM_END: Final = 8
_ELSEWHERE: Final = b"not among those that wait"

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS known (
    space TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (space, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY CHECK (one = 1), said TEXT NOT NULL);
"""
_PUT: Final = "INSERT OR REPLACE INTO known (space, key, value) VALUES (?, ?, ?)"
_GET: Final = "SELECT value FROM known WHERE space = ? AND key = ?"
_DROP: Final = "DELETE FROM known WHERE space = ? AND key = ?"

Key = tuple[str, bytes]


class NotebookUnusable(Exception):
    """The file that an earlier check is said to have left is none, or another release's."""

    code = "input_notebook_unusable"

    def __init__(self, path: Path) -> None:
        super().__init__(self.code)
        self.params = {"path": str(path)}


class Notebook:
    """Values by space and key. Keys are hashes or ids of 16 bytes and more: evenly spread."""

    def __init__(self, path: Path | None = None, *, held: int = HELD) -> None:
        """Remember in a file that is kept, or in one that is nobody's and goes with the process.

        Raises:
            NotebookUnusable: there is a file, and it is none of these.
        """
        self._held = held
        self._waiting: dict[Key, bytes | None] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._file: sqlite3.Connection | None = None
        self._filter: bytearray | None = None
        if path is not None:
            try:
                self._file = _open(path, kept=True)
                self._format(path)
            except sqlite3.Error as error:
                raise NotebookUnusable(path) from error

    def get(self, space: str, key: bytes) -> bytes | None:
        """What is remembered, or None."""
        waiting = self._waiting.get((space, key), _ELSEWHERE)
        if waiting is not _ELSEWHERE:
            return waiting
        if self._file is None or not self._may_hold(key):
            return None
        row = self._file.execute(_GET, (space, key)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, space: str, key: bytes, value: bytes) -> None:
        """Remember a value in place of whatever was there."""
        self._waiting[space, key] = value
        if len(self._waiting) >= self._held:
            self._write()

    def drop(self, space: str, key: bytes) -> None:
        """Forget a value."""
        self._waiting[space, key] = None

    def state(self) -> dict[str, Any] | None:
        """What was said at the last `keep`; None where nothing was."""
        if self._file is None:
            return None
        row = self._file.execute("SELECT said FROM state").fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def keep(self, said: Mapping[str, Any]) -> None:
        """Make everything so far durable, together with where the check stands."""
        self._write()
        assert self._file is not None  # noqa: S101 - writing has opened it
        self._file.execute(
            "INSERT OR REPLACE INTO state (one, said) VALUES (1, ?)", (json.dumps(dict(said)),)
        )
        self._file.commit()

    def close(self) -> None:
        """Give everything back; what was not kept is lost."""
        if self._file is not None:
            self._file.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _write(self) -> None:
        if self._file is None:
            self._folder = tempfile.TemporaryDirectory(prefix="sijill-check-")
            self._file = _open(Path(self._folder.name) / "notebook", kept=False)
        waiting = sorted(self._waiting.items(), key=lambda entry: entry[0])
        self._waiting = {}
        self._file.executemany(_DROP, (key for key, value in waiting if value is None))
        kept = [(*key, value) for key, value in waiting if value is not None]
        self._file.executemany(_PUT, kept)
        if self._filter is None:
            self._filter = bytearray(FILTER_BITS // 8)
        for _, key, _ in kept:
            self._mark(key)

    def _format(self, path: Path) -> None:
        assert self._file is not None  # noqa: S101 - just opened
        said = self.state()
        if said is not None and said.get("format") != FORMAT:
            raise NotebookUnusable(path)
        if said is not None:
            self._filter = bytearray(FILTER_BITS // 8)
            self._fill()

    def _fill(self) -> None:
        assert self._file is not None  # noqa: S101 - asked of a file only
        for (key,) in self._file.execute("SELECT key FROM known"):
            self._mark(key)

    def _mark(self, key: bytes) -> None:
        assert self._filter is not None  # noqa: S101 - made before
        bit = _bit(key)
        self._filter[bit >> 3] |= 1 << (bit & 7)

    def _may_hold(self, key: bytes) -> bool:
        """False for most of what the file does not hold."""
        known = self._filter
        if known is None:
            return True
        bit = _bit(key)
        return bool(known[bit >> 3] & 1 << (bit & 7))


@contextmanager
def notebook(path: Path | None = None) -> Iterator[Notebook]:
    """A notebook that is closed at the end.

    Raises:
        NotebookUnusable: as `Notebook`.
    """
    opened = Notebook(path)
    try:
        yield opened
    finally:
        opened.close()


def _bit(key: bytes) -> int:
    """A key's place in the filter. Ids begin with the time, and some keys end in a small number.

    One place and not several: with a hundred million entries the one lets fewer strangers pass than
    three would, and it is asked for a dozen times an event.
    """
    return int(_WORD.unpack_from(key, len(key) - _WORD_FROM_END)[0]) & _MASK


def _open(path: Path, *, kept: bool) -> sqlite3.Connection:
    file = sqlite3.connect(path)
    file.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    # What was not kept is of no use after a crash, and what was kept is made durable by `keep`.
    file.execute(f"PRAGMA journal_mode = {'WAL' if kept else 'OFF'}")
    file.execute(f"PRAGMA synchronous = {'FULL' if kept else 'OFF'}")
    file.executescript(_SCHEMA)
    return file
