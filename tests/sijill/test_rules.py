"""A ledger whose operator records what was never ordered, with signatures that are all right."""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from infrastructure.proofs import canonical, codes, receipts
from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.findings import MEANINGS, NOT_CHECKED, Finding, Summary
from infrastructure.proofs.fsck import Fsck, Trust
from infrastructure.proofs.jwk import public_of
from sijill import audit, rules
from sijill.rules import Rules, certificates, judging, nouns, registry
from sijill.rules.judging import Judging
from sijill.rules.nouns import CLAIM_REPEATED, NOT_PERMITTED
from tests.infrastructure.proofs.paper_ledger import (
    ORIGIN,
    RECEIPTS,
    PaperLedger,
    log_key,
    named,
    private,
    statement,
    thumbprint,
)

NAMES = {"ar": "جهة", "ckb": "لایەن", "en": "Body"}
CLAIM = dict.fromkeys(
    ("holder_secret", "holder_name", "supported_fact"),
    "6de13o3A6-syU1xhCe622LBtclQHmq_e2scQFeYHNpM",
)
ONE, TWO, THREE = codes.generate(), codes.generate(), codes.generate()
DAY = 86_400


def founding_key(name: str, scopes: Sequence[str]) -> dict[str, Any]:
    jwk = public_of(private(name)).jwk
    return {"jwk": jwk, "office": "office", "officer": name, "scopes": list(scopes)}


class Forger(PaperLedger):
    """Records whole statements: what the service takes, and signatures that it would not."""

    def found(self) -> "Forger":
        said = statement(
            "ledger.open",
            "ndc",
            origin=ORIGIN,
            format=1,
            founders=[
                {
                    "id": one,
                    "kind": "directorate",
                    "names": NAMES,
                    "key": founding_key(one, ["administer", "operate"]),
                    "recovery": founding_key(f"{one}-recovery", ["recovery"]),
                }
                for one in ("ndc", "comsec")
            ],
            log_key=self.log_keys[0].verifier.encode(),
            receipt_key=RECEIPTS.verifier.encode(),
        )
        signing: dict[str, Any] = {"cosigners": ["comsec"], "approving": "/v1/ledger"}
        self.order("ndc", said, "/v1/ledger", "sijill.ledger.opened.v1", "foundation", **signing)
        self.ledger = self.leaves[0].hash()
        for agency in ("moh", "moj"):
            self.agency(agency, "add", path="/v1/agencies", kind="ministry", names=NAMES)
            self.agency(agency, "link")
            self.key(agency, f"{agency}-1", stream=f"agency {agency}")
        return self

    def agency(self, subject: str, verb: str, *, path: str = "", **members: Any) -> int:
        said = statement(f"agency.{verb}", "ndc", subject=subject, **members)
        places = {"link": "linking", "suspend": "suspension"}
        past = {"add": "added", "link": "linked", "suspend": "suspended"}
        target = path or f"/v1/agencies/{subject}/{places[verb]}"
        return self.order(
            "ndc", said, target, f"sijill.agency.{past[verb]}.v1", f"agency {subject}"
        )

    def key(
        self,
        subject: str,
        name: str,
        scopes: Sequence[str] = ("administer", "issue", "revoke"),
        *,
        by: str = "ndc",
        agency: str = "ndc",
        stream: str = "",
        **signing: Any,
    ) -> int:
        members = {
            "subject": subject,
            "jwk": public_of(private(name)).jwk,
            "scopes": list(scopes),
            "office": "office",
            "officer": name,
            "valid_until": self.seconds + DAY,
        }
        said = statement("key.enrol", agency, **members)
        signing = {"cosigners": ["comsec"], "possession": name, **signing}
        path, topic = f"/v1/agencies/{subject}/keys", "sijill.key.enrolled.v1"
        return self.order(by, said, path, topic, stream or f"key {name}", **signing)

    def certify(self, code: str, *, by: str = "moh-1", agency: str = "moh", **members: Any) -> int:
        place = members.pop("place", len(self.leaves))
        stream = members.pop("stream", code)
        about = {
            "type": "support_letter",
            "code": code,
            "unit": "registry",
            "series": "general",
            "year": 2026,
            "number": f"{len(self.leaves)}",
            "date": "2026-01-01",
            "language": "ar",
            "claims": CLAIM,
            **members,
        }
        said = statement("certificate.issue", agency, **about)
        chosen = {"status": {"index": place, "list": 0}}
        topic = "sijill.certificate.issued.v1"
        return self.order(by, said, "/v1/certificates", topic, stream, chosen=chosen)

    def withdraw(self, code: str, *, by: str = "moh-1", agency: str = "moh", on: str = "") -> int:
        said = statement("certificate.revoke", agency, code=code, reason="decision")
        path, topic = f"/v1/certificates/{code}/revocation", "sijill.certificate.revoked.v1"
        return self.order(by, said, path, topic, on or code)

    def act(self, code: str, verb: str, place: str, past: str, **members: Any) -> int:
        said = statement(f"certificate.{verb}", "moh", code=code, **members)
        path, topic = f"/v1/certificates/{code}/{place}", f"sijill.certificate.{past}.v1"
        return self.order("moh-1", said, path, topic, code)


