"""Bundles: the vector of an independent hand, and what no bundle may get away with."""

import json
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import bundle, canonical, merkle, tlogproof
from infrastructure.proofs.authorship import KEY_ROTATED, Opening
from infrastructure.proofs.bundle import Bundle, Trust
from infrastructure.proofs.bundled import Proven
from infrastructure.proofs.checkpoint import Checkpoint, open_checkpoint
from infrastructure.proofs.checkpoint import sign as sign_checkpoint
from infrastructure.proofs.cosignature import Cosigner
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.leaf import (
    Header,
    Leaf,
    body_digest,
    encode_body,
    header_digest,
    parse_leaf,
)
from infrastructure.proofs.note import SignerKey, VerifierKey
from infrastructure.proofs.policy import parse as parse_policy
from infrastructure.proofs.receipts import VerdictNote, sign
from tests.infrastructure.proofs.vectors import load

VECTOR = load("bundle")
LOG = load("log")
LEDGER = bytes.fromhex(LOG["ledger"])
AUDITOR, ANYBODY = (one["bundle"] for one in VECTOR["bundles"])


def read(said: dict[str, Any]) -> Bundle:
    return bundle.parse(canonical.dumps(said))


def found(said: dict[str, Any], **trust: Any) -> set[tuple[str, int | None]]:
    report = bundle.verify(read(said), Trust(**{"ledger": LEDGER, **trust}))
    assert report.summary.findings == len(report.findings)
    return {(one.code, one.index) for one in report.findings}


def with_event(at: int, **changes: Any) -> dict[str, Any]:
    """The auditor's bundle with one event changed; a member that becomes None is left out."""
    events = [dict(one) for one in AUDITOR["events"]]
    events[at] = {k: v for k, v in {**events[at], **changes}.items() if v is not None}
    return {**AUDITOR, "events": events}


def verdict(key: str = "receipts", **changes: Any) -> str:
    """The verdict note of a record that was revoked, with other words in it."""
    index = changes.pop("index", 10)
    ledger = changes.pop("ledger", LEDGER)
    said = {
        "code": AUDITOR["code"],
        "matched": [],
        "mismatched": [],
        "outcome": "withdrawn",
        "reason": "revoked",
        **changes,
    }
    seed = bytes.fromhex(LOG["log_keys"][key]["seed"])
    signer = SignerKey("sijill.example/log/receipts", seed)
    return sign(VerdictNote(ledger, index, canonical.dumps(said)), signer).decode()


@pytest.mark.parametrize("case", VECTOR["bundles"], ids=lambda case: case["for"])
def test_the_vector_reads_verifies_and_is_written_again(case: dict[str, Any]) -> None:
    data = canonical.dumps(case["bundle"])
    assert sha256(data).hexdigest() == case["sha256"]

    parsed = bundle.parse(data)
    report = bundle.verify(parsed, Trust(ledger=LEDGER))

    assert parsed.encode() == data
    assert report.findings == []
    assert report.checkpoint.size == 11
    assert report.ledger == LEDGER
    assert report.time == json.loads(case["bundle"]["events"][-1]["leaf"])["time"]
    opened = {"act_not_compared"} | (
        {"body_not_open", "code_not_tied"} if case["for"] == "anybody" else set()
    )
    assert set(report.summary.unchecked) == opened


def test_the_record_is_told_event_by_event() -> None:
    report = bundle.verify(read(AUDITOR), Trust())

    assert [(one.index, one.header.type.split(".")[2]) for one in report.told] == [
        (6, "issued"),
        (7, "revoked"),
    ]
    assert (report.outcome, report.reason) == ("withdrawn", "revoked")
    assert [one.doubtful for one in report.told] == [False, False]
    # Six events with their evidence: two, one, three, one, one for the bulk's two lines, two.
    assert report.summary.signatures == 2 + 1 + 3 + 1 + 1 + 1 + 2
    assert report.summary.leaves == len(AUDITOR["events"])
    assert report.summary.checkpoints == 1


def test_a_key_that_fell_later_is_told() -> None:
    """The other record was erased by two keys, of which one was compromised from 9 on."""
    report = bundle.verify(read(ANYBODY), Trust())
    assert [(one.index, one.doubtful) for one in report.told] == [(5, False), (8, False)]


