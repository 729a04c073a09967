"""CBOR Web Tokens, narrowed to what Sijill reads: COSE_Sign1 over a map of claims.

Others write these too (status lists of other issuers, the examples of the draft), so maps may come
in any order; all else has the one spelling of :mod:`infrastructure.proofs.cbor`. RFC 9052, 8392.
"""

from dataclasses import dataclass
from typing import Any, Final

from infrastructure.proofs import cbor
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import ED25519, P256, SIGNATURE_BYTES, PublicKey

ALGORITHM: Final = 1
KID: Final = 4
TYPE: Final = 16
SIGN1_TAG: Final = 18
ES256: Final = -7
EDDSA: Final = -8
ESP256: Final = -9
FULL_ED25519: Final = -19
ALGORITHMS: Final = {ES256: P256, ESP256: P256, EDDSA: ED25519, FULL_ED25519: ED25519}
"""The identifiers of RFC 9053 and the fully specified ones of RFC 9864, and the key for each."""


def loads(data: bytes, *, limit_bytes: int) -> Any:
    """A value whose maps may come in any order.

    Raises:
        ProofError: ``cbor_too_large`` or ``cbor_malformed``.
    """
    return cbor.loads(data, limit_bytes=limit_bytes, any_order=True)


@dataclass(frozen=True, slots=True)
class Signed:
    """A COSE_Sign1 message, read and not verified: headers, payload, and what was signed."""

    protected: dict[Any, Any]
    unprotected: dict[Any, Any]
    payload: bytes
    message: bytes
    signature: bytes

    def check_signature(self, key: PublicKey) -> None:
        """Return when `key` signed it under the algorithm that it names.

        Raises:
            ProofError: ``signature_invalid``.
        """
        named: Any = self.protected.get(ALGORITHM)
        # A header may hold anything, and a list is no key of a dictionary.
        if type(named) is not int or ALGORITHMS.get(named) != key.algorithm:
            raise ProofError("signature_invalid", "an algorithm that does not fit the key")
        key.verify(self.signature, self.message)


def parse(data: bytes, *, limit_bytes: int) -> Signed:
    """The tagged COSE_Sign1 message in `data`.

    Raises:
        ProofError: ``cbor_too_large``, ``cbor_malformed`` or ``cwt_malformed``.
    """
    found = loads(data, limit_bytes=limit_bytes)
    if isinstance(found, cbor.Tagged) and found.tag == SIGN1_TAG:
        match found.value:
            case [bytes() as head, dict() as loose, bytes() as payload, bytes() as signature]:
                protected = loads(head, limit_bytes=limit_bytes)
                if type(protected) is dict and len(signature) == SIGNATURE_BYTES:
                    message = signed_bytes(head, payload)
                    return Signed(protected, loose, payload, message, signature)
    raise ProofError("cwt_malformed", "a tagged COSE_Sign1 message is expected")


def signed_bytes(protected: bytes, payload: bytes) -> bytes:
    """What a COSE_Sign1 signature is over (RFC 9052, section 4.4), nothing added from outside."""
    return cbor.dumps(["Signature1", protected, b"", payload])


def encode(
    protected: bytes, unprotected: dict[Any, Any], payload: bytes, signature: bytes
) -> bytes:
    """The tagged COSE_Sign1 message."""
    return cbor.dumps(cbor.Tagged(SIGN1_TAG, [protected, unprotected, payload, signature]))