def judged(ledger: PaperLedger) -> set[tuple[str, int | None]]:
    ledger.seal(*ledger.log_keys)
    findings: list[Finding] = []
    audit.check(ledger.source(), Trust(acts=audit.act_rules()), findings.append)
    return named(findings)


def test_what_was_ordered_passes() -> None:
    ledger = Forger().found()
    ledger.key("moh", "moh-2", by="moh-1", agency="moh", cosigners=[], stream="agency moh")
    ledger.key("moh", "moh-3", ["revoke"], by="moh-2", agency="moh", cosigners=[])
    ledger.certify(ONE)
    ledger.withdraw(ONE, by="moh-3")
    ledger.agency("moh", "suspend", reason="inactivity")
    ledger.certify(TWO, by="moj-1", agency="moj")
    ledger.withdraw(TWO, by="moj-1", agency="moj")
    assert judged(ledger) == set()


def refused_by_comsec(ledger: Forger) -> int:
    refusing = "/v1/orders/0198c0de-0000-7000-8000-000000000000/refusal"
    return ledger.key("moh", "evil", approving=refusing, stream="agency moh")


def unasked_rotation(ledger: Forger) -> int:
    new = log_key("evil")
    said = statement(
        "ledger.rotate_key",
        "ndc",
        log_key=new.verifier.encode(),
        valid_until=ledger.seconds + DAY,
    )
    word = receipts.Rotation(ledger.ledger, canonical.statement_digest(canonical.dumps(said)))
    keys = (ledger.log_keys[-1], new)
    notes = [receipts.sign_rotation(word, key).decode() for key in keys]
    topic = "sijill.ledger.key_rotated.v1"
    return ledger.order(
        "ndc", said, "/v1/ledger/keys", topic, "foundation", chosen={"notes": notes}
    )


def declared_by_one(ledger: Forger) -> int:
    name = thumbprint("moh-1")
    until = ledger.seconds + DAY
    said = statement("key.compromise", "ndc", key=name, as_of=1, reason="stolen", valid_until=until)
    path, topic = f"/v1/keys/{name}/compromise", "sijill.key.compromised.v1"
    return ledger.order("ndc", said, path, topic, "agency moh")


def retired_by_a_stranger(ledger: Forger) -> int:
    name = thumbprint("moh-1")
    said = statement("key.retire", "moj", key=name, reason="unused")
    path, topic = f"/v1/keys/{name}/retirement", "sijill.key.retired.v1"
    return ledger.order("moj-1", said, path, topic, "agency moh")


def on_another_record(ledger: Forger) -> int:
    ledger.certify(ONE)
    ledger.certify(TWO)
    return ledger.withdraw(ONE, on=TWO)


def of_another_agency(ledger: Forger) -> int:
    ledger.certify(ONE)
    return ledger.withdraw(ONE, by="moj-1", agency="moj")