def first(**changes: Any) -> dict[str, Any]:
    """The bundle for everybody with its first event changed; None leaves a member out."""
    head, *rest = ANYBODY["events"]
    changed = {name: value for name, value in {**head, **changes}.items() if value is not None}
    return {**ANYBODY, "events": [changed, *rest]}


MALFORMED: dict[str, dict[str, Any]] = {
    "another form": {**ANYBODY, "bundle": "sijill-bundle/v2"},
    "a member that nobody knows": {**ANYBODY, "more": "x"},
    "no checkpoint": {name: ANYBODY[name] for name in ANYBODY if name != "checkpoint"},
    "a number for text": {**ANYBODY, "code": 7},
    "no events": {**ANYBODY, "events": []},
    "events that are none": {**ANYBODY, "events": {}},
    "an event that is none": {**ANYBODY, "events": ["x"]},
    "too many events": {**ANYBODY, "events": [7] * 4097},
    "events out of order": {**ANYBODY, "events": ANYBODY["events"][::-1]},
    "an event twice": {**ANYBODY, "events": [ANYBODY["events"][0], *ANYBODY["events"]]},
    "upper-case hex": {**ANYBODY, "ledger": ANYBODY["ledger"].upper()},
    "an odd number of digits": {**ANYBODY, "ledger": ANYBODY["ledger"][1:]},
    "a short hash": {**ANYBODY, "ledger": ANYBODY["ledger"][2:]},
    "a record that is no UUID": {**ANYBODY, "record": "x"},
    "a record in another spelling": {**ANYBODY, "record": ANYBODY["record"].upper()},
    "no index": first(index=None),
    "an index that is none": first(index="0"),
    "a truth for an index": first(index=True),
    "no leaf": first(leaf=None),
    "a leaf that is none": first(leaf=7),
    "a leaf beyond ASCII": first(leaf="ق"),
    "no proof": first(proof=None),
    "a proof that is none": first(proof="x"),
    "a hash that is none": first(proof=[7]),
    "too long a path": first(proof=["00" * 32] * 64),
    "a header without its salt": first(header_salt=None),
    "a salt without its body": first(body=None),
    "evidence without its path": first(path=None),
    "a salt beyond hex": first(header_salt="xx"),
    "base64 that is none": first(header="*"),
    "a header that is none": first(header=7),
    "base64 with unused bits": first(evidence="QQ9="),
    "a member that no event has": first(more="x"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_bundle_is_refused(name: str) -> None:
    with pytest.raises(ProofError) as refused:
        read(MALFORMED[name])
    assert refused.value.code == "bundle_malformed"


def test_a_bundle_has_one_spelling_and_a_size() -> None:
    spelt = json.dumps(ANYBODY, ensure_ascii=False, sort_keys=True).encode()
    for data, code in (
        (spelt, "json_not_canonical"),
        (b" " * (bundle.MAX_BUNDLE_BYTES + 1), "json_too_large"),
        (b'{"bundle":[[[[[]]]]]}', "json_too_deep"),
    ):
        with pytest.raises(ProofError) as refused:
            bundle.parse(data)
        assert refused.value.code == code


def test_the_first_event_of_the_record_is_a_tlog_proof() -> None:
    proof = read(AUDITOR).tlog_proof()

    assert proof.encode().decode() == VECTOR["tlog_proof"]
    assert tlogproof.parse(proof.encode()) == proof
    keys = [VerifierKey.parse(LOG["log_keys"][name]["vkey"]) for name in ("log", "log-2")]
    head = open_checkpoint(proof.checkpoint, origin="sijill.example/log", verifiers=keys)
    proof.verify(size=head.size, root=head.root)
    with pytest.raises(ProofError):
        read({**AUDITOR, "record": ANYBODY["record"]}).tlog_proof()


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"header_salt": "00" * 16}, "header_digest_mismatch"),
        ({"body_salt": "00" * 16}, "body_digest_mismatch"),
        ({"statement": "00" * 32}, "statement_mismatch"),
        ({"path": []}, "statement_mismatch"),
        ({"proof": []}, "inclusion_invalid"),
        ({"index": 8}, "inclusion_invalid"),
        ({"leaf": "{}"}, "leaf_malformed"),
    ],
)
def test_a_changed_event_is_found(changes: dict[str, Any], code: str) -> None:
    index = changes.get("index", 7)
    at = [one["index"] for one in AUDITOR["events"]].index(7)

    assert (code, index) in found(with_event(at, **changes))


