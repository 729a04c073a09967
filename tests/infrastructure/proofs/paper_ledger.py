"""A ledger on paper: events made, signed and chained in memory, for the tests of the check.

It records whatever it is told to, as an operator who wants to cheat would; whether that is noticed
is what the tests are about.
"""

import secrets
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure.proofs import canonical, checkpoint, merkle, receipts, tiles
from infrastructure.proofs.acts import ActRule
from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.evidence import encode_evidence, evidence_digest
from infrastructure.proofs.findings import Finding
from infrastructure.proofs.fsck import Fsck, Trust
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.jwk import public_of
from infrastructure.proofs.leaf import (
    FIRST_PREV,
    Header,
    Leaf,
    body_digest,
    encode_body,
    header_digest,
)
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.ordering import OrderMaterial
from infrastructure.proofs.orders import JSON, NDJSON, POSSESSION_TAG, SignedRequest
from infrastructure.proofs.signing import (
    Cover,
    Head,
    envelope,
    new_idempotency_key,
    sign_approval,
    sign_order,
)
from infrastructure.proofs.tiles import Tile

ORIGIN = "paper.example"
START_SECONDS = 1_767_225_600
NAMESPACE = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
BULK = "/v1/certificates/bulk"
ACTS = {
    "ledger.open": ActRule("sijill.ledger.opened.v1", "/v1/ledger"),
    "ledger.rotate_key": ActRule("sijill.ledger.key_rotated.v1", "/v1/ledger/keys"),
    "key.enrol": ActRule("sijill.key.enrolled.v1", "/v1/agencies/{subject}/keys"),
    "key.retire": ActRule("sijill.key.retired.v1", "/v1/keys/{key}/retirement"),
    "key.compromise": ActRule("sijill.key.compromised.v1", "/v1/keys/{key}/compromise"),
    "certificate.issue": ActRule("sijill.certificate.issued.v1", "/v1/certificates", BULK),
    "certificate.revoke": ActRule(
        "sijill.certificate.revoked.v1", "/v1/certificates/{code}/revocation", BULK
    ),
}
PLACED = {ACTS["certificate.issue"].event}
PUBLIC_BODIES = ("sijill.ledger.", "sijill.key.")


def private(name: str) -> Ed25519PrivateKey:
    """The key of somebody, the same in every run."""
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())


def thumbprint(name: str) -> str:
    return public_of(private(name)).thumbprint


def log_key(name: str) -> SignerKey:
    return SignerKey(ORIGIN, sha256(name.encode()).digest())


RECEIPTS = SignerKey(f"{ORIGIN}/receipts", sha256(b"receipts").digest())


def statement(act: str, agency: str, **members: Any) -> dict[str, Any]:
    return {"act": act, "agency": agency, "nonce": secrets.token_urlsafe(16), **members}


@dataclass
class PaperSource:
    """What a check is given; every part of it may be changed before it is."""

    leaves: list[bytes]
    notes: list[bytes]
    opened: list[Opening]
    tiles: dict[Tile, bytes]
    ends_at_checkpoint: bool = False

    def newest(self) -> bytes | None:
        return self.notes[-1] if self.notes else None

    def checkpoints(self) -> Iterable[bytes]:
        return self.notes

    def entries(self, start: int = 0) -> Iterable[bytes]:
        return self.leaves[start:]

    def openings(self, start: int = 0) -> Iterable[Opening]:
        return [one for one in self.opened if one.index >= start]

    def tile(self, tile: Tile) -> bytes | None:
        held = self.tiles.get(tile.full)
        return None if held is None else held[: tile.width * merkle.HASH_BYTES]

    def copy(self) -> "PaperSource":
        return PaperSource(*(copy(part) for part in vars(self).values()))


