"""The vault: values beside the log, sealed under a key per record that can be destroyed.

A record key is 256 random bits, wrapped (AES key wrap, RFC 3394) by the key-encryption key that
lies in a file outside the database. Under it AES-256-GCM (NIST SP 800-38D) seals each line with a
random 96-bit nonce in front, bound to its owner and to what was signed: a sealed value that is
moved to another record or statement does not open. Look-ups are HMAC-SHA-256 under an index key
that HKDF (RFC 5869) derives from the same file, so that the database alone cannot try out names.
"""

import hmac
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from psycopg import AsyncConnection, Connection
from psycopg.rows import tuple_row

from infrastructure.log.queries import load

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
PAGE_ROWS: Final = 1_000
_SEAL_LABEL: Final = b"sijill/vault/seal/v1\x00"
_INDEX_LABEL: Final = b"sijill/vault/index/v1"
_QUERIES = load("infrastructure", "vault.sql")


class VaultError(Exception):
    """The vault does not give a value; `code` says why."""

    code = "vault"


class ValuesErased(VaultError):
    """The record's key was destroyed by an erasure. Its values are gone for ever, as ordered."""

    code = "values_erased"


class RecordKeyMissing(VaultError):
    """The record has no key here although nothing was erased: a restore left the keys behind."""

    code = "record_key_missing"


class VaultKeyWrong(VaultError):
    """The wrapped key does not open under this key-encryption key."""

    code = "vault_key_wrong"


class SealBroken(VaultError):
    """The sealed bytes were changed, or belong to another record or statement."""

    code = "seal_broken"