def test_a_leaf_at_anothers_place_is_found() -> None:
    """Both are in the tree: the path is right, the place is not what the leaf says."""
    events = [dict(one) for one in AUDITOR["events"]]
    last = events[-1]
    changed = last["leaf"].replace('"index":9', '"index":8')
    assert ("inclusion_invalid", 9) in found(
        {**AUDITOR, "events": [*events[:-1], {**last, "leaf": changed}]}
    )


@pytest.mark.parametrize("missing", [0, 1, 2, 4])
def test_an_event_that_is_left_out_is_missed(missing: int) -> None:
    events = [one for at, one in enumerate(AUDITOR["events"]) if at != missing]
    report = bundle.verify(read({**AUDITOR, "events": events}), Trust(ledger=LEDGER))

    assert report.findings


def test_the_ledger_is_the_one_that_is_trusted() -> None:
    assert found(AUDITOR, ledger=bytes(32)) == {("ledger_other", 0)}
    assert ("ledger_other", 0) in found({**AUDITOR, "ledger": "00" * 32}, ledger=None)
    assert found(AUDITOR, ledger=None) == set()


@pytest.mark.parametrize(
    "kept_back",
    [
        ("header", "header_salt", "body", "body_salt", "evidence", "path", "statement"),
        ("body", "body_salt"),
        ("evidence", "path", "statement"),
    ],
)
def test_event_0_is_wholly_open(kept_back: tuple[str, ...]) -> None:
    """Kept back it would vouch for nobody, and a stranger could name a key of his own."""
    assert ("genesis_invalid", 0) in found(with_event(0, **dict.fromkeys(kept_back)))


@pytest.mark.parametrize("at", range(len(AUDITOR["events"])))
def test_every_event_of_a_registry_or_the_record_shows_its_evidence(at: int) -> None:
    missing = with_event(at, evidence=None, path=None, statement=None)
    assert ("evidence_missing", AUDITOR["events"][at]["index"]) in found(missing)


def test_a_stranger_cannot_name_the_logs_key() -> None:
    """Nothing but the genuine leaf 0, and behind it a rotation that nobody signed."""
    stranger = SignerKey("sijill.example/log", bytes(32))
    leaf_0 = parse_leaf(AUDITOR["events"][0]["leaf"].encode())
    record, salt = UUID(AUDITOR["record"]), bytes(16)
    said = {"act": "ledger.rotate_key", "agency": "ndc", "log_key": stranger.verifier.encode()}
    leaves, openings = [leaf_0], [Opening(0)]
    for index, (topic, statement) in enumerate(
        [(KEY_ROTATED, said), ("sijill.certificate.issued.v1", {"agency": "ndc"})], 1
    ):
        stream = UUID(int=index) if index == 1 else record
        header = Header("ndc", bytes(32), ("A" * 43,), 0, stream, topic, 1).encode()
        body = encode_body(canonical.dumps(statement))
        digests = header_digest(salt, header), body_digest(salt, body)
        leaves.append(Leaf(index, leaf_0.time, leaves[-1].hash(), *digests))
        openings.append(Opening(index, header, salt, body, salt))
    a, b, c = (leaf.hash() for leaf in leaves)
    left = merkle.root([a, b])
    head = Checkpoint("sijill.example/log", 3, merkle.root([a, b, c]))
    paths = [(b, c), (a, c), (left,)]
    events = [
        Proven(leaf.index, leaf.encode(), path, opening)
        for leaf, path, opening in zip(leaves, paths, openings, strict=True)
    ]
    forged = Bundle(LEDGER, record, sign_checkpoint(head, [stranger]), events)

    report = bundle.verify(bundle.parse(forged.encode()), Trust(ledger=LEDGER))

    assert {"genesis_invalid", "note_unsigned"} <= {one.code for one in report.findings}


