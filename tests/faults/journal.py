"""A client's own journal: what it sent, and what it was answered.

One JSON object a line, synced before anything follows from it: an order before it is sent, an
answer before the next order is made. The end check reads these files and nobody's memory.

    {"sent": {…}}                       a request as `Prepared.encode` writes it
    {"answered": KEY, "lines": [{…}]}   the answers to its lines, with their receipts
    {"refused": KEY, "code": "…"}       what the ledger will never record
    {"checkpoint": "…"}                 a signed note that it was shown
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sijill.client import Prepared


class Journal:
    """The file of one client; one thread writes it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("ab")

    def sent(self, prepared: Prepared) -> None:
        """Before a request is sent for the first time."""
        self._write({"sent": json.loads(prepared.encode())})

    def answered(self, prepared: Prepared, lines: Sequence[Mapping[str, Any]]) -> None:
        """All lines of a request are answered for good."""
        self._write({"answered": prepared.key, "lines": list(lines)})

    def refused(self, prepared: Prepared, code: str) -> None:
        """The whole request is refused for good."""
        self._write({"refused": prepared.key, "code": code})

    def saw(self, note: bytes) -> None:
        """A checkpoint that the client was shown."""
        self._write({"checkpoint": note.decode()})

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@dataclass(slots=True)
class Kept:
    """What a journal holds, or several together.

    Attributes:
        sent: by idempotency key, the hex digests of the statements that were sent.
        answered: by idempotency key, the answer to each line.
        refused: by idempotency key, the code of the refusal.
        checkpoints: the notes that were shown.
    """

    sent: dict[str, tuple[str, ...]] = field(default_factory=dict)
    answered: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    checkpoints: set[str] = field(default_factory=set)

    def lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every line that was answered: its statement's hex digest, and the answer."""
        for key, lines in self.answered.items():
            yield from zip(self.sent[key], lines, strict=True)


def read(paths: Iterator[Path] | Sequence[Path]) -> Kept:
    """What these journals hold."""
    kept = Kept()
    for path in paths:
        for line in path.read_bytes().splitlines():
            entry = json.loads(line)
            match entry:
                case {"sent": request}:
                    prepared = Prepared.decode(json.dumps(request).encode())
                    kept.sent[prepared.key] = prepared.statements
                case {"answered": key, "lines": lines}:
                    kept.answered[key] = lines
                case {"refused": key, "code": code}:
                    kept.refused[key] = code
                case {"checkpoint": note}:
                    kept.checkpoints.add(note)
                case _:
                    raise ValueError(f"{path} holds an entry of no kind")
    return kept
