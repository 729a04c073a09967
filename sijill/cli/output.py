"""What a verb says: its result on standard output, everything else on standard error.

Sentences come from the catalogues, in the reader's language; names of members stay as the contract
spells them. Colour only on a terminal, and never where NO_COLOR is set (no-color.org).
"""

import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO

from sijill.cli.options import Talk

COLUMNS = 80
LAST_COLUMN = 20
PROGRESS_SECONDS = 1.0
_GAP = "  "
_COLOURS = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "dim": "2"}


class Output:
    """The two streams of one verb, in one language."""

    def __init__(self, talk: Talk) -> None:
        self.json = talk.output != "human"
        self.language = talk.chosen_language

    def words(self, text: str, /, **params: str | int) -> str:
        """The text with this id, in the reader's language."""
        from api.i18n import translate

        return translate(self.language, text, **params)

    def result(self, value: Any, *lines: str) -> None:
        """Print the result: `value` as one JSON document, or these lines for people."""
        text = json.dumps(value, ensure_ascii=False, indent=2) if self.json else "\n".join(lines)
        if text:
            write(text, sys.stdout)

    def item(self, value: Any, *lines: str) -> None:
        """Print one of many results: a line of JSON, or these lines for people."""
        text = json.dumps(value, ensure_ascii=False) if self.json else "\n".join(lines)
        if text:
            write(text, sys.stdout)

    def say(self, text: str, *, colour: str | None = None) -> None:
        """Talk: a paragraph on standard error."""
        for line in fold(text):
            write(paint(line, colour, sys.stderr), sys.stderr)

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> list[str]:
        """Rows in columns; `columns` maps members of a row to the ids of their headings."""
        head = [self.words(text) for text in columns.values()]
        body = [[_cell(row.get(name)) for name in columns] for row in rows]
        return _aligned([head, *body], _width())

    def verdict_colour(self, outcome: str) -> str:
        """Green for the one good outcome; yellow where nothing was decided."""
        return {"valid": "green", "could_not_check": "yellow", "unreadable": "yellow"}.get(
            outcome, "red"
        )


class Progress:
    """How far a long piece of work is: a line a second, rewritten in place on a terminal."""

    def __init__(
        self,
        output: Output,
        clock: Callable[[], float] = time.monotonic,
        *,
        total: int | None = None,
    ) -> None:
        self._output = output
        self._total = total
        self._clock = clock
        self._started = self._told = clock()
        self._terminal = sys.stderr.isatty()
        self.done = 0

    def step(self, count: int = 1) -> None:
        """Count work as done and tell, at most once a second."""
        self.done += count
        if self._clock() - self._told >= PROGRESS_SECONDS:
            self._tell()

    def reach(self, done: int) -> None:
        """As `step`, by how much is done altogether."""
        self.step(done - self.done)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return self._clock() - self._started

    def end(self) -> None:
        """Tell the last figure."""
        self._tell()
        if self._terminal:
            write("", sys.stderr)

    def _tell(self) -> None:
        self._told = self._clock()
        rate = round(self.done / max(self._told - self._started, 0.001))
        if self._total is None:
            text = self._output.words("cli.progress", lines=self.done, rate=rate)
        else:
            left = max(0, self._total - self.done) // max(rate, 1)
            text = self._output.words(
                "cli.progress_left", done=self.done, total=self._total, rate=rate, seconds=left
            )
        start, end = ("\r", "") if self._terminal else ("", "\n")
        write(f"{start}{text}", sys.stderr, end=end)


def write(text: str, stream: TextIO, end: str = "\n") -> None:
    """Write and flush: whoever reads at the other end sees a line when it is said."""
    stream.write(text + end)
    stream.flush()


def fold(text: str, *, indent: int = 0, columns: int = COLUMNS) -> list[str]:
    """A paragraph in lines of at most so many columns; a long word (an address) stays whole."""
    blanks = " " * indent
    return textwrap.wrap(
        text,
        columns,
        initial_indent=blanks,
        subsequent_indent=blanks,
        break_long_words=False,
        break_on_hyphens=False,
    )


def paint(text: str, colour: str | None, stream: TextIO) -> str:
    """Colour a text where a person sees it."""
    if colour is None or not stream.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def moment(microseconds: int) -> str:
    """A moment of the log for people: ISO 8601, to the second, in Baghdad's time."""
    from domain.values.moments import BAGHDAD

    seconds = microseconds // 1_000_000
    return datetime.fromtimestamp(seconds, BAGHDAD).isoformat(sep=" ")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _width() -> int:
    """The columns of the terminal that a table is shown on; 80 where it goes anywhere else."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else COLUMNS


def _aligned(rows: Sequence[Sequence[str]], columns: int) -> list[str]:
    """Lines with their columns under one another.

    What does not fit into so many goes on below the last column, or on lines of its own where that
    is too narrow: nothing is cut, because the end of an act or of a name may be what matters.
    """
    from rich.cells import cell_len, set_cell_size

    widths = [max(cell_len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    begins = sum(widths) + len(_GAP) * len(widths)
    lines = []
    for row in rows:
        cells = [set_cell_size(cell, width) for cell, width in zip(row, widths, strict=False)]
        line = _GAP.join([*cells, row[-1]])
        if cell_len(line) <= columns:
            lines.append(line.rstrip())
        elif columns - begins >= LAST_COLUMN:
            first, *more = fold(row[-1], indent=begins, columns=columns)
            lines += [_GAP.join([*cells, first.lstrip()]), *more]
        else:
            lines += [
                _GAP.join(cells).rstrip(),
                *fold(row[-1], indent=2 * len(_GAP), columns=columns),
            ]
    return lines
