"""The form of a sealed attachment, version 1: chunks that each stand for themselves.

A file is cut into chunks of 1 MiB, so that neither side ever holds more than one of them, and an
upload goes on after the last chunk that was acknowledged. Each becomes an object: a random 96-bit
nonce, then AES-256-GCM (NIST SP 800-38D) under a key of this file alone, bound to the attachment,
to the size of the whole and to the chunk's place. So a chunk that is moved, left out, cut or added
does not open. A random nonce, because a chunk may be sent twice, and not always with the same
bytes.

An object's name is the RFC 6962 leaf hash of its bytes; the attachment's **address** is the Merkle
root over them. Docs: docs/reference/attachment-format.md. Bytes only: it must know no database.
"""

import os
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infrastructure.proofs import merkle
from infrastructure.vault import KEY_BYTES, NONCE_BYTES, TAG_BYTES, SealBroken

CHUNK_BYTES: Final = 1 << 20
OVERHEAD_BYTES: Final = NONCE_BYTES + TAG_BYTES
LIMIT_BYTES: Final = 1 << 40
"""No attachment is larger, whatever the operator allows: places are counted in 32 bits."""
_LABEL: Final = b"sijill/attachment/v1\x00"


def new_key() -> bytes:
    """The key of one file."""
    return os.urandom(KEY_BYTES)


def chunks(size: int) -> int:
    """Into how many chunks a file of this size is cut."""
    return -(-size // CHUNK_BYTES)


def chunk_size(size: int, number: int) -> int:
    """How many bytes of the file are in a chunk; the last one has what is left."""
    return min(CHUNK_BYTES, size - number * CHUNK_BYTES)


def seal(
    key: bytes, attachment: UUID, size: int, number: int, data: bytes, nonce: bytes = b""
) -> bytes:
    """The object of one chunk; `size` is the whole file's. Only a vector brings its own nonce.

    Raises:
        ValueError: there is no such chunk, or it has another length.
    """
    if not 0 <= number < chunks(size) or len(data) != chunk_size(size, number):
        raise ValueError("no chunk of this attachment")
    nonce = nonce or os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, _bound(attachment, size, number))


def unseal(key: bytes, attachment: UUID, size: int, number: int, sealed: bytes) -> bytes:
    """What is in the object of one chunk.

    Raises:
        SealBroken: it is not this chunk of this attachment as it was sealed.
    """
    if len(sealed) != chunk_size(size, number) + OVERHEAD_BYTES:
        raise SealBroken("another length")
    try:
        return AESGCM(key).decrypt(
            sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(attachment, size, number)
        )
    except InvalidTag as error:
        raise SealBroken("the seal does not fit") from error


def name_of(sealed: bytes) -> bytes:
    """The name of an object: what its bytes hash to, 32 bytes."""
    return merkle.leaf_hash(sealed)


def address_of(names: Sequence[bytes]) -> bytes:
    """The address of an attachment whose objects have these names, in order."""
    return merkle.root(names)


def _bound(attachment: UUID, size: int, number: int) -> bytes:
    return _LABEL + attachment.bytes + size.to_bytes(8, "big") + number.to_bytes(4, "big")
