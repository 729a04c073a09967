"""The evidence bundle: one file from which a stranger judges one record, years later, offline.

It holds every event of the record and every event that these rest on: the ledger's own, the issuing
agency's, and those of each key that signed, up to the founders' keys in event 0. Each comes with
its leaf, its path in the tree of one checkpoint, what is open of it, and its place in its order. A
verdict note is the ledger's signed word for how a certificate stood at that size: no tree can show
that an event is *not* in it, but a note that lies convicts whoever signed it. A letter, a request
or an entry of a register is carried in the same form, without a code and without that word.

Canonical JSON; `docs/reference/evidence.md` describes every member.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from infrastructure.proofs import canonical, merkle, receipts
from infrastructure.proofs.acts import ActRule
from infrastructure.proofs.authorship import OPENED, Judge, Opening
from infrastructure.proofs.bundled import (
    Proven,
    encode_event,
    hash_of,
    malformed,
    parse_event,
    uuid_of,
)
from infrastructure.proofs.checkpoint import Checkpoint, open_checkpoint
from infrastructure.proofs.cosignature import Cosigned, cosigned
from infrastructure.proofs.entitlement import Entitlement
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.keyring import KeyRing
from infrastructure.proofs.leaf import Header, Leaf, parse_header, parse_leaf
from infrastructure.proofs.material import text_of
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.policy import Policy
from infrastructure.proofs.standing import Act, against, granted, kept_back, named
from infrastructure.proofs.tlogproof import TlogProof

FORM: Final = "sijill-bundle/v1"
MAX_BUNDLE_BYTES: Final = 16 * 2**20
MAX_EVENTS: Final = 4_096
_DEPTH = 4
_REQUIRED = frozenset({"bundle", "checkpoint", "events", "ledger", "record"})
_OPTIONAL = frozenset({"code", "verdict"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read, or is about to be written; nothing in it is verified.

    ``ledger`` has 32 bytes; ``record`` is the stream that it is about; ``events`` go by index.
    """

    ledger: bytes
    record: UUID
    checkpoint: bytes
    events: Sequence[Proven]
    code: str | None = None
    verdict: bytes | None = None

    def encode(self) -> bytes:
        """The file's bytes."""
        said: dict[str, Any] = {
            "bundle": FORM,
            "checkpoint": self.checkpoint.decode(),
            "events": [encode_event(event) for event in self.events],
            "ledger": self.ledger.hex(),
            "record": str(self.record),
        }
        if self.code is not None:
            said["code"] = self.code
        if self.verdict is not None:
            said["verdict"] = self.verdict.decode()
        return canonical.dumps(said)

    def tlog_proof(self) -> TlogProof:
        """The record's first event as a C2SP tlog-proof, its leaf as ``extra``.

        Raises:
            ProofError: ``bundle_malformed`` when no event of the record is in it.
        """
        for event in self.events:
            header = event.opening.header
            if header is not None and parse_header(header).stream == self.record:
                return TlogProof(event.index, event.proof, self.checkpoint, event.leaf)
        raise malformed("no event of the record")


@dataclass(frozen=True, slots=True)
class Trust:
    """What the reader brings along: which ledger, whose cosignatures are enough, and the acts.

    ``two_officers`` are the types of certificates that two officers sign.
    """

    ledger: bytes | None = None
    log_keys: Sequence[VerifierKey] = ()
    policy: Policy | None = None
    acts: Mapping[str, ActRule] = field(default_factory=dict)
    two_officers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the record, for words: when (µs), what kind, by whom.

    ``doubtful`` where a key that signed it counts for nothing, as later events of the bundle say.
    """

    index: int
    time: int
    header: Header
    doubtful: bool


@dataclass(slots=True)
class Report:
    """What a bundle proves, and what it does not."""

    checkpoint: Checkpoint
    ledger: bytes
    code: str | None = None
    time: int = 0
    told: list[Told] = field(default_factory=list)
    outcome: str | None = None
    reason: str | None = None
    cosigned: list[Cosigned] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)


def verify(bundle: Bundle, trust: Trust) -> Report:
    """Decide everything that the bundle's bytes decide; what does not fit is a finding.

    Raises:
        ProofError: the checkpoint is none.
    """
    head = Checkpoint.parse(text_of(bundle.checkpoint))
    report = Report(head, bundle.ledger, bundle.code)
    keys = KeyRing()
    rules = Entitlement(trust.acts, trust.two_officers, keys, report.summary)
    judge = Judge(report.summary, trust.acts, rules, keys=keys)
    headers, acts = [], []
    for event in bundle.events:
        leaf = _included(event, head, report)
        if leaf is None:
            judge.keys.complete = False
            continue
        report.time = max(report.time, leaf.time)
        report.summary.leaves += 1
        header = _header(event.opening)
        for found in judge.judge(leaf, event.opening):
            if kept_back(header, found):
                report.summary.skip("version_unknown", event.index)
            else:
                report.findings.append(found)
        if header is not None and header.stream == bundle.record:
            headers.append((leaf, header))
            acts.append(Act.of(leaf, header, event.opening.body))
            if event.opening.order is None:
                report.findings.append(Finding("evidence_missing", leaf.index))
    report.told = [
        Told(leaf.index, leaf.time, one, _void(judge, leaf, one)) for leaf, one in headers
    ]
    _check_ledger(bundle, trust, judge, report)
    _check_checkpoint(bundle, trust, judge, report)
    _check_code(bundle, acts, report)
    _check_verdict(bundle, judge, acts, report)
    report.summary.findings = len(report.findings)
    return report


def _included(event: Proven, head: Checkpoint, report: Report) -> Leaf | None:
    """The event's leaf, if it is one and the tree of the checkpoint holds it at its index."""
    try:
        leaf = parse_leaf(event.leaf)
        merkle.verify_inclusion(
            leaf_hash=merkle.leaf_hash(event.leaf),
            index=event.index,
            size=head.size,
            proof=event.proof,
            root=head.root,
        )
    except ProofError as error:
        report.findings.append(Finding.of(error, event.index))
        return None
    if leaf.index != event.index:
        found = Finding("index_wrong", event.index, str(event.index), str(leaf.index))
        report.findings.append(found)
        return None
    return leaf


