"""A witness: remembers the newest checkpoint of each log that it watches, and cosigns larger ones.

C2SP tlog-witness and nothing of the ledger: it may watch any log of that family. One folder:

    name                 under which it cosigns
    witness.pem          its key, which cosigns and does nothing else
    logs/HASH            for each log, by the SHA-256 of its origin, the checkpoint it cosigned last
"""

import fcntl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from infrastructure.keyfiles import create_private_key, load_seed, write_durably
from infrastructure.proofs import note, witnessing
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.cosignature import Cosigner
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.material import text_of
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.witnessing import Answer, Submission


class Witness:
    """A witness's folder, opened.

    Args:
        folder: as :func:`make` made it.
        logs: the keys of the logs that it watches; a log that rotates its key has several.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        logs: Sequence[VerifierKey],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._logs: Mapping[str, list[VerifierKey]] = {
            key.name: [one for one in logs if one.name == key.name] for key in logs
        }
        self.signer = Cosigner(
            (folder / "name").read_text(encoding="utf-8").strip(), load_seed(folder / "witness.pem")
        )

    def add_checkpoint(self, data: bytes) -> tuple[Answer, bytes]:
        """Answer a submission; with 200 the second part is the cosignature's line.

        What is cosigned is on the disk before this returns, and between reading what was cosigned
        last and writing what is cosigned now nobody else gets in, of this process or another.
        """
        try:
            submission = Submission.parse(data)
            origin = witnessing.origin_of(submission.note)
        except ProofError:
            return Answer(witnessing.MALFORMED), b""
        keys = self._logs.get(origin)
        if keys is None:
            return Answer(witnessing.UNKNOWN), b""
        path = self._path(origin)
        with self._locked(path):
            answer = witnessing.judge(submission, keys=keys, held=_held(path))
            if answer.status != witnessing.OK:
                return answer, b""
            line = self.signer.sign(answer.text, int(self._clock())).encode() + b"\n"
            write_durably(path, _logs_own(submission.note, keys) + line)
        return answer, line

    def newest(self, name: str) -> bytes | None:
        """What was cosigned last of the log with this hash of its origin, in lower-case hex."""
        known = {sha256(origin.encode()).hexdigest(): origin for origin in self._logs}
        origin = known.get(name)
        path = None if origin is None else self._path(origin)
        return path.read_bytes() if path is not None and path.exists() else None

    def _path(self, origin: str) -> Path:
        return self._folder / "logs" / sha256(origin.encode()).hexdigest()

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A file of its own: the checkpoint's is replaced, and a lock on it would go with it.
        with path.with_suffix(".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def make(folder: Path, name: str) -> Cosigner:
    """Make a witness's folder; its key is never overwritten.

    Raises:
        KeyFileError: there is one. ProofError: the name cannot name a key.
    """
    _ = Cosigner(name, bytes(32))
    create_private_key(folder / "witness.pem")
    write_durably(folder / "name", f"{name}\n".encode())
    return Cosigner(name, load_seed(folder / "witness.pem"))


def _logs_own(data: bytes, keys: Sequence[VerifierKey]) -> bytes:
    """A note that was opened, without the lines that anybody may have added to the log's own."""
    known = {(key.name, key.key_id) for key in keys}
    text, signed = note.signatures(data)
    lines = dict.fromkeys(
        note.line(name, key_id + signature)
        for name, key_id, signature in signed
        if (name, key_id) in known
    )
    return "\n".join([text, *lines, ""]).encode()


def _held(path: Path) -> Checkpoint | None:
    """What was cosigned last; what cannot be read is no reason to begin anew."""
    try:
        return Checkpoint.parse(text_of(path.read_bytes()))
    except FileNotFoundError:
        return None