def test_a_record_that_is_not_in_it_is_missed() -> None:
    stream = json.loads(json.dumps(AUDITOR["record"])).replace("e330", "e331")

    assert ("record_missing", None) in found({**AUDITOR, "record": stream})


def test_the_checkpoint_is_signed_by_the_ledgers_own_key() -> None:
    head, _, _ = AUDITOR["checkpoint"].partition("\n\n")
    stranger = SignerKey("sijill.example/log", bytes(32)).sign(head + "\n")
    forged = {**AUDITOR, "checkpoint": f"{head}\n\n{stranger}\n"}

    assert found(forged) == {("note_unsigned", 11)}
    # A key that the reader trusts by other means is as good.
    assert found(forged, log_keys=[SignerKey("sijill.example/log", bytes(32)).verifier]) == set()
    with pytest.raises(ProofError):
        found({**AUDITOR, "checkpoint": "none"})


@pytest.mark.parametrize(
    "note, code",
    [
        (verdict(index=9), "verdict_other"),
        (verdict(ledger=bytes(32)), "verdict_other"),
        (verdict(code="7XK3M9Q2W5RT8VHBZ"), "verdict_other"),
        (verdict(outcome="valid", reason="in_force_fields_match"), "verdict_contradicted"),
        (verdict(key="log"), "note_unsigned"),
        (verdict()[:-20] + "AAAA\n", "note_malformed"),
    ],
)
def test_the_status_is_the_ledgers_word_about_this(note: str, code: str) -> None:
    assert found({**AUDITOR, "verdict": note}) == {(code, 11)}


def test_a_code_is_one_of_the_records() -> None:
    """A genuine verdict on another code, beside this record's events, is not about this record."""
    other = ANYBODY["code"]
    word = verdict(code=other, outcome="valid", reason="in_force_fields_match")
    assert ("code_other", 6) in found({**AUDITOR, "code": other, "verdict": word})
    at = [one["index"] for one in AUDITOR["events"]].index(6)
    closed = with_event(at, body=None, body_salt=None)
    report = bundle.verify(read({**closed, "code": other}), Trust(ledger=LEDGER))
    assert "code_not_tied" in report.summary.unchecked
    assert report.code == other


def test_without_a_verdict_the_status_is_not_proven() -> None:
    said = {name: value for name, value in AUDITOR.items() if name != "verdict"}
    report = bundle.verify(read(said), Trust(ledger=LEDGER))

    assert report.findings == []
    assert "status_not_proven" in report.summary.unchecked
    assert (report.outcome, report.reason) == (None, None)


def test_a_policy_asks_for_witnesses() -> None:
    witness = Cosigner("w.example", bytes(32))
    policy = parse_policy(f"witness w {witness.verifier.encode()}\nquorum w\n".encode())
    text = AUDITOR["checkpoint"].partition("\n\n")[0] + "\n"
    seen = {**AUDITOR, "checkpoint": AUDITOR["checkpoint"] + witness.sign(text, 7) + "\n"}

    assert found(AUDITOR, policy=policy) == {("witnesses_too_few", 11)}
    assert found(seen, policy=policy) == set()
    report = bundle.verify(read(seen), Trust(ledger=LEDGER, policy=policy))
    assert [(one.key.name, one.time) for one in report.cosigned] == [("w.example", 7)]
    spoilt = {**seen, "checkpoint": seen["checkpoint"].replace(text, text)[:-5] + "AA==\n"}
    assert {code for code, _ in found(spoilt, policy=policy)} <= {
        "note_malformed",
        "signature_invalid",
    }


@given(st.integers(0, len(canonical.dumps(ANYBODY)) - 1), st.binary(min_size=1, max_size=3))
def test_no_change_is_overlooked(at: int, put: bytes) -> None:
    """Whatever is written over the file: refused, found, or the same words as before."""
    data = canonical.dumps(ANYBODY)
    changed = data[:at] + put + data[at + len(put) :]
    try:
        parsed = bundle.parse(changed)
        report = bundle.verify(parsed, Trust(ledger=LEDGER))
    except ProofError:
        return
    if changed != data and not report.findings:
        # A signature line by a key that nobody knows may say anything.
        whole = bundle.parse(data)
        assert parsed.events == whole.events
        assert parsed.verdict == whole.verdict
