"""A bundle in which the operator signed for others: whose signatures an act needs is judged."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid5

import pytest

from infrastructure.proofs import bundle, canonical, merkle, receipts
from infrastructure.proofs.bundle import Bundle, Report, Trust
from infrastructure.proofs.bundled import Proven
from infrastructure.proofs.jwk import public_of
from infrastructure.proofs.leaf import parse_header
from infrastructure.proofs.ordering import OrderMaterial
from infrastructure.proofs.standing import NOTHING_IS_WASHED_SINCE_US
from infrastructure.proofs.statements import statement_path
from sijill import acting
from tests.infrastructure.proofs.paper_ledger import (
    NAMESPACE,
    RECEIPTS,
    private,
    statement,
    thumbprint,
)
from tests.sijill.test_rules import (
    HOME,
    NAMES,
    ONE,
    TWO,
    Forger,
    declared_by_one,
    suspended,
    unasked_rotation,
    without_scope,
)

SINCE_SECONDS = NOTHING_IS_WASHED_SINCE_US // 1_000_000
Change = Callable[[Proven], Proven]


def carried(ledger: Forger, change: Change | None = None, **members: Any) -> Report:
    """What comes out of a bundle of everything, about the newest event's record."""
    head = ledger.seal(*ledger.log_keys)
    hashes = [leaf.hash() for leaf in ledger.leaves]

    def get(level: int, n: int) -> bytes:
        return merkle.root(hashes[n << level : (n + 1) << level])

    events = []
    for opening in ledger.opened:
        assert opening.header is not None
        assert opening.order is not None
        assert opening.order.statements is not None
        line, listed = parse_header(opening.header).line, opening.order.statements
        order = OrderMaterial(
            opening.order.evidence,
            path=tuple(statement_path(listed, line)),
            statement=listed[line],
        )
        proof = merkle.inclusion_proof(index=opening.index, size=head.size, get=get)
        whole = replace(opening, order=order)
        leaf = ledger.leaves[opening.index].encode()
        events.append(Proven(opening.index, leaf, tuple(proof), whole))
    last = events[-1].opening.header or b""
    said = Bundle(
        ledger.ledger,
        members.pop("record", parse_header(last).stream),
        ledger.notes[-1],
        [change(one) if change else one for one in events],
        **members,
    )
    trust = Trust(ledger=ledger.ledger, acts=acting.act_rules(), two_officers=acting.two_officers())
    return bundle.verify(bundle.parse(said.encode()), trust)


def found(ledger: Forger, change: Change | None = None) -> set[tuple[str, int | None]]:
    return {(one.code, one.index) for one in carried(ledger, change).findings}


def test_what_was_ordered_passes_and_nothing_is_left_unchecked() -> None:
    ledger = Forger().found()
    until = ledger.seconds + 86_400
    ledger.key("moh", "moh-2", by="moh-1", agency="moh", cosigners=[], **HOME)
    ledger.key("moh", "moh-3", ["issue", "revoke"], by="moh-2", agency="moh", cosigners=[])
    ledger.key("moh", "moh-4", ["issue", "custodial"], by="moh-2", agency="moh", cosigners=["ndc"])
    ledger.key("moh", "moh-5", ["audit"], cosigners=["comsec", "moh-2"])
    ledger.certify(ONE, by="moh-4")
    ledger.agency("moh", "suspend", reason="inactivity")
    ledger.withdraw(ONE, by="moh-3")
    ledger.certify(TWO, by="moj-1", agency="moj", valid_until=until)

    report = carried(ledger)

    assert report.findings == []
    assert set(report.summary.unchecked) == {"status_not_proven"}


def from_another_agency(ledger: Forger) -> int:
    return ledger.key("moh", "evil", **HOME, by="moj-1", agency="moj", cosigners=[])


def in_nobodys_custody(ledger: Forger) -> int:
    scopes = ["issue", "custodial"]
    return ledger.key("moh", "evil", scopes, by="moh-1", agency="moh", cosigners=[])


def audit_for_itself(ledger: Forger) -> int:
    return ledger.key("moh", "evil", ["audit"], by="moh-1", agency="moh", cosigners=["comsec"])