def _header(opening: Opening) -> Header | None:
    try:
        return None if opening.header is None else parse_header(opening.header)
    except ProofError:
        # The judge has told.
        return None


def _void(judge: Judge, leaf: Leaf, header: Header) -> bool:
    keys = (judge.keys.find(name) for name in header.keys)
    return any(
        key is not None and key.void_from is not None and key.void_from <= leaf.index
        for key in keys
    )


def _check_ledger(bundle: Bundle, trust: Trust, judge: Judge, report: Report) -> None:
    """The bundle begins with event 0 of the ledger that it names and that the reader trusts."""
    for expected in (bundle.ledger, trust.ledger):
        if expected is not None and expected != judge.ledger:
            finding = Finding("ledger_other", 0, expected.hex(), judge.ledger.hex())
            report.findings.append(finding)
            return
    first = bundle.events[0].opening
    if first.index or first.header is None or first.body is None or first.order is None:
        # It names the keys that all else rests on: kept back, nothing vouches for any of them.
        report.findings.append(Finding("genesis_invalid", 0, OPENED, "not open"))
    if not report.told:
        report.findings.append(Finding("record_missing", None, str(bundle.record)))


def _check_checkpoint(bundle: Bundle, trust: Trust, judge: Judge, report: Report) -> None:
    size = report.checkpoint.size
    report.summary.checkpoints += 1
    # Keys are those of the ledger's own events; a stranger's would let it vouch for itself.
    keys = dict.fromkeys([*judge.log_keys, *trust.log_keys])
    try:
        origin = judge.log_keys[0].name if judge.log_keys else report.checkpoint.origin
        open_checkpoint(bundle.checkpoint, origin=origin, verifiers=keys)
        if trust.policy is not None:
            witnesses = [one.key for one in trust.policy.witnesses.values()]
            report.cosigned = cosigned(bundle.checkpoint, witnesses)
    except ProofError as error:
        report.findings.append(Finding.of(error, size))
        return
    if trust.policy is not None and not trust.policy.satisfied(
        [one.key for one in report.cosigned]
    ):
        names = ", ".join(one.key.name for one in report.cosigned)
        report.findings.append(Finding("witnesses_too_few", size, trust.policy.quorum, names))


def _check_code(bundle: Bundle, acts: Sequence[Act], report: Report) -> None:
    """The code is one of the record's: only open bodies tie it, and its verdict, to the events."""
    codes = named(acts)
    if bundle.code is not None and codes is None:
        report.summary.skip("code_not_tied", report.checkpoint.size)
    elif codes is not None and bundle.code not in {None, *codes}:
        report.findings.append(Finding("code_other", acts[0].at, f"{bundle.code}"))


def _check_verdict(bundle: Bundle, judge: Judge, acts: Sequence[Act], report: Report) -> None:
    """The ledger's signed word is about this record, at this size, and no event contradicts it."""
    size = report.checkpoint.size
    if bundle.verdict is None or judge.receipt_key is None:
        report.summary.skip("status_not_proven", size)
        return
    try:
        word = receipts.open_verdict(bundle.verdict, [judge.receipt_key])
    except ProofError as error:
        report.findings.append(Finding.of(error, size))
        return
    said = canonical.parse(word.verdict, limit_bytes=receipts.MAX_VERDICT_BYTES)
    about = (word.ledger, word.index + 1, said.get("code"))
    if about != (judge.ledger, size, bundle.code):
        report.findings.append(Finding("verdict_other", size, f"{bundle.code}", f"{about[1:]}"))
        return
    report.outcome, report.reason = str(said.get("outcome")), str(said.get("reason"))
    doubtful = {one.index for one in report.told if one.doubtful}
    void = (act for act in granted(acts, bundle.code) if act.at in doubtful)
    last = against(acts, bundle.code) or next(void, None)
    if report.outcome == "valid" and last is not None:
        found = f"{last.type} at {last.at}"
        report.findings.append(Finding("verdict_contradicted", size, str(report.reason), found))


def parse(data: bytes) -> Bundle:
    """Read what ``encode`` writes; nothing is verified.

    Raises:
        ProofError: ``bundle_malformed``, or what :func:`canonical.parse` says.
    """
    said = canonical.parse(data, limit_bytes=MAX_BUNDLE_BYTES, limit_depth=_DEPTH, line_feeds=True)
    if said.get("bundle") != FORM or not _REQUIRED <= said.keys() <= _REQUIRED | _OPTIONAL:
        raise malformed(f"the members of {FORM}")
    if not all(type(said[name]) is str for name in said.keys() - {"events"}):
        raise malformed("everything but the events is text")
    events = said["events"]
    if type(events) is not list or not 1 <= len(events) <= MAX_EVENTS:
        raise malformed(f"1 to {MAX_EVENTS} events")
    parsed = [parse_event(event) for event in events]
    if any(one.index >= other.index for one, other in pairwise(parsed)):
        raise malformed("events go by index, each once")
    verdict = said.get("verdict")
    return Bundle(
        ledger=hash_of(said["ledger"]),
        record=uuid_of(said["record"]),
        checkpoint=said["checkpoint"].encode(),
        events=parsed,
        code=said.get("code"),
        verdict=None if verdict is None else verdict.encode(),
    )
