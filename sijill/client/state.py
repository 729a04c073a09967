"""What a client keeps on disk: a crash doubles nothing, and no ledger can take back its word.

    ledger.json          which ledger this is, pinned when it was first met
    checkpoint           the newest checkpoint, a signed note
    marks.key            the secret under which lines are named here
    journal/KEY.json     requests that were signed and not yet answered for good
    uploads/MARK.json    uploads that a record has yet to name: which file goes under which id
    outbox/ID.json       orders that were written down and never sent; refused/ has the refused ones
    agency               in whose name the key signs, as the ledger said
    waiting/KEY.json     orders that the ledger keeps until others have signed them
    receipts/INDEX.txt   the receipt of a single act, a signed note
    receipts/KEY.ndjson  the answers to a bulk, with their receipts, a line each
    receipts/KEY.marks   the sender's names of the lines that were recorded, 32 bytes each
    suspect/             what a ledger said that contradicts what is kept here

The folder belongs to its owner alone: journaled requests hold the values of documents.
"""

import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from infrastructure.keyfiles import PRIVATE_MODE, write_durably
from sijill.client.prepared import Prepared

MARK_BYTES = 32
QUEUED: Final = "outbox "
"""What the mark of a request begins with that was signed for an entry of the outbox: its id."""
_FOLDERS = ("journal", "waiting", "outbox", "refused", "uploads", "receipts", "suspect")
_PRIVATE_FOLDER = 0o700