def a_first_key_by_one(ledger: Forger) -> int:
    ledger.agency("moe", "add", path="/v1/agencies", kind="ministry", names={})
    return ledger.key("moe", "evil", stream="agency moe", cosigners=[])


def over_the_administrators_head(ledger: Forger) -> int:
    return ledger.key("moh", "evil", **HOME)


def degree(ledger: Forger) -> int:
    return ledger.certify(ONE, type="degree", valid_until=ledger.seconds + 86_400)


@pytest.mark.parametrize(
    "forge, code",
    [
        (over_the_administrators_head, "signature_missing"),
        (lambda it: it.key("moh", "evil", **HOME, possession=None), "signature_missing"),
        (from_another_agency, "signature_missing"),
        (in_nobodys_custody, "signature_missing"),
        (audit_for_itself, "signature_missing"),
        (a_first_key_by_one, "signature_missing"),
        (unasked_rotation, "signature_missing"),
        (declared_by_one, "signature_missing"),
        (degree, "signature_missing"),
        (without_scope, "signer_not_entitled"),
        (suspended, "signer_not_entitled"),
        (lambda it: it.certify(ONE, valid_until=1), "order_expired"),
        (
            lambda it: it.key("moh", "evil", ["operate"], cosigners=["comsec", "moh-1"]),
            "not_permitted",
        ),
    ],
)
def test_what_nobody_was_entitled_to_is_found(forge: Callable[[Forger], int], code: str) -> None:
    ledger = Forger().found()
    index = forge(ledger)
    assert found(ledger) == {(code, index)}


def test_a_parent_stands_in_for_a_founder_and_for_its_own_only() -> None:
    ledger = Forger().found()
    for agency, parent in (("moe", "moh"), ("mof", "moj")):
        names = {"ar": "جهة", "ckb": "لایەن", "en": "Body"}
        path = "/v1/agencies"
        ledger.agency(agency, "add", path=path, kind="ministry", names=names, parent=parent)
    ledger.key("moe", "moe-1", stream="agency moe", cosigners=["moh-1"])
    wrong = ledger.key("mof", "mof-1", stream="agency mof", cosigners=["moh-1"])

    assert found(ledger) == {("signature_missing", wrong)}


def ending(ledger: Forger) -> int:
    """An agency whose only key that administers ends: when, in seconds."""
    ends = ledger.seconds + 5_000
    ledger.agency("moe", "add", path="/v1/agencies", kind="ministry", names=NAMES)
    about = {"subject": "moe", "office": "office", "officer": "moe-1", "not_after": ends}
    until, jwk = ledger.seconds + 86_400, public_of(private("moe-1")).jwk
    granted = {"jwk": jwk, "scopes": ["administer"], "valid_until": until}
    said = statement("key.enrol", "ndc", **about, **granted)
    path, topic = "/v1/agencies/moe/keys", "sijill.key.enrolled.v1"
    signing: dict[str, Any] = {"cosigners": ["comsec"], "possession": "moe-1"}
    ledger.order("ndc", said, path, topic, "agency moe", **signing)
    return ends


@pytest.mark.parametrize("after", [-1_000, -200, 0, 100, 299, 400, 1_000])
def test_a_ceremony_when_the_last_key_has_just_ended_is_no_fault(after: int) -> None:
    """The desk's clock decided, and it may be minutes from the leaf's; hours before it is one."""
    ledger = Forger().found()
    ledger.seconds = ending(ledger) + after

    index = ledger.key("moe", "moe-2")

    assert found(ledger) == ({("signature_missing", index)} if after == -1_000 else set())


@pytest.mark.parametrize("after", [-1_000, -200, 200])
def test_the_administrator_of_an_agency_may_sign_to_the_last(after: int) -> None:
    ledger = Forger().found()
    ledger.seconds = ending(ledger) + after

    ledger.key("moe", "moe-2", cosigners=["moe-1"])

    assert found(ledger) == set()


