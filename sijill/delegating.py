"""The key of the status lists: made where it is missing, and named by the log's key for a year.

Every host that serves may have one of its own. What a stolen one can do ends with its note, and
with the list that it signed last: both say until when.
"""

import math
import time
from pathlib import Path

import structlog

from infrastructure import keyfiles
from infrastructure.keyfiles import KeyFileError
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.statuslist import Delegation, Signer
from sijill.folder import Folder

LOGGER = structlog.get_logger("delegating")
LIFE_SECONDS = 400 * 86_400
RENEWED_SECONDS = 300 * 86_400
"""A note that ends earlier is written anew when the ledger is served next."""
LOOKS_SECONDS = 1.0
_NOTE_BYTES = 16_384
_DAY_SECONDS = 86_400


def ensure(folder: Folder, origin: str, ledger: bytes) -> None:
    """Have a key and a note that is good for long; where the log's key is not here, say so.

    Raises:
        KeyFileError, OSError: a key file must not be used.
    """
    if not folder.key("status").exists():
        keyfiles.create_private_key(folder.key("status"))
    key = folder.status_key(origin).verifier
    log_keys = folder.log_keys(origin)
    if not log_keys:
        LOGGER.warning("no log key to name the key of status lists", path=str(folder.keys))
        return
    now = int(time.time())
    try:
        # By the newest key: an older one is taken away when a rotation is over.
        held = Delegation.open(_note(folder.status_note), log_keys[-1].verifier)
        good = (held.ledger, held.key) == (ledger, key) and held.until > now + RENEWED_SECONDS
    except ProofError:
        good = False
    if not good:
        made = Delegation(ledger, key, now + LIFE_SECONDS).sign(log_keys)
        keyfiles.write_durably(folder.status_note, made)


def signer(folder: Folder, origin: str, ledger: bytes) -> Signer | None:
    """What signs status lists, or None where there is no note that names its key."""
    try:
        key, log_keys = folder.status_key(origin), folder.log_keys(origin)
        if not log_keys:
            return None
        note = _note(folder.status_note)
        held = Delegation.open(note, log_keys[-1].verifier)
    except (KeyFileError, ProofError) as error:
        LOGGER.warning("no status lists", error=error.code)
        return None
    fits = (held.ledger, held.key) == (ledger, key.verifier) and held.until > time.time()
    return Signer(origin, ledger, key, note) if fits else None


class Renewing:
    """What signs status lists as the folder's files are by now: call it before each.

    Where the log's key was rotated while the ledger is served, or the note nears its end, the note
    is written anew: readers who know the new key believe no note by the old one alone.
    """

    def __init__(self, folder: Folder, origin: str, ledger: bytes) -> None:
        self._folder, self._origin, self._ledger = folder, origin, ledger
        self._looked = -math.inf
        self._seen: object = None
        self._signer = signer(folder, origin, ledger)

    def __call__(self) -> Signer | None:
        """The signer; None as `signer` has it. Looks at the files once in `LOOKS_SECONDS`."""
        now = time.monotonic()
        if now - self._looked < LOOKS_SECONDS:
            return self._signer
        self._looked = now
        try:
            if self._stands() != self._seen:
                ensure(self._folder, self._origin, self._ledger)
                self._signer = signer(self._folder, self._origin, self._ledger)
                self._seen = self._stands()
        except (KeyFileError, OSError) as error:
            LOGGER.warning("the key of the status lists is as it was", error=str(error))
        return self._signer

    def _stands(self) -> object:
        """What a note is made from; another day, too, may be the one to renew it."""
        files = [*self._folder.keys.glob("log*.pem"), *self._folder.keys.glob("status.*")]
        changed = sorted((path.name, path.stat().st_mtime_ns) for path in files)
        return int(time.time()) // _DAY_SECONDS, changed


def _note(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_NOTE_BYTES)
    except FileNotFoundError:
        return b""