def issued_again(**members: Any) -> Callable[[Forger], int]:
    def record(ledger: Forger) -> int:
        ledger.certify(ONE, number="1", place=7)
        return ledger.certify(**{"code": TWO, "number": "2", "place": 8, **members})

    return record


def revoked_twice(ledger: Forger) -> int:
    ledger.certify(ONE)
    ledger.withdraw(ONE)
    return ledger.withdraw(ONE)


def reinstated_in_force(ledger: Forger) -> int:
    ledger.certify(ONE)
    return ledger.act(ONE, "reinstate", "reinstatement", "reinstated", reason="review_passed")


def erased_too_early(ledger: Forger) -> int:
    ledger.certify(ONE)
    return ledger.act(ONE, "erase", "erasure", "erased", valid_until=ledger.seconds + DAY)


def linked_twice(ledger: Forger) -> int:
    return ledger.agency("moh", "link")


def without_scope(ledger: Forger) -> int:
    ledger.key("moh", "moh-2", ["revoke"], by="moh-1", agency="moh", cosigners=[])
    return ledger.certify(ONE, by="moh-2")


def suspended(ledger: Forger) -> int:
    ledger.agency("moh", "suspend", reason="inactivity")
    return ledger.certify(ONE)


HOME = {"stream": "agency moh"}


@pytest.mark.parametrize(
    "forge, code",
    [
        (lambda it: it.key("moh", "evil", **HOME, cosigners=[]), "signature_missing"),
        (lambda it: it.key("moh", "evil", **HOME, possession=None), "signature_missing"),
        (
            lambda it: it.key("moh", "evil", **HOME, by="moj-1", agency="moj", cosigners=[]),
            "signer_not_entitled",
        ),
        (lambda it: it.key("moh", "evil"), "stream_mismatch"),
        (refused_by_comsec, "approval_misplaced"),
        (unasked_rotation, "signature_missing"),
        (declared_by_one, "signature_missing"),
        (retired_by_a_stranger, "signer_not_entitled"),
        (without_scope, "signer_not_entitled"),
        (suspended, "signer_not_entitled"),
        (
            lambda it: it.certify(ONE, type="degree", valid_until=it.seconds + DAY),
            "signature_missing",
        ),
        (lambda it: it.certify(ONE, valid_until=1), "order_expired"),
        (lambda it: it.certify(ONE, holder="somebody"), "statement_invalid"),
        (revoked_twice, "not_permitted"),
        (reinstated_in_force, "not_permitted"),
        (erased_too_early, "signer_not_entitled"),
        (erased_too_early, "not_permitted"),
        (linked_twice, "not_permitted"),
        (lambda it: it.certify(ONE, date="2026-03-01"), "not_permitted"),
        (lambda it: it.certify(ONE, year=2025), "not_permitted"),
        (lambda it: it.certify(ONE, type="no_such_type"), "not_permitted"),
        (on_another_record, "stream_mismatch"),
        (of_another_agency, "record_foreign"),
        (lambda it: it.withdraw(THREE), "stream_mismatch"),
        (issued_again(code=ONE, stream="another"), "code_repeated"),
        (issued_again(number="١"), "number_repeated"),
        (issued_again(place=7), "status_place_wrong"),
    ],
)
def test_what_was_not_ordered_is_named(forge: Callable[[Forger], int], code: str) -> None:
    ledger = Forger().found()
    index = forge(ledger)
    assert (code, index) in judged(ledger)


def test_an_event_out_of_turn_is_named_and_not_learned_from() -> None:
    ledger = Forger().found()
    ledger.versions = {stream: version + 1 for stream, version in ledger.versions.items()}
    index = ledger.agency("moh", "suspend", reason="inactivity")
    later = ledger.certify(ONE)
    ledger.seal(*ledger.log_keys)
    findings: list[Finding] = []
    summary = audit.check(ledger.source(), Trust(acts=audit.act_rules()), findings.append)
    assert named(findings) == {("version_wrong", index)}
    assert summary.unchecked["rules_not_judged"].first == later


