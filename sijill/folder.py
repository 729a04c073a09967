"""The data folder: which file lies where. Nothing else spells these names."""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from infrastructure import keyfiles
from infrastructure.keyfiles import HighWaterMark
from infrastructure.log.tilestore import TileStore
from infrastructure.proofs import statuslist
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.receipts import key_name
from infrastructure.vault import Vault

FOUNDERS = ("ndc", "comsec")
MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there is a folder that only its maker enters


@dataclass(frozen=True, slots=True)
class Folder:
    """A ledger's folder. Key files are 0600; the founders' belong on other machines once made."""

    path: Path

    @property
    def keys(self) -> Path:
        """The folder of keys."""
        return self.path / "keys"

    def key(self, name: str) -> Path:
        """The PEM file of one signing key: `ndc`, `comsec-recovery`, `log`, `receipts`."""
        return self.keys / f"{name}.pem"

    @property
    def vault_key(self) -> Path:
        """The vault's key-encryption key."""
        return self.keys / "vault.key"

    @property
    def mark(self) -> HighWaterMark:
        """The high-water mark: outside the database, because it guards against its restore."""
        return HighWaterMark(self.path / "high-water")

    @property
    def tiles(self) -> TileStore:
        """The full tiles."""
        return TileStore(self.path / "log")

    @property
    def multiprocess(self) -> tuple[Path, Path]:
        """Where worker processes may leave their metrics, the better place first."""
        name = sha256(os.fsencode(self.path.resolve())).hexdigest()[:16]
        return MEMORY / f"sijill-metrics-{name}", self.path / "metrics"

    def vault(self) -> Vault:
        """The vault under this folder's key.

        Raises:
            KeyFileError: the key file is missing or may be read by others.
        """
        return Vault(keyfiles.load_secret(self.vault_key))

    def receipts_key(self, origin: str) -> SignerKey:
        """What signs receipts and verdicts."""
        return SignerKey(key_name(origin), keyfiles.load_seed(self.key("receipts")))

    @property
    def status_note(self) -> Path:
        """The note by which the log's key names the key of the status lists."""
        return self.keys / "status.note"

    def status_key(self, origin: str) -> SignerKey:
        """What signs status lists."""
        return SignerKey(statuslist.key_name(origin), keyfiles.load_seed(self.key("status")))

    def log_keys(self, origin: str) -> list[SignerKey]:
        """What signs checkpoints: `log.pem`, after a rotation `log-2.pem` and so on, oldest first.

        While two files lie here, both sign: that is a rotation's overlap, which the operator ends
        by taking the older file away.
        """
        files = [path for path in self.keys.glob("log*.pem") if _number(path) is not None]
        return [
            SignerKey(origin, keyfiles.load_seed(path))
            for path in sorted(files, key=lambda path: _number(path) or 0)
        ]

    def next_log_key(self) -> Path:
        """The file that a rotation's new key goes into."""
        numbers = [_number(path) or 0 for path in self.keys.glob("log*.pem")]
        return self.key(f"log-{max(numbers, default=0) + 1}")


def _number(path: Path) -> int | None:
    """1 for `log.pem`, n for `log-n.pem`, None for another file."""
    name = path.stem
    if name == "log":
        return 1
    _, _, digits = name.partition("-")
    return int(digits) if digits.isdigit() else None
