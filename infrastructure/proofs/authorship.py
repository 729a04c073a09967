"""Whether an opened event was ordered by whom it says: header, body and evidence of one leaf.

A judge walks the log from event 0 on and learns the ledger's keys from the registry events that it
has judged good. Rules of the nouns (which scope an act needs, whether a record could be revoked)
are not its business; whose signature is over which bytes, at what time and in which ledger, is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from infrastructure.proofs.acts import ActRule
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.jwk import parse_jwk
from infrastructure.proofs.keyring import KeyRing
from infrastructure.proofs.leaf import (
    Body,
    Header,
    Leaf,
    body_digest,
    header_digest,
    parse_header,
    split_body,
)
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.ordering import OrderMaterial, Orders, keys_named
from infrastructure.proofs.orders import (
    POSSESSION_TAG,
    SignedRequest,
    is_approval,
)
from infrastructure.proofs.readying import Read
from infrastructure.proofs.remembering import Memory, Plain, key_of
from infrastructure.proofs.rotation import next_log_key
from infrastructure.proofs.rules import Rules

NO_LEDGER: Final = bytes(32)
"""What event 0 is signed for: the ledger has no id before it."""
FOUNDERS: Final = 2
OPENED: Final = "sijill.ledger.opened.v1"
KEY_ROTATED: Final = "sijill.ledger.key_rotated.v1"
KEY_ENROLLED: Final = "sijill.key.enrolled.v1"
KEY_RETIRED: Final = "sijill.key.retired.v1"
KEY_COMPROMISED: Final = "sijill.key.compromised.v1"
REGISTRY: Final = frozenset({OPENED, KEY_ROTATED, KEY_ENROLLED, KEY_RETIRED, KEY_COMPROMISED})
ALWAYS_OPEN: Final = ("sijill.ledger.", "sijill.agency.", "sijill.key.")
"""Topics whose evidence everybody is shown: where it is missing, somebody keeps it back."""

_BESIDE: Final = {KEY_ROTATED: frozenset({"notes"})} | {
    f"sijill.certificate.{what}.v1": frozenset({"status"})
    for what in ("issued", "corrected", "original_added", "original_replaced")
}
"""What stands beside the statement, by the event's type; beside any other nothing does."""
_VERSION_BYTES: Final = 8
_UNREADABLE = (ProofError, KeyError, TypeError, AttributeError)


