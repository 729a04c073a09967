"""Whether an event's evidence bears it out, with the keys that the ledger itself made known.

The lines of a bulk share their evidence; its signatures are verified once, at the first line that
is met, and every further line only has to be the statement at its place in the order.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from infrastructure.proofs import canonical
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.evidence import (
    Recorded,
    evidence_digest,
    parse_evidence,
    verify_signed,
)
from infrastructure.proofs.findings import Summary
from infrastructure.proofs.jwk import PublicKey, parse_jwk
from infrastructure.proofs.keyring import KeyRing
from infrastructure.proofs.leaf import Body, Header, Leaf
from infrastructure.proofs.orders import COSIGNED_LIFE_SECONDS, ORDER_LIFE_SECONDS, SignedRequest
from infrastructure.proofs.readying import Read
from infrastructure.proofs.statements import statement_path, statement_root

ORDERS_REMEMBERED: Final = 64

Signatures = tuple[SignedRequest, ...]


@dataclass(frozen=True, slots=True)
class OrderMaterial:
    """What an order left behind: its evidence, and its statements' digests in line order.

    Where only one line of it is shown, ``statement`` is that line's digest and ``path`` its audit
    path instead of the whole list.
    """

    evidence: bytes
    statements: Sequence[bytes] | None = None
    path: Sequence[bytes] | None = None
    statement: bytes | None = None


class Orders:
    """Verifies the evidence of one event after the other."""

    def __init__(self, keys: KeyRing, summary: Summary) -> None:
        self._keys = keys
        self._summary = summary
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    def verify(
        self,
        leaf: Leaf,
        header: Header,
        body: Body | None,
        material: OrderMaterial,
        *,
        ledger: bytes,
        read: Read | None = None,
    ) -> Signatures | None:
        """The signatures under an event, the order's first; None where material was missing.

        ``read`` is what was made of the event before: its signatures are not verified again.

        Where the body is not open, the statement is taken from the order's list, so that the line
        is known to be ordered although it is not known what it says.

        Raises:
            ProofError: ``statement_list_mismatch``, or as :func:`evidence.verify_evidence`.
        """
        digest = None if body is None else canonical.statement_digest(body.statement)
        known = self._verified.get(header.evidence)
        if known is not None:
            return known.line(leaf, header, digest)
        if material.path is not None:
            if evidence_digest(material.evidence) != header.evidence:
                raise ProofError("evidence_digest_mismatch", header.evidence.hex())
            return self._shown_line(leaf, header, body, material, ledger)
        given: Signatures | None = None if read is None else read.signed
        if given is None:
            if evidence_digest(material.evidence) != header.evidence:
                raise ProofError("evidence_digest_mismatch", header.evidence.hex())
            given = parse_evidence(material.evidence)
        order = given[0]
        statements = material.statements
        if statements is None:
            if digest is None or order.lines > 1:
                self._summary.skip("statement_list", leaf.index)
                return None
            statements = [digest]
        _check_list(order, header, statements, digest)
        recorded = Recorded(
            evidence=header.evidence,
            keys=header.keys,
            line=header.line,
            time_us=leaf.time,
            statement=digest or statements[header.line],
            path=tuple(statement_path(statements, header.line)),
        )
        verified = frozenset[str]() if read is None else read.verified
        signed = self._signed(given, recorded, _Known(leaf, body, ledger, verified))
        if signed is None:
            return None
        self._verified[header.evidence] = _Verified(signed, statements)
        if len(self._verified) > ORDERS_REMEMBERED:
            self._verified.popitem(last=False)
        return signed

    def _signed(self, given: Signatures, recorded: Recorded, known: "_Known") -> Signatures | None:
        try:
            signed = verify_signed(
                given,
                recorded,
                ledger=known.ledger,
                find_key=_Finder(self._keys, known.body),
                verified=known.verified,
            )
        except ProofError as error:
            if error.code == "key_unknown" and not self._keys.complete:
                self._summary.skip("key_not_learned", known.leaf.index)
                return None
            raise
        self._summary.signatures += len(signed)
        return signed

    def _shown_line(
        self, leaf: Leaf, header: Header, body: Body | None, material: OrderMaterial, ledger: bytes
    ) -> Signatures | None:
        """One line of an order whose other lines are not shown."""
        digest = None if body is None else canonical.statement_digest(body.statement)
        if digest not in (None, material.statement):
            raise ProofError("statement_mismatch", "the body holds another statement")
        recorded = Recorded(
            evidence=header.evidence,
            keys=header.keys,
            line=header.line,
            time_us=leaf.time,
            statement=material.statement or b"",
            path=tuple(material.path or ()),
        )
        given = parse_evidence(material.evidence)
        return self._signed(given, recorded, _Known(leaf, body, ledger, frozenset()))


class _Known(NamedTuple):
    """What is known of an event beside its evidence; ``verified`` are keys that need no look."""

    leaf: Leaf
    body: Body | None
    ledger: bytes
    verified: frozenset[str]


class _Verified(NamedTuple):
    """An order whose signatures were verified, and its list of statements that fits its root."""

    signed: Signatures
    statements: Sequence[bytes]

    def line(self, leaf: Leaf, header: Header, digest: bytes | None) -> Signatures:
        """Judge a further line of it; ``digest`` is the statement's, None where it is not open.

        Raises:
            ProofError: as :func:`verify_evidence`.
        """
        if tuple(one.keyid for one in self.signed) != header.keys:
            raise ProofError("evidence_keys_mismatch", "the header names other keys")
        known = header.line < len(self.statements)
        if not known or digest not in (None, self.statements[header.line]):
            raise ProofError("statement_mismatch", "not a statement of this order at this line")
        life = COSIGNED_LIFE_SECONDS if len(self.signed) > 1 else ORDER_LIFE_SECONDS
        for one in self.signed:
            one.check_time(leaf.time, life_seconds=life)
        return self.signed


class _Finder:
    """Finds a key for verification: one enrolled before, or one that the statement itself names."""

    def __init__(self, keys: KeyRing, body: Body | None) -> None:
        self._keys = keys
        self._body = body

    def __call__(self, thumbprint: str) -> PublicKey:
        known = self._keys.find(thumbprint)
        if known is not None:
            return known.public
        named = keys_named(self._body).get(thumbprint)
        if named is None:
            raise ProofError("key_unknown", "no event before this one enrolled the key")
        return named


def keys_named(body: Body | None) -> dict[str, PublicKey]:
    """The public keys in an enrolment's statement, or in the one that opens the ledger."""
    if body is None:
        return {}
    said = body.parsed
    try:
        jwks = [said["jwk"]] if "jwk" in said else [one["key"]["jwk"] for one in said["founders"]]
        keys = [parse_jwk(jwk) for jwk in jwks]
    except (ProofError, KeyError, TypeError, AttributeError):
        return {}
    return {key.thumbprint: key for key in keys}


def _check_list(
    order: SignedRequest, header: Header, statements: Sequence[bytes], digest: bytes | None
) -> None:
    if len(statements) != order.lines or statement_root(statements) != order.root:
        # The root over one statement is its digest, which tells who of the two is wrong.
        wrong = order.lines == 1 and digest not in (None, order.root)
        code = "statement_mismatch" if wrong else "statement_list_mismatch"
        raise ProofError(code, order.root.hex())
    if header.line >= len(statements):
        raise ProofError("statement_mismatch", "the order has fewer lines")