def test_a_number_that_was_given_up_is_free_again() -> None:
    ledger = Forger().found()
    ledger.certify(ONE, number="1")
    ledger.act(ONE, "void", "voiding", "voided", reason="test_entry")
    ledger.certify(TWO, number="1")
    assert judged(ledger) == set()


def closed(ledger: Forger, index: int, **parts: Any) -> Summary:
    """The check of a ledger of which one event is not open as it should be."""
    ledger.seal(*ledger.log_keys)
    source = ledger.source()
    source.opened[index] = replace(source.opened[index], **parts)
    findings: list[Finding] = []
    summary = audit.check(source, Trust(acts=audit.act_rules()), findings.append)
    assert findings == []
    return summary


def test_what_rests_on_a_closed_event_is_not_judged_and_the_rest_is() -> None:
    ledger = Forger().found()
    first = ledger.certify(ONE)
    second = ledger.certify(TWO)
    third = ledger.withdraw(ONE)
    ledger.withdraw(TWO)
    summary = closed(ledger, first, body=None)
    assert (summary.unchecked["rules_not_judged"].first, second) == (third, third - 1)
    assert summary.unchecked["rules_not_judged"].count == 1


def test_nobody_is_accused_by_what_an_event_of_unknown_kind_may_explain() -> None:
    ledger = Forger().found()
    unseen = ledger.certify(ONE)
    wrong = ledger.certify(TWO, year=2025)
    ledger.certify(THREE)
    summary = closed(ledger, unseen, header=None, body=None)
    skipped = summary.unchecked["rules_not_judged"]
    assert (skipped.first, skipped.count) == (wrong, 1)


def enrolled_by_one(ledger: Forger) -> int:
    index = ledger.key("moh", "evil", ["issue"], cosigners=[])
    ledger.certify(TWO, by="evil")
    return index


@pytest.mark.parametrize(
    "forge, code",
    [
        (enrolled_by_one, "signature_missing"),
        (without_scope, "signer_not_entitled"),
        (linked_twice, "not_permitted"),
    ],
)
def test_a_closed_header_is_no_event_of_the_registry(
    forge: Callable[[Forger], int], code: str
) -> None:
    """Else one letter that nobody may read would let the operator enrol keys by itself."""
    ledger = Forger().found()
    unseen = ledger.certify(THREE)
    index = forge(ledger)
    ledger.seal(*ledger.log_keys)
    source = ledger.source()
    source.opened[unseen] = Opening(unseen)
    findings: list[Finding] = []
    audit.check(source, Trust(acts=audit.act_rules()), findings.append)
    assert named(findings) == {(code, index)}
    # Where it is not said that it is closed, it may be of any noun.
    del source.opened[unseen]
    assert not list(Fsck(source, Trust(rules=Rules)).run())


def test_a_noun_without_a_module_of_its_own_is_judged_by_its_desk() -> None:
    ledger = Forger().found()
    index = revoked_twice(ledger)
    ledger.seal(*ledger.log_keys)
    findings: list[Finding] = []
    fsck = Fsck(ledger.source(), Trust(rules=lambda summary: Judging(summary, {})))
    findings += fsck.run()
    assert [(one.code, one.index) for one in findings] == [("not_permitted", index)]
    assert findings[0].found == "certificate_already_revoked"


def test_every_code_has_its_meaning() -> None:
    modules = (certificates, judging, nouns, registry)
    code = "".join(map(inspect.getsource, modules))
    found = set(re.findall(r'(?:yield |\(\(|, \(|\[\()"(\w+)", ', code))
    found |= set(re.findall(r'return "(\w+)"', code))
    found |= {CLAIM_REPEATED, NOT_PERMITTED}
    for one in rules.NOUNS.values():
        found |= {*one.refused.values(), *one.taken.values()}
    assert len(found) > 10
    assert found <= MEANINGS.keys()
    assert set(re.findall(r'skip\("(\w+)"', code)) <= NOT_CHECKED.keys()