@dataclass
class PaperLedger:
    """Records orders one after the other; ``seconds`` is the clock of the next leaf."""

    seconds: int = START_SECONDS
    ledger: bytes = bytes(32)
    leaves: list[Leaf] = field(default_factory=list)
    opened: list[Opening] = field(default_factory=list)
    notes: list[bytes] = field(default_factory=list)
    log_keys: list[SignerKey] = field(default_factory=lambda: [log_key("log")])
    versions: dict[UUID, int] = field(default_factory=dict)

    def sign(
        self,
        name: str,
        statements: Sequence[dict[str, Any]],
        path: str,
        *,
        cosigners: Sequence[str] = (),
        possession: str | None = None,
        approving: str = "/v1/orders/0198c0de-0000-7000-8000-000000000000/approval",
        **changes: Any,
    ) -> tuple[SignedRequest, ...]:
        """The signatures under an order: its own, approvals, a proof of possession."""

        def head(path: str) -> Head:
            times = {"created": self.seconds - 5, "expires": self.seconds + 600}
            values = {"ledger": self.ledger, **times, **changes}
            return Head(path=path, idempotency_key=new_idempotency_key(), **values)

        lines = [envelope(canonical.dumps(one)) for one in statements]
        kind = NDJSON if path == BULK else JSON
        order = sign_order(private(name), head(path), lines, content_type=kind).request
        cover = Cover(order.root, order.lines, order.atomic)
        approval = head(approving)
        signed = [order]
        signed += [sign_approval(private(one), approval, cover).request for one in cosigners]
        if possession is not None:
            proof = sign_order(private(possession), head(path), lines, tag=POSSESSION_TAG)
            signed.append(proof.request)
        return tuple(signed)

    def record(
        self,
        signed: Sequence[SignedRequest],
        statements: Sequence[dict[str, Any]],
        topic: str,
        streams: Sequence[str],
        *,
        lines: Sequence[int] | None = None,
        chosen: dict[str, Any] | None = None,
        agency: str | None = None,
    ) -> int:
        """Append an event for each statement; the index of the first."""
        evidence = encode_evidence(signed)
        encoded = [canonical.dumps(one) for one in statements]
        material = OrderMaterial(evidence, [canonical.statement_digest(one) for one in encoded])
        first = len(self.leaves)
        for line in range(len(encoded)) if lines is None else lines:
            stream = uuid5(NAMESPACE, streams[line])
            version = self.versions[stream] = self.versions.get(stream, 0) + 1
            header = Header(
                agency=agency or statements[line]["agency"],
                evidence=evidence_digest(evidence),
                keys=tuple(one.keyid for one in signed),
                line=line,
                stream=stream,
                type=topic,
                version=version,
            ).encode()
            place = {"status": {"index": len(self.leaves), "list": 0}}
            beside = place if chosen is None and topic in PLACED else chosen
            self._append(header, encode_body(encoded[line], beside), material)
        self.seconds += 10
        return first

    def _append(self, header: bytes, body: bytes, material: OrderMaterial) -> None:
        salts = secrets.token_bytes(16), secrets.token_bytes(16)
        leaf = Leaf(
            index=len(self.leaves),
            time=self.seconds * 1_000_000,
            prev=self.leaves[-1].hash() if self.leaves else FIRST_PREV,
            header=header_digest(salts[0], header),
            body=body_digest(salts[1], body),
        )
        self.leaves.append(leaf)
        self.opened.append(Opening(leaf.index, header, salts[0], body, salts[1], material))

    def order(
        self,
        name: str,
        said: dict[str, Any],
        path: str,
        topic: str,
        stream: str,
        *,
        chosen: dict[str, Any] | None = None,
        **signing: Any,
    ) -> int:
        """Sign and record an order of one line."""
        signed = self.sign(name, [said], path, **signing)
        return self.record(signed, [said], topic, [stream], chosen=chosen)

    def open(self) -> "PaperLedger":
        founders = [
            {
                "id": one,
                "kind": "ministry",
                "names": {},
                "key": {"jwk": public_of(private(one)).jwk, "scopes": ["administer"]},
                "recovery": {"jwk": public_of(private(f"{one}-recovery")).jwk, "scopes": []},
            }
            for one in ("ndc", "comsec")
        ]
        said = statement(
            "ledger.open",
            "ndc",
            origin=ORIGIN,
            format=1,
            founders=founders,
            log_key=self.log_keys[0].verifier.encode(),
            receipt_key=RECEIPTS.verifier.encode(),
        )
        topic = "sijill.ledger.opened.v1"
        signing: dict[str, Any] = {"cosigners": ["comsec"], "approving": "/v1/ledger"}
        self.order("ndc", said, "/v1/ledger", topic, "foundation", **signing)
        self.ledger = self.leaves[0].hash()
        return self

    def enrol(
        self, subject: str, key: str, *, by: str = "ndc", agency: str = "ndc", **signing: Any
    ) -> int:
        """Enrol somebody's key; by both founders unless told otherwise."""
        names = {"not_before", "not_after"} & signing.keys()
        validity: dict[str, Any] = {name: signing.pop(name) for name in names}
        jwk = public_of(private(key)).jwk
        about: dict[str, Any] = {"subject": subject, "jwk": jwk, "scopes": ["issue"], **validity}
        said = statement("key.enrol", agency, **about)
        signing = {"cosigners": ["comsec"] if by == "ndc" else [], "possession": key, **signing}
        path, topic = f"/v1/agencies/{subject}/keys", "sijill.key.enrolled.v1"
        return self.order(by, said, path, topic, f"key {key}", **signing)

    def retire(self, agency: str, key: str, *, by: str) -> int:
        said = statement("key.retire", agency, key=thumbprint(key))
        path, topic = f"/v1/keys/{said['key']}/retirement", "sijill.key.retired.v1"
        return self.order(by, said, path, topic, f"key {key}")

    def compromise(self, key: str, as_of: int) -> int:
        said = statement("key.compromise", "ndc", key=thumbprint(key), as_of=as_of)
        path, topic = f"/v1/keys/{said['key']}/compromise", "sijill.key.compromised.v1"
        return self.order("ndc", said, path, topic, f"key {key}", cosigners=["comsec"])

    def rotate(self, new: SignerKey, notes: list[str] | None = None) -> int:
        said = statement("ledger.rotate_key", "ndc", log_key=new.verifier.encode())
        digest = canonical.statement_digest(canonical.dumps(said))
        rotation = receipts.Rotation(self.ledger, digest)
        both = [receipts.sign_rotation(rotation, key).decode() for key in (self.log_keys[-1], new)]
        self.log_keys.append(new)
        topic = "sijill.ledger.key_rotated.v1"
        return self.order(
            "ndc",
            said,
            "/v1/ledger/keys",
            topic,
            "foundation",
            cosigners=["comsec"],
            chosen={"notes": notes or both},
        )

    def issue(self, agency: str, key: str, code: str, **signing: Any) -> int:
        said = statement("certificate.issue", agency, code=code)
        topic = "sijill.certificate.issued.v1"
        return self.order(key, said, "/v1/certificates", topic, code, **signing)

    def issue_bulk(self, agency: str, key: str, codes: Sequence[str]) -> int:
        said = [statement("certificate.issue", agency, code=code) for code in codes]
        signed = self.sign(key, said, BULK)
        return self.record(signed, said, "sijill.certificate.issued.v1", codes)

    def revoke(self, agency: str, key: str, code: str) -> int:
        said = statement("certificate.revoke", agency, code=code)
        path, topic = f"/v1/certificates/{code}/revocation", "sijill.certificate.revoked.v1"
        return self.order(key, said, path, topic, code)

    def seal(self, *keys: SignerKey) -> Checkpoint:
        """Publish a checkpoint over everything recorded so far."""
        hashes = [leaf.hash() for leaf in self.leaves]
        head = Checkpoint(ORIGIN, len(hashes), merkle.root(hashes))
        self.notes.append(checkpoint.sign(head, keys or self.log_keys[-1:]))
        return head

    def receipt(self, index: int) -> bytes:
        word = receipts.Receipt(self.ledger, index, self.leaves[index].hash(), bytes(32))
        return receipts.sign(word, RECEIPTS)

    def source(self) -> PaperSource:
        """Everything, as an auditor of scope `audit` is given it."""
        tree = GrowingTree()
        served: dict[Tile, bytes] = {}
        for leaf in self.leaves:
            served.update(tree.append(leaf.hash()))
        for tile in tiles.partial_tiles(size=tree.size):
            served[tile.full] = b"".join(tree.edge(tile.level or 0))
        leaves = [leaf.encode() for leaf in self.leaves]
        return PaperSource(leaves, list(self.notes), list(self.opened), served)


def check(source: PaperSource, trust: Trust | None = None) -> list[Finding]:
    return list(Fsck(source, trust or Trust(acts=ACTS)).run())


def named(findings: list[Finding]) -> set[tuple[str, int | None]]:
    return {(finding.code, finding.index) for finding in findings}
