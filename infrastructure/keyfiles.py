"""Files beside the database that must be safe: signing keys, the vault's key, the high-water mark.

Whoever reads a key file can sign as the log, so a file that others may read is refused instead of
being tidied up: what could be read has to be taken as read. Nothing here knows what a key signs.
"""

import os
import secrets
import stat
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import PrivateKey

FILE_LIMIT_BYTES = 16_384
SECRET_BYTES = 32
PRIVATE_MODE = 0o600


class KeyFileError(Exception):
    """A key or mark file that must not be used; ``code`` is stable, ``path`` names the file."""

    def __init__(self, code: str, path: Path, detail: str = "") -> None:
        super().__init__(f"{code}: {path}" + (f": {detail}" if detail else ""))
        self.code = code
        self.path = path


def create_private_key(path: Path, key: PrivateKey | None = None) -> PrivateKey:
    """Write ``key`` (default: a new Ed25519 key) as unencrypted PKCS #8 PEM, mode 0600, durably.

    Raises:
        KeyFileError: ``key_file_exists``; a key is never overwritten.
    """
    made: PrivateKey = Ed25519PrivateKey.generate() if key is None else key
    pem = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _create(path, pem)
    return made


def load_private_key(path: Path) -> PrivateKey:
    """The Ed25519 or P-256 key in a PEM file.

    Raises:
        KeyFileError: ``key_file_missing``, ``key_file_readable_by_others``, ``key_file_malformed``.
    """
    try:
        key = serialization.load_pem_private_key(_read_private(path), password=None)
    except (ValueError, TypeError) as error:
        raise KeyFileError(
            "key_file_malformed", path, "unencrypted PKCS #8 PEM expected"
        ) from error
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    raise KeyFileError("key_file_malformed", path, "an Ed25519 or P-256 key expected")


def load_seed(path: Path) -> bytes:
    """The 32-byte seed of an Ed25519 key: what signs notes (RFC 8032 section 5.1.5).

    Raises:
        KeyFileError: as :func:`load_private_key`; a P-256 key is ``key_file_malformed`` here.
    """
    key = load_private_key(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError("key_file_malformed", path, "notes are signed with Ed25519")
    return key.private_bytes_raw()


def create_secret(path: Path) -> bytes:
    """32 random bytes in a new file of mode 0600: the key that wraps the vault's record keys.

    Raises:
        KeyFileError: ``key_file_exists``.
    """
    secret = secrets.token_bytes(SECRET_BYTES)
    _create(path, secret)
    return secret


def load_secret(path: Path) -> bytes:
    """The 32 bytes that :func:`create_secret` wrote.

    Raises:
        KeyFileError: ``key_file_missing``, ``key_file_readable_by_others``, ``key_file_malformed``.
    """
    secret = _read_private(path)
    if len(secret) != SECRET_BYTES:
        raise KeyFileError("key_file_malformed", path, f"{SECRET_BYTES} bytes expected")
    return secret


class HighWaterMark:
    """The largest tree that the log key may have signed, kept where no database restore reaches it.

    The file is the text of that checkpoint, unsigned. It is written before the signature exists, so
    it can be ahead of what was published but never behind: a database that ends before it, or that
    gives another root at its size, has lost or changed what somebody outside may already hold.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, empty: Checkpoint) -> None:
        """Begin a new log's mark, before its first event.

        Raises:
            KeyFileError: ``mark_exists``.
        """
        if self.path.exists():
            raise KeyFileError("mark_exists", self.path)
        write_durably(self.path, empty.encode().encode())

    def read(self) -> Checkpoint:
        """The mark.

        Raises:
            KeyFileError: ``mark_missing`` or ``mark_malformed``; a guess repairs neither.
        """
        try:
            return Checkpoint.parse(self.path.read_bytes().decode())
        except FileNotFoundError as error:
            raise KeyFileError("mark_missing", self.path) from error
        except (ProofError, UnicodeDecodeError) as error:
            raise KeyFileError("mark_malformed", self.path) from error

    def raise_to(self, checkpoint: Checkpoint) -> None:
        """Make ``checkpoint`` the mark; durable when this returns.

        Raises:
            KeyFileError: ``mark_lowered`` when the log is another, the tree smaller, or the same
                size has another root; and as :meth:`read`.
        """
        held = self.read()
        if checkpoint == held:
            return
        if checkpoint.origin != held.origin or checkpoint.size <= held.size:
            raise KeyFileError("mark_lowered", self.path, f"{held.size} to {checkpoint.size}")
        write_durably(self.path, checkpoint.encode().encode())


def write_durably(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``; a power cut leaves the old file or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable, which fsync(2) of a file does not do."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create(path: Path, data: bytes) -> None:
    """A new file, whole or not at all: half a key would be kept by whoever finds it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Made with mode 0600, whatever the umask.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), PRIVATE_MODE)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # link(2), unlike rename(2), never replaces a file.
        path.hardlink_to(temporary)
    except FileExistsError as error:
        raise KeyFileError("key_file_exists", path) from error
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _read_private(path: Path) -> bytes:
    """The bytes of a file that only its owner may touch, judged on the file that was opened."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyFileError("key_file_malformed", path, "not a regular file")
            if not status.st_size:
                # The key is gone, which is worse than that others could have read nothing.
                raise KeyFileError("key_file_malformed", path, "the file is empty")
            if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeyFileError(
                    "key_file_readable_by_others", path, f"mode {stat.S_IMODE(status.st_mode):04o}"
                )
            return file.read(FILE_LIMIT_BYTES)
    except FileNotFoundError as error:
        raise KeyFileError("key_file_missing", path) from error
    except (IsADirectoryError, PermissionError) as error:
        raise KeyFileError("key_file_malformed", path, type(error).__name__) from error