def test_what_rests_on_an_event_that_is_not_open_is_counted_and_accuses_nobody() -> None:
    ledger = Forger().found()
    linked = 2
    ledger.certify(ONE)

    def close(one: Proven) -> Proven:
        opening = replace(one.opening, body=None, body_salt=b"")
        return one if one.index != linked else replace(one, opening=opening)

    report = carried(ledger, close)

    assert report.findings == []
    assert report.summary.unchecked["rules_not_judged"].count == 2


def declared_void(ledger: Forger, as_of: int, key: str = "moh-1", agency: str = "moh") -> None:
    """A key is declared compromised by both founders."""
    name, until = thumbprint(key), ledger.seconds + 86_400
    about = {"key": name, "as_of": as_of, "reason": "stolen", "valid_until": until}
    said = statement("key.compromise", "ndc", **about)
    path, topic = f"/v1/keys/{name}/compromise", "sijill.key.compromised.v1"
    stream = f"agency {agency}" if key == f"{agency}-1" else f"key {key}"
    ledger.order("ndc", said, path, topic, stream, cosigners=["comsec"])


@pytest.mark.parametrize(
    "later, outcome, code",
    [(0, "valid", "verdict_contradicted"), (1, "valid", None), (0, "withdrawn", None)],
)
def test_a_word_that_a_void_grant_is_valid_is_contradicted(
    later: int, outcome: str, code: str | None
) -> None:
    ledger = Forger().found()
    index = ledger.certify(ONE)
    declared_void(ledger, index + later)
    said = {"code": ONE, "matched": [], "mismatched": [], "outcome": outcome, "reason": "x"}
    assert worded(ledger, said) == ({(code, len(ledger.leaves))} if code else set())


def worded(ledger: Forger, said: dict[str, Any]) -> set[tuple[str, int | None]]:
    """What is found where the ledger's signed word for ONE is this one."""
    note = receipts.VerdictNote(ledger.ledger, len(ledger.leaves) - 1, canonical.dumps(said))
    record, word = uuid5(NAMESPACE, ONE), receipts.sign(note, RECEIPTS)
    report = carried(ledger, record=record, code=ONE, verdict=word)
    return {(one.code, one.index) for one in report.findings}


def by_court(ledger: Forger, key: str, past: str, basis: str, **members: Any) -> int:
    """A court of moj's suspends ONE, or ends that."""
    lifts = past == "court_suspension_lifted"
    act = "certificate.lift_court_suspension" if lifts else "certificate.suspend_by_court"
    said = statement(act, "moj", code=ONE, legal_basis=basis, **members)
    path = f"/v1/certificates/{ONE}/court-suspension" + ("/lifting" if lifts else "")
    return ledger.order(key, said, path, f"sijill.certificate.{past}.v1", ONE)


@pytest.mark.parametrize("way", ["as it was", "laid anew", "another order", "reaffirmed"])
def test_what_a_stolen_key_of_a_court_lifted_only_the_court_makes_good(way: str) -> None:
    ledger = Forger(seconds=SINCE_SECONDS).found()
    for key in ("stolen", "new"):
        ledger.key("moj", key, ["court"], cosigners=["comsec", "moj-1"])
    ledger.certify(ONE)
    by_court(ledger, "stolen", "suspended_by_court", "order:1/2026")
    lifted = by_court(
        ledger, "stolen", "court_suspension_lifted", "order:2/2026", ends="order:1/2026"
    )
    if way == "reaffirmed":
        ledger.act(ONE, "reaffirm", "reaffirmation", "reaffirmed")
    elif way != "as it was":
        cited = "order:1/2026" if way == "laid anew" else "order:3/2026"
        by_court(ledger, "new", "suspended_by_court", cited)
        by_court(ledger, "new", "court_suspension_lifted", "order:4/2026", ends=cited)
    declared_void(ledger, lifted, "stolen", "moj")
    said = {"code": ONE, "matched": [], "mismatched": [], "outcome": "valid", "reason": "x"}

    honest = way == "laid anew"
    expected = set() if honest else {("verdict_contradicted", len(ledger.leaves))}
    assert worded(ledger, said) == expected