class Row(NamedTuple):
    """What a database keeps beside a header to find it by; ``place`` is where its stream leads."""

    agency: str
    stream: UUID
    type: str
    version: int
    place: int | None


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of the leaf at ``index``; whatever is None was not opened to us.

    ``error`` is why what was given could not be read at all.
    """

    index: int
    header: bytes | None = None
    header_salt: bytes = b""
    body: bytes | None = None
    body_salt: bytes = b""
    order: OrderMaterial | None = None
    row: Row | None = None
    error: ProofError | None = None


class Judge:
    """Judges the events of one ledger in index order and says what does not fit.

    Remembers the version of every stream and every line of every order, in ``memory``.
    """

    def __init__(
        self,
        summary: Summary,
        acts: Mapping[str, ActRule] | None = None,
        rules: Rules | None = None,
        memory: Memory | None = None,
        keys: KeyRing | None = None,
    ) -> None:
        self._summary = summary
        self._acts = acts or {}
        self._rules = rules
        self._memory = memory or Plain()
        self._headers_complete = True
        self._findings: list[Finding] = []
        self.keys = keys or KeyRing()
        self._orders = Orders(self.keys, summary)
        self.ledger = NO_LEDGER
        self.log_keys: list[VerifierKey] = []
        self._begun_unseen = False
        self.log_key_unseen = False
        """Whether a rotation that was not shown may have named the log's key."""
        self.receipt_key: VerifierKey | None = None

    def state(self) -> dict[str, Any]:
        """What it knows beside its memory, as JSON can hold it."""
        return {
            "ledger": self.ledger.hex(),
            "log_keys": [key.encode() for key in self.log_keys],
            "receipt_key": self.receipt_key.encode() if self.receipt_key else None,
            "keys": self.keys.state(),
            "headers_complete": self._headers_complete,
        }

    def resume(self, said: Mapping[str, Any]) -> None:
        """Go on from what another judge knew."""
        self.ledger = bytes.fromhex(said["ledger"])
        self.log_keys = [VerifierKey.parse(key) for key in said["log_keys"]]
        receipt_key = said["receipt_key"]
        self.receipt_key = VerifierKey.parse(receipt_key) if receipt_key else None
        self.keys.resume(said["keys"])
        self._headers_complete = said["headers_complete"]

    def begin_unseen(self, ledger: bytes, log_keys: Iterable[VerifierKey] = ()) -> None:
        """Begin behind events of this ledger that were not shown: no key is known, no record.

        ``log_keys`` are keys of the log that are trusted all the same.
        """
        self.ledger = ledger
        self.log_keys = list(log_keys)
        self._begun_unseen = self.log_key_unseen = True
        self._headers_complete = self.keys.complete = False
        self._pass_over(None)

    def judge(self, leaf: Leaf, opening: Opening | None, read: Read | None = None) -> list[Finding]:
        """What is wrong with an event; an event that is fine is learned from.

        ``read`` is what was made of it ahead of the walk.
        """
        self._findings = []
        shown = opening is not None
        opening = opening or Opening(leaf.index)
        if opening.error is not None:
            self._findings.append(Finding.of(opening.error, leaf.index))
        header = self._header(leaf, opening, read)
        body = self._body(leaf, opening, read)
        if header is None:
            self.keys.complete = False
            # A header that was not given is not the registry's: theirs are open to everybody.
            given = opening.header is not None or opening.error is not None
            self._pass_over(None, registry=not shown or given)
        else:
            self._check_version(leaf.index, header)
            self._check_row(leaf.index, header, opening.row)
            if body is not None:
                self._check_body(leaf.index, header, body)
            proven = self._check_evidence(leaf, header, body, opening, read)
            if header.type in REGISTRY:
                self._learn(leaf.index, header, body, proven=proven and not self._findings)
        if leaf.index == 0:
            if header is not None and header.type != OPENED:
                self._report("genesis_invalid", 0, OPENED, header.type)
            self.ledger = leaf.hash()
        return self._findings

    def _report(self, code: str, index: int, expected: str = "", found: str = "") -> None:
        self._findings.append(Finding(code, index, expected, found))

    def _header(self, leaf: Leaf, opening: Opening, read: Read | None) -> Header | None:
        if opening.header is None:
            self._summary.skip("header_not_open", leaf.index)
            self._headers_complete = False
            return None
        if read is not None:
            self._summary.headers += 1
            return read.header
        try:
            digest = header_digest(opening.header_salt, opening.header)
            if digest == leaf.header:
                self._summary.headers += 1
                return parse_header(opening.header)
            self._report("header_digest_mismatch", leaf.index, leaf.header.hex(), digest.hex())
        except ProofError as error:
            self._findings.append(Finding.of(error, leaf.index))
        self._headers_complete = False
        return None

    def _body(self, leaf: Leaf, opening: Opening, read: Read | None) -> Body | None:
        if opening.body is None:
            self._summary.skip("body_not_open", leaf.index)
            return None
        if read is not None:
            self._summary.bodies += 1
            return read.body
        try:
            digest = body_digest(opening.body_salt, opening.body)
            if digest == leaf.body:
                self._summary.bodies += 1
                return split_body(opening.body)
            self._report("body_digest_mismatch", leaf.index, leaf.body.hex(), digest.hex())
        except ProofError as error:
            self._findings.append(Finding.of(error, leaf.index))
        return None

    def _check_version(self, index: int, header: Header) -> None:
        stream = header.stream.bytes
        known = self._memory.get("version", stream)
        expected = (int.from_bytes(known) if known is not None else 0) + 1
        version = max(expected, header.version)
        self._memory.put("version", stream, version.to_bytes(_VERSION_BYTES))
        if header.version == expected:
            return
        if header.version > expected and not self._headers_complete:
            self._summary.skip("version_unknown", index)
            return
        self._report("version_wrong", index, str(expected), str(header.version))

    def _check_row(self, index: int, header: Header, row: Row | None) -> None:
        said = Row(header.agency, header.stream, header.type, header.version, index)
        if row is not None and row != said:
            wrong = (name for name in Row._fields if getattr(row, name) != getattr(said, name))
            self._report("row_mismatch", index, found=", ".join(wrong))

    def _check_body(self, index: int, header: Header, body: Body) -> None:
        agency = body.parsed.get("agency")
        if agency != header.agency:
            self._report("agency_mismatch", index, header.agency, str(agency))
        if body.chosen.keys() != _BESIDE.get(header.type, frozenset()):
            error = ProofError("body_malformed", f"beside the statement: {', '.join(body.chosen)}")
            self._findings.append(Finding.of(error, index))

    def _check_evidence(
        self, leaf: Leaf, header: Header, body: Body | None, opening: Opening, read: Read | None
    ) -> bool:
        """Judge who ordered the event; False where that does not fit or cannot be told."""
        material = opening.order
        if material is None:
            # A row comes from the database itself, which has the evidence of every event.
            if opening.row is not None or header.type.startswith(ALWAYS_OPEN):
                self._report("evidence_missing", leaf.index)
            else:
                self._summary.skip("evidence_not_open", leaf.index)
            self._check_act(leaf.index, header, body, None)
            self._pass_over(header)
            return False
        before = len(self._findings)
        try:
            ledger = self.ledger if leaf.index else NO_LEDGER
            signed = self._orders.verify(leaf, header, body, material, ledger=ledger, read=read)
        except ProofError as error:
            self._findings.append(Finding.of(error, leaf.index))
            self._pass_over(header)
            return False
        if signed is not None:
            self._check_act(leaf.index, header, body, signed[0].path)
            self._check_line(leaf.index, header, signed[0])
            self._check_signers(leaf, header, body, signed)
        if signed is None or len(self._findings) > before:
            self._pass_over(header)
        elif self._rules is not None:
            for code, found in self._rules.judge(leaf, header, body, signed):
                self._report(code, leaf.index, found=found)
        return signed is not None and len(self._findings) == before

    def _pass_over(self, header: Header | None, *, registry: bool = True) -> None:
        if self._rules is not None:
            self._rules.pass_over(header, registry=registry)

    def _check_line(self, index: int, header: Header, order: SignedRequest) -> None:
        line = key_of(header.agency, order.idempotency_key, str(header.line))
        if self._memory.get("line", line) is not None:
            self._report("line_repeated", index, found=f"line {header.line}")
        self._memory.put("line", line, b"")

    def _check_act(self, index: int, header: Header, body: Body | None, path: str | None) -> None:
        """The event is what the signed act becomes, and the order was posted where it belongs."""
        if not self._acts:
            self._summary.skip("act_not_compared", index)
            return
        statement = None if body is None else body.parsed
        if statement is None:
            rules = [rule for rule in self._acts.values() if rule.event == header.type]
        else:
            rule = self._acts.get(str(statement.get("act")))
            rules = [] if rule is None or rule.event != header.type else [rule]
        if not any(path is None or rule.fits(path, statement) for rule in rules):
            said = "" if statement is None else str(statement.get("act"))
            self._report("act_mismatch", index, header.type, f"{said} {path or ''}".strip())

    def _check_signers(
        self, leaf: Leaf, header: Header, body: Body | None, signed: Sequence[SignedRequest]
    ) -> None:
        for one in signed[1:]:
            if not is_approval(one, genesis=leaf.index == 0) and one.tag != POSSESSION_TAG:
                # A refusal has the tag of an approval: only its path tells that it says no.
                self._report("approval_misplaced", leaf.index, found=one.path)
        if leaf.index == 0:
            return
        for one in signed:
            if one.tag == POSSESSION_TAG:
                self._check_possession(leaf.index, one, body, signed[0].path)
                continue
            code = self.keys.objection(one.keyid, time_us=leaf.time)
            if code is not None:
                self._report(code, leaf.index, found=one.keyid)
        signer = self.keys.find(header.keys[0])
        if signer is not None and signer.agency != header.agency:
            self._report("key_foreign", leaf.index, header.agency, signer.agency)

    def _check_possession(
        self, index: int, proof: SignedRequest, body: Body | None, path: str
    ) -> None:
        """The key that proves its possession is the one that the statement enrols."""
        if proof.path != path:
            self._report("possession_mismatch", index, found=proof.path)
        if body is not None and proof.keyid not in keys_named(body):
            self._report("possession_mismatch", index, found=proof.keyid)

    def _learn(self, index: int, header: Header, body: Body | None, *, proven: bool) -> None:
        """Take up what a registry event says, where it is to be believed.

        For the log's new key the old one has given its word: whoever does not know the keys of the
        order follows it all the same.
        """
        follows = header.type == KEY_ROTATED and self._begun_unseen and not self._findings
        if body is None or not (proven or follows):
            self.keys.complete = False
            return
        try:
            self._take_up(index, header, body)
        except _UNREADABLE as error:
            code = error.code if isinstance(error, ProofError) else "statement_unreadable"
            self._report(code, index, found=type(error).__name__)
            self.keys.complete = False

    def _open(self, index: int, header: Header, said: Mapping[str, Any]) -> None:
        """Event 0, and no other: signed by the founders that it names, the operator first."""
        signers = tuple(parse_jwk(one["key"]["jwk"]).thumbprint for one in said["founders"])
        if index or header.keys != signers or len(set(signers)) < FOUNDERS:
            self._report("genesis_invalid", index)
            self.keys.complete = False
            return
        self.keys.found(said)
        self.log_keys.append(VerifierKey.parse(said["log_key"]))
        self.receipt_key = VerifierKey.parse(said["receipt_key"])

    def _take_up(self, index: int, header: Header, body: Body) -> None:
        said = body.parsed
        if header.type == OPENED:
            self._open(index, header, said)
        elif header.type == KEY_ROTATED:
            self._rotate(index, body)
        elif header.type == KEY_ENROLLED:
            self.keys.enrol(said, index=index, by=header.keys)
        elif header.type == KEY_RETIRED:
            self.keys.retire(said)
        else:
            self.keys.compromise(said)

    def _rotate(self, index: int, body: Body) -> None:
        """Follow a rotation that the log's key vouches for."""
        for old in reversed(self.log_keys if self.log_key_unseen else self.log_keys[-1:]):
            try:
                self.log_keys.append(next_log_key(body, ledger=self.ledger, old=old))
            except _UNREADABLE:
                if not self.log_key_unseen:
                    raise
            else:
                self.log_key_unseen = False
                return
        # Nobody that is known vouches for it: a stranger could name a key of his own.
        self._summary.skip("key_not_learned", index)
        self.keys.complete = False
