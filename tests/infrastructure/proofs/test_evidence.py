from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infrastructure.proofs import canonical, evidence, orders
from infrastructure.proofs.canonical import statement_digest
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import PublicKey, public_of
from infrastructure.proofs.orders import SignedRequest
from infrastructure.proofs.signing import Cover, envelope, sign_approval, sign_order
from infrastructure.proofs.statements import statement_path
from tests.infrastructure.proofs.samples import (
    AGENCY_KEY,
    CREATED,
    EXPIRES,
    LEDGER,
    NOW_US,
    OFFICER_KEY,
    STRANGER_KEY,
    head,
    statement,
)

DAY = 86_400
SECOND_US = 1_000_000
APPROVAL_PATH = "/v1/orders/0190f0a0-0000-7000-8000-000000000000/approval"
STATEMENTS = [statement(number) for number in range(5)]
DIGESTS = [statement_digest(one) for one in STATEMENTS]
KNOWN = {public_of(key).thumbprint: public_of(key) for key in (AGENCY_KEY, OFFICER_KEY)}


def find_key(thumbprint: str) -> PublicKey:
    if thumbprint not in KNOWN:
        raise ProofError("key_unknown", thumbprint)
    return KNOWN[thumbprint]


def order(**other: Any) -> SignedRequest:
    lines = [envelope(one) for one in STATEMENTS]
    return sign_order(AGENCY_KEY, head(**other), lines, content_type=orders.NDJSON).request


def approval(of: SignedRequest, key: Any = OFFICER_KEY, **other: Any) -> SignedRequest:
    cover = other.pop("cover", Cover(of.root, of.lines, of.atomic))
    fields = {"path": APPROVAL_PATH, **other}
    return sign_approval(key, head("B" * 22, **fields), cover).request


def recorded(signed: list[SignedRequest], line: int = 2, **other: Any) -> evidence.Recorded:
    facts = evidence.Recorded(
        evidence=evidence.evidence_digest(evidence.encode_evidence(signed)),
        keys=tuple(one.keyid for one in signed),
        line=line,
        time_us=NOW_US,
        statement=DIGESTS[line],
        path=tuple(statement_path(DIGESTS, line)),
    )
    return replace(facts, **other)


def verify(
    signed: list[SignedRequest], facts: evidence.Recorded, ledger: bytes = LEDGER
) -> tuple[SignedRequest, ...]:
    data = evidence.encode_evidence(signed)
    return evidence.verify_evidence(data, facts, ledger=ledger, find_key=find_key)


def refusal(
    signed: list[SignedRequest], facts: evidence.Recorded | None = None, ledger: bytes = LEDGER
) -> str:
    with pytest.raises(ProofError) as caught:
        verify(signed, facts or recorded(signed), ledger)
    return caught.value.code


ORDER = order()
APPROVAL = approval(ORDER)


@pytest.mark.parametrize("line", range(5))
def test_every_line_of_an_order_is_borne_out(line: int) -> None:
    signed = [ORDER, APPROVAL]
    assert verify(signed, recorded(signed, line)) == (ORDER, APPROVAL)
    assert verify([ORDER], recorded([ORDER], line)) == (ORDER,)


def test_evidence_is_a_canonical_array_of_base_and_sig() -> None:
    data = evidence.encode_evidence([ORDER, APPROVAL])
    assert canonical.dumps(canonical.parse_json(data, limit_bytes=9999, line_feeds=True)) == data
    assert evidence.parse_evidence(data) == (ORDER, APPROVAL)


def test_other_evidence_than_the_header_commits_to_is_refused() -> None:
    assert refusal([ORDER], recorded([ORDER, APPROVAL])) == "evidence_digest_mismatch"


def test_the_headers_keys_are_the_evidences_in_its_order() -> None:
    signed = [ORDER, APPROVAL]
    first, second = (one.keyid for one in signed)
    for keys in ((first,), (second, first), (first, second, second), (first, first), ()):
        assert refusal(signed, recorded(signed, keys=keys)) == "evidence_keys_mismatch"


def test_one_key_cannot_countersign_itself() -> None:
    assert refusal([ORDER, approval(ORDER, AGENCY_KEY)]) == "evidence_keys_mismatch"


def test_the_order_comes_first_and_alone() -> None:
    assert refusal([APPROVAL]) == "evidence_not_an_order"
    assert refusal([APPROVAL, ORDER]) == "evidence_not_an_order"
    lines = [envelope(one) for one in STATEMENTS]
    second = sign_order(OFFICER_KEY, head(), lines, content_type=orders.NDJSON).request
    assert refusal([ORDER, second]) == "evidence_not_an_order"


@pytest.mark.parametrize(
    "other",
    [
        {"cover": Cover(DIGESTS[0], 5)},
        {"cover": Cover(ORDER.root, 6)},
        {"cover": Cover(ORDER.root, 5, atomic=True)},
        {"ledger": bytes(32)},
    ],
)
def test_all_signatures_are_over_the_same_order(other: dict[str, Any]) -> None:
    assert refusal([ORDER, approval(ORDER, **other)]) == "evidence_disagrees"


def test_an_order_for_another_ledger_is_not_this_ledgers() -> None:
    assert refusal([ORDER, APPROVAL], ledger=bytes(32)) == "ledger_mismatch"


def test_event_0_is_ordered_for_64_zeros() -> None:
    genesis = order(ledger=bytes(32))
    verify([genesis], recorded([genesis]), ledger=bytes(32))


