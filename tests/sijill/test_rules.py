"""A ledger whose operator records what was never ordered, with signatures that are all right."""

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from infrastructure.proofs import canonical, codes, receipts
from infrastructure.proofs.findings import MEANINGS, NOT_CHECKED, Finding
from infrastructure.proofs.fsck import Trust
from infrastructure.proofs.jwk import public_of
from sijill import audit, rules
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
CLAIM = {"holder_secret": "6de13o3A6-syU1xhCe622LBtclQHmq_e2scQFeYHNpM"}
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


def test_every_code_has_its_meaning() -> None:
    code = inspect.getsource(rules)
    found = set(re.findall(r'(?:yield |append\(\()"(\w+)", ', code))
    assert found <= MEANINGS.keys()
    assert set(re.findall(r'skip\("(\w+)"', code)) <= NOT_CHECKED.keys()