class State:
    """One client's folder; several processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Of what it makes on the way, `mkdir` gives only the last one this mode.
        folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
        for name in _FOLDERS:
            (folder / name).mkdir(exist_ok=True, mode=_PRIVATE_FOLDER)

    def read(self, name: str) -> bytes | None:
        """The bytes of one file, or None."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> Path:
        """Write one file durably: it is there whole after a power cut, or not at all."""
        path = self.folder / name
        write_durably(path, data)
        return path

    @contextmanager
    def locked(self, name: str = "lock") -> Iterator[None]:
        """Keep other processes from comparing and replacing the checkpoint at the same time."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.folder / name, flags, PRIVATE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def journal(self, prepared: Prepared) -> None:
        """Remember a request before it is sent for the first time."""
        self.write(f"journal/{prepared.key}.json", prepared.encode())

    def journaled(self) -> list[Prepared]:
        """Requests that were journaled and not yet answered for good, oldest first."""
        return self._stored("journal")

    def interrupted(self) -> list[Prepared]:
        """Journaled requests of commands that were cut off; not what an entry that waits sends."""
        queued = {f"{QUEUED}{path.stem}" for path in (self.folder / "outbox").glob("*.json")}
        return [one for one in self.journaled() if queued.isdisjoint(one.marks)]

    def waiting(self) -> list[Prepared]:
        """Orders that wait for signatures, as far as anybody has asked, oldest first."""
        return self._stored("waiting")

    def park(self, prepared: Prepared) -> None:
        """Move a journaled order to those that wait for signatures: its receipt is yet to come."""
        self.write(f"waiting/{prepared.key}.json", prepared.encode())
        (self.folder / "journal" / f"{prepared.key}.json").unlink(missing_ok=True)

    def settle(self, prepared: Prepared) -> None:
        """Forget a request, with the values in it: it has been answered for good."""
        for folder in ("journal", "waiting"):
            (self.folder / folder / f"{prepared.key}.json").unlink(missing_ok=True)

    def _stored(self, folder: str) -> list[Prepared]:
        found = [
            ((opened.changed_ns, path.name), opened.data)
            for path in (self.folder / folder).glob("*.json")
            if (opened := _opened(path)) is not None
        ]
        return [Prepared.decode(data) for _, data in sorted(found)]

    def texts(self, folder: str) -> list[bytes]:
        """What the files of a folder hold, by their names."""
        files = sorted((self.folder / folder).glob("*.json"))
        return [opened.data for path in files if (opened := _opened(path)) is not None]

    def keep(self, prepared: Prepared, answer: Any) -> None:
        """Keep what an order was answered with, as far as there are receipts in it."""
        if isinstance(answer, list):
            self.keep_answers(prepared, answer)
        elif "receipt" in answer:
            self.keep_receipt(answer["index"], answer["receipt"])

    def keep_receipt(self, index: int, receipt: str) -> Path:
        """Keep the receipt of a single act, once verified."""
        return self.write(f"receipts/{index}.txt", receipt.encode())

    def receipt_path(self, index: int) -> Path:
        """Where the receipt of a single act is kept."""
        return self.folder / "receipts" / f"{index}.txt"

    def keep_answers(self, prepared: Prepared, answers: Sequence[Mapping[str, Any]]) -> Path:
        """Keep what a bulk was answered: for each line its receipt, or why it was refused."""
        lines = b"".join(
            json.dumps(answer, ensure_ascii=False).encode() + b"\n" for answer in answers
        )
        path = self.write(f"receipts/{prepared.key}.ndjson", lines)
        if prepared.marks:
            recorded = {answer["line"] for answer in answers if "receipt" in answer}
            marks = (
                bytes.fromhex(mark) if line in recorded else bytes(MARK_BYTES)
                for line, mark in enumerate(prepared.marks)
            )
            # Last, because whoever finds the marks goes on to read the answers.
            self.write(f"receipts/{prepared.key}.marks", b"".join(marks))
        return path

    def answers_path(self, prepared: Prepared) -> Path:
        """Where the answers to a bulk, with their receipts, are kept."""
        return self.folder / "receipts" / f"{prepared.key}.ndjson"

    def receipts(self) -> Iterator[bytes]:
        """Every receipt that is kept, a signed note each."""
        for path in sorted((self.folder / "receipts").glob("*.txt")):
            yield path.read_bytes()
        for path in sorted((self.folder / "receipts").glob("*.ndjson")):
            for line in path.read_bytes().splitlines():
                answer = json.loads(line)
                if "receipt" in answer:
                    yield answer["receipt"].encode()

    def recorded(self, marks: set[str]) -> dict[str, dict[str, Any]]:
        """By mark, the answer to each of these lines that was recorded by a bulk of the past."""
        wanted = {bytes.fromhex(mark): mark for mark in marks}
        found: dict[str, dict[str, Any]] = {}
        for path in sorted((self.folder / "receipts").glob("*.marks")):
            data = path.read_bytes()
            pieces = (data[at : at + MARK_BYTES] for at in range(0, len(data), MARK_BYTES))
            known = {line: wanted[piece] for line, piece in enumerate(pieces) if piece in wanted}
            if known:
                for text in path.with_suffix(".ndjson").read_bytes().splitlines():
                    answer = json.loads(text)
                    if answer["line"] in known:
                        found[known[answer["line"]]] = answer
        return found

    def mark(self, said: bytes) -> str:
        """The sender's name for a line: a digest under this folder's own secret, 64 hex digits.

        What a line says can often be guessed (a name, a number), so its bare digest would give it
        away to whoever reads the folder after the values are gone.
        """
        return hashlib.blake2b(said, key=self._secret, digest_size=MARK_BYTES).hexdigest()

    @cached_property
    def _secret(self) -> bytes:
        with self.locked():
            secret = self.read("marks.key")
            if secret is None:
                secret = secrets.token_bytes(MARK_BYTES)
                self.write("marks.key", secret)
        return secret

    def suspect(self, what: str, data: bytes) -> Path:
        """Keep what contradicts the ledger's own word, for an auditor."""
        return self.write(f"suspect/{time.time_ns()}-{what}", data)


class _Opened(NamedTuple):
    data: bytes
    changed_ns: int


def _opened(path: Path) -> _Opened | None:
    """A file that was listed; None where another process, or whoever drops it, has settled it."""
    try:
        with path.open("rb") as file:
            return _Opened(file.read(), os.fstat(file.fileno()).st_mtime_ns)
    except FileNotFoundError:
        return None