@pytest.mark.parametrize(
    "other",
    [
        {"statement": statement_digest(statement(99))},
        {"statement": DIGESTS[1]},
        {"line": 1},
        {"line": 5},
        {"path": ()},
        {"path": (bytes(32),) * 3},
    ],
)
def test_a_statement_that_was_not_ordered_is_refused(other: dict[str, Any]) -> None:
    assert refusal([ORDER], replace(recorded([ORDER]), **other)) == "statement_mismatch"


@pytest.mark.parametrize(
    "time_us, code",
    [
        ((CREATED - 300) * SECOND_US - 1, "order_in_future"),
        (EXPIRES * SECOND_US + 1, "order_expired"),
    ],
)
def test_every_signature_is_in_its_time_at_the_leaf(time_us: int, code: str) -> None:
    assert refusal([ORDER], recorded([ORDER], time_us=time_us)) == code
    wide = order(expires=CREATED + DAY, created=CREATED - DAY)
    assert refusal([wide, APPROVAL], recorded([wide, APPROVAL], time_us=time_us)) == code


@pytest.mark.parametrize("time_us", [(CREATED - 300) * SECOND_US, EXPIRES * SECOND_US])
def test_the_bounds_of_its_time_belong_to_it(time_us: int) -> None:
    signed = [ORDER, APPROVAL]
    verify(signed, recorded(signed, time_us=time_us))


def test_a_signature_lives_an_hour_alone_and_thirty_days_cosigned() -> None:
    for life, alone, together in (
        (3_600, None, None),
        (3_601, "order_too_long", None),
        (30 * DAY, "order_too_long", None),
        (30 * DAY + 1, "order_too_long", "order_too_long"),
    ):
        long = order(expires=CREATED + life)
        for signed, code in (([long], alone), ([long, approval(long)], together)):
            if code is None:
                verify(signed, recorded(signed))
            else:
                assert refusal(signed) == code


def test_a_strangers_key_is_unknown() -> None:
    assert refusal([ORDER, approval(ORDER, STRANGER_KEY)]) == "key_unknown"


@pytest.mark.parametrize("forged", [0, 1])
def test_each_signature_is_verified(forged: int) -> None:
    signed = [ORDER, APPROVAL]
    signed[forged] = replace(signed[forged], signature=signed[1 - forged].signature)
    assert refusal(signed) == "signature_invalid"


def entries(**other: Any) -> list[dict[str, Any]]:
    parsed = canonical.parse_json(
        evidence.encode_evidence([ORDER]), limit_bytes=9999, line_feeds=True
    )
    return [{**parsed[0], **other}]


BASE: str = entries()[0]["base"]


@pytest.mark.parametrize(
    "value, code",
    [
        ({}, "evidence_malformed"),
        ([], "evidence_malformed"),
        (["x"], "evidence_malformed"),
        (entries() * 33, "evidence_malformed"),
        (entries(note="x"), "evidence_malformed"),
        (entries(base=1), "evidence_malformed"),
        (entries(sig="A" * 85), "evidence_malformed"),
        (entries(sig="A" * 85 + "B"), "evidence_malformed"),
        (entries(sig=entries()[0]["sig"] + "=="), "evidence_malformed"),
        (entries(base=BASE + "\n"), "signature_malformed"),
        (entries(base=BASE.replace("@method", "@status")), "signature_malformed"),
        (entries(base=BASE.replace("POST", "post")), "order_malformed"),
        (entries(base=BASE.replace("sijill-order-v1", "sijill-read-v1")), "tag_unknown"),
        (entries(base=BASE.replace("application/x-ndjson", "a/b")), "content_type_unsupported"),
    ],
)
def test_each_faulty_evidence_has_its_code(value: Any, code: str) -> None:
    with pytest.raises(ProofError) as caught:
        evidence.parse_evidence(canonical.dumps(value))
    assert caught.value.code == code


def test_evidence_has_one_spelling_and_a_bound() -> None:
    data = evidence.encode_evidence([ORDER])
    with pytest.raises(ProofError, match="json_not_canonical"):
        evidence.parse_evidence(data + b"\n")
    largest = data.ljust(65_536)
    with pytest.raises(ProofError, match="json_not_canonical"):
        evidence.parse_evidence(largest)
    with pytest.raises(ProofError, match="json_too_large"):
        evidence.parse_evidence(largest + b" ")


def test_thirty_two_signatures_fit() -> None:
    many = [ORDER, *[APPROVAL] * 31]
    assert len(evidence.parse_evidence(evidence.encode_evidence(many))) == 32


@settings(max_examples=200)
@given(st.data())
def test_no_changed_byte_of_evidence_is_borne_out(data: st.DataObject) -> None:
    original = evidence.encode_evidence([ORDER, APPROVAL])
    mutated = bytearray(original)
    position = data.draw(st.integers(0, len(original) - 1))
    mutated[position] ^= data.draw(st.integers(1, 255))
    changed = bytes(mutated)
    facts = recorded([ORDER, APPROVAL], evidence=evidence.evidence_digest(changed))
    with pytest.raises(ProofError):
        evidence.verify_evidence(changed, facts, ledger=LEDGER, find_key=find_key)


@given(st.binary(max_size=100))
def test_any_bytes_are_evidence_or_a_refusal(data: bytes) -> None:
    with pytest.raises(ProofError):
        evidence.parse_evidence(data)