class Vault:
    """Seals and opens; holds keys in memory only while a call lasts, its own two excepted.

    Args:
        kek: the key-encryption key, 32 bytes.

    Raises:
        ValueError: it has another length.
    """

    def __init__(self, kek: bytes) -> None:
        if len(kek) != KEY_BYTES:
            raise ValueError(f"the key-encryption key has {KEY_BYTES} bytes")
        self._kek = kek
        derive = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_INDEX_LABEL)
        self._index_key = derive.derive(kek)

    def __repr__(self) -> str:
        return "Vault()"

    def seal_new(self, owner: UUID, digest: bytes, data: bytes) -> tuple[bytes, bytes]:
        """A new record key, wrapped, and `data` sealed under it as `seal` does."""
        key = os.urandom(KEY_BYTES)
        return aes_key_wrap(self._kek, key), _sealed(AESGCM(key), owner, digest, data)

    def opens(self, wrapped: bytes) -> bool:
        """Whether a record key is wrapped under this vault's."""
        try:
            self._cipher(wrapped)
        except VaultKeyWrong:
            return False
        return True

    def seal(self, wrapped: bytes, owner: UUID, digest: bytes, data: bytes) -> bytes:
        """Nonce, ciphertext and tag of `data`.

        Args:
            wrapped: the record's key.
            owner: the record's stream, or the pending order's id.
            digest: what was signed: the statement's digest, or the order's root; 32 bytes.
            data: the line as it arrived, disclosures included.

        Raises:
            VaultKeyWrong: the key is not wrapped under this vault's.
        """
        return _sealed(self._cipher(wrapped), owner, digest, data)

    def open(self, wrapped: bytes, owner: UUID, digest: bytes, sealed: bytes) -> bytes:
        """What was sealed.

        Raises:
            VaultKeyWrong: the key is not wrapped under this vault's.
            SealBroken: the bytes do not belong to this owner and digest as they stand.
        """
        if len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise SealBroken("too short")
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._cipher(wrapped).decrypt(nonce, ciphertext, _bound(owner, digest))
        except InvalidTag as error:
            raise SealBroken("the seal does not fit") from error

    def wrap(self, key: bytes) -> bytes:
        """A key under the vault's own: of a file that no record has yet."""
        return aes_key_wrap(self._kek, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key that `wrap` put under the vault's.

        Raises:
            VaultKeyWrong: it is not wrapped under this vault's.
        """
        try:
            return aes_key_unwrap(self._kek, wrapped)
        except InvalidUnwrap as error:
            raise VaultKeyWrong("not wrapped under this key-encryption key") from error

    def wrap_under(self, record: bytes, key: bytes) -> bytes:
        """A file's key under that of the record which has it; `record` is the record's, wrapped.

        Raises:
            VaultKeyWrong: the record's key is not wrapped under this vault's.
        """
        return aes_key_wrap(self.unwrap(record), key)

    def unwrap_under(self, record: bytes, wrapped: bytes) -> bytes:
        """The key that `wrap_under` put under a record's.

        Raises:
            VaultKeyWrong: either is not wrapped as it should be.
        """
        try:
            return aes_key_unwrap(self.unwrap(record), wrapped)
        except InvalidUnwrap as error:
            raise VaultKeyWrong("not wrapped under this record's key") from error

    def lookup(self, space: str, folded: str) -> bytes:
        """The 32 bytes under which a committed value is found again.

        Args:
            space: which value it is; our word, without NUL.
            folded: the value in the one form that all its spellings have.
        """
        message = space.encode() + b"\x00" + folded.encode()
        return hmac.digest(self._index_key, message, "sha256")

    def _cipher(self, wrapped: bytes) -> AESGCM:
        return AESGCM(self.unwrap(wrapped))


@dataclass(frozen=True, slots=True)
class Kept:
    """What the vault holds beside one event; members are None where it holds nothing.

    Attributes:
        index, stream, body: the event's.
        erases: whether it is one that destroys its record's key.
        owner, sealed: the stream that the line is sealed for, and the line.
        wrapped: the record's key.
        erased: the index of the event that ordered the record's erasure.
    """

    index: int
    stream: UUID
    erases: bool
    body: bytes = field(repr=False)
    owner: UUID | None
    sealed: bytes | None = field(repr=False)
    wrapped: bytes | None = field(repr=False)
    erased: int | None


@dataclass(frozen=True, slots=True)
class SealedLine:
    """A sealed line as stored beside its event, and the stream whose key opens it."""

    stream: UUID
    sealed: bytes


def record_key(conn: Connection[Any], stream: UUID) -> bytes:
    """The wrapped key of a record.

    Raises:
        ValuesErased: it was destroyed.
        RecordKeyMissing: it never was, or did not come back with a restore.
    """
    cursor = conn.cursor(row_factory=tuple_row, binary=True)
    return _present(cursor.execute(_QUERIES["record_key"], {"stream": stream}).fetchone())


async def record_key_async(conn: AsyncConnection[Any], stream: UUID) -> bytes:
    """As `record_key`, for the event loop."""
    cursor = conn.cursor(row_factory=tuple_row, binary=True)
    await cursor.execute(_QUERIES["record_key"], {"stream": stream})
    return _present(await cursor.fetchone())


def fits(vault: Vault, conn: Connection[Any]) -> bool:
    """Whether what this database holds is wrapped under that vault's key; an empty one fits."""
    cursor = conn.cursor(row_factory=tuple_row, binary=True)
    row = cursor.execute(_QUERIES["some_record_key"]).fetchone()
    return row is None or vault.opens(row[0])


def sealed_line(conn: Connection[Any], index: int) -> SealedLine | None:
    """What is sealed beside the event at `index`, or None."""
    cursor = conn.cursor(row_factory=tuple_row, binary=True)
    row = cursor.execute(_QUERIES["sealed_line"], (index,)).fetchone()
    return None if row is None else SealedLine(*row)


async def sealed_line_async(conn: AsyncConnection[Any], index: int) -> SealedLine | None:
    """As `sealed_line`, for the event loop."""
    cursor = conn.cursor(row_factory=tuple_row, binary=True)
    await cursor.execute(_QUERIES["sealed_line"], (index,))
    row = await cursor.fetchone()
    return None if row is None else SealedLine(*row)


def kept(conn: Connection[Any], start: int, erasing: Sequence[str]) -> Iterator[Kept]:
    """Every event from an index on with what is held beside it, for whoever checks.

    `erasing` are the types of the events that destroy a record's key.
    """
    # On the server: however long the log, a page of it is in memory.
    with conn.cursor(name="vault_kept", row_factory=tuple_row, binary=True) as cursor:
        cursor.itersize = PAGE_ROWS
        cursor.execute(_QUERIES["kept"], {"start": start, "erasing": list(erasing)})
        for row in cursor:
            yield Kept(*row)


def unordered_erasures(conn: Connection[Any], erasing: Sequence[str]) -> list[tuple[int, UUID]]:
    """Erasures that the vault notes and no event of the log ordered: index and stream."""
    cursor = conn.cursor(row_factory=tuple_row, binary=True)
    return cursor.execute(_QUERIES["unordered_erasures"], {"erasing": list(erasing)}).fetchall()


def has_keys(conn: Connection[Any]) -> bool:
    """Whether any record's key is here: a logical backup leaves them out."""
    return conn.execute(_QUERIES["some_record_key"]).fetchone() is not None


async def streams_found(conn: AsyncConnection[Any], space: str, digest: bytes) -> list[UUID]:
    """The records that have this look-up, in the order in which they were recorded."""
    cursor = conn.cursor(row_factory=tuple_row, binary=True)
    await cursor.execute(_QUERIES["lookup"], (space, digest))
    return list(dict.fromkeys([row[0] async for row in cursor]))


def apply_erasures(conn: Connection[Any]) -> None:
    """Destroy the keys and look-ups that a restore brought back and that had been destroyed.

    Those of records that the log has erased, and the keys of orders that are closed.
    """
    conn.execute(_QUERIES["apply_erasures"])


def _present(row: tuple[Any, ...] | None) -> bytes:
    wrapped, erased = row if row is not None else (None, False)
    # First: a key that is there all the same came back with a restore.
    if erased:
        raise ValuesErased("the record's key was destroyed")
    if wrapped is not None:
        return bytes(wrapped)
    raise RecordKeyMissing("the record has no key in this database")


def _sealed(cipher: AESGCM, owner: UUID, digest: bytes, data: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, data, _bound(owner, digest))


def _bound(owner: UUID, digest: bytes) -> bytes:
    return _SEAL_LABEL + owner.bytes + digest
