"""Logs recorded by an operator who does not follow the rules, and what the check says of them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from infrastructure.proofs.acts import ActRule
from infrastructure.proofs.authorship import Opening, Row
from infrastructure.proofs.fsck import Fsck, Trust
from infrastructure.proofs.leaf import header_digest, parse_header
from tests.infrastructure.proofs.paper_ledger import (
    ACTS,
    START_SECONDS,
    PaperLedger,
    check,
    log_key,
    named,
    statement,
    thumbprint,
)


def codes(ledger: PaperLedger) -> set[tuple[str, int | None]]:
    ledger.seal(*ledger.log_keys)
    return named(check(ledger.source()))


def enrolled_ledger() -> PaperLedger:
    ledger = PaperLedger().open()
    ledger.enrol("moh", "moh-1")
    return ledger


def test_a_key_that_nobody_enrolled() -> None:
    ledger = enrolled_ledger()
    index = ledger.issue("moh", "stranger", "AAAA")
    assert codes(ledger) == {("key_unknown", index)}


def test_a_key_of_another_agency() -> None:
    ledger = enrolled_ledger()
    index = ledger.issue("moj", "moh-1", "AAAA")
    assert codes(ledger) == {("key_foreign", index)}


def test_a_retired_key_from_its_retirement_on() -> None:
    ledger = enrolled_ledger()
    ledger.enrol("moh", "moh-2", by="moh-1", agency="moh")
    ledger.issue("moh", "moh-1", "AAAA")
    ledger.retire("moh", "moh-1", by="moh-2")
    index = ledger.issue("moh", "moh-1", "BBBB")
    assert codes(ledger) == {("key_retired", index)}


def test_an_order_is_judged_by_what_was_known_at_its_index() -> None:
    ledger = enrolled_ledger()
    before = ledger.issue("moh", "moh-1", "AAAA")
    ledger.compromise("moh-1", as_of=before)
    index = ledger.issue("moh", "moh-1", "BBBB")
    assert codes(ledger) == {("key_compromised", index)}


def test_keys_that_a_compromised_key_enrolled_in_the_window_fall_with_it() -> None:
    ledger = enrolled_ledger()
    earlier = ledger.enrol("moh", "earlier", by="moh-1", agency="moh")
    ledger.enrol("moh", "fallen", by="moh-1", agency="moh")
    ledger.enrol("moh", "grandchild", by="fallen", agency="moh")
    for key in ("earlier", "fallen", "grandchild"):
        ledger.issue("moh", key, f"{key} before")
    ledger.compromise("moh-1", as_of=earlier + 1)
    fallen = [ledger.issue("moh", key, key) for key in ("fallen", "grandchild")]
    ledger.issue("moh", "earlier", "earlier")
    late = ledger.enrol("moh", "late", by="fallen", agency="moh")
    assert codes(ledger) == {("key_fallen", index) for index in [*fallen, late]}
    ledger.issue("moh", "late", "late")
    assert ("key_fallen", late) in named(check(ledger.source()))


def test_a_compromise_only_ever_moves_earlier() -> None:
    ledger = enrolled_ledger()
    child = ledger.enrol("moh", "child", by="moh-1", agency="moh")
    ledger.compromise("moh-1", as_of=child + 5)
    ledger.issue("moh", "child", "AAAA")
    ledger.compromise("moh-1", as_of=child)
    ledger.compromise("moh-1", as_of=child + 9)
    index = ledger.issue("moh", "child", "BBBB")
    assert codes(ledger) == {("key_fallen", index)}


def test_validity_is_judged_at_the_leafs_time_with_the_clocks_allowance() -> None:
    ledger = enrolled_ledger()
    ends, begins = START_SECONDS + 100, START_SECONDS + 2_000
    ledger.enrol("moh", "short", not_after=ends)
    ledger.enrol("moh", "future", not_before=begins)
    ledger.seconds = ends + 300
    ledger.issue("moh", "short", "AAAA")
    ledger.seconds = ends + 301
    ended = ledger.issue("moh", "short", "BBBB")
    ledger.seconds = begins - 301
    early = ledger.issue("moh", "future", "CCCC")
    ledger.seconds = begins - 300
    ledger.issue("moh", "future", "DDDD")
    assert codes(ledger) == {("key_ended", ended), ("key_not_yet_valid", early)}


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"ledger": b"\x01" * 32}, "ledger_mismatch"),
        ({"created": START_SECONDS - 500, "expires": START_SECONDS}, "order_expired"),
        ({"created": START_SECONDS + 400, "expires": START_SECONDS + 500}, "order_in_future"),
        ({"expires": START_SECONDS + 7_200}, "order_too_long"),
    ],
)
def test_an_order_for_another_ledger_or_time(changes: dict[str, int], code: str) -> None:
    ledger = enrolled_ledger()
    index = ledger.issue("moh", "moh-1", "AAAA", **changes)
    assert codes(ledger) == {(code, index)}


def test_a_statement_that_was_not_ordered() -> None:
    ledger = enrolled_ledger()
    ordered = {"act": "certificate.issue", "agency": "moh"}
    signed = ledger.sign("moh-1", [ordered], "/v1/certificates")
    said = {"act": "certificate.issue", "agency": "moh", "code": "FORGED"}
    index = ledger.record(signed, [said], "sijill.certificate.issued.v1", ["FORGED"])
    assert codes(ledger) == {("statement_mismatch", index)}


def test_an_order_that_is_recorded_twice() -> None:
    ledger = enrolled_ledger()
    said = [{"act": "certificate.issue", "agency": "moh", "code": "AAAA"}]
    signed = ledger.sign("moh-1", said, "/v1/certificates")
    ledger.record(signed, said, "sijill.certificate.issued.v1", ["AAAA"])
    index = ledger.record(signed, said, "sijill.certificate.issued.v1", ["BBBB"])
    assert codes(ledger) == {("line_repeated", index)}


def test_a_line_of_a_bulk_in_the_place_of_another() -> None:
    ledger = enrolled_ledger()
    said = [{"act": "certificate.issue", "agency": "moh", "code": f"C{n}"} for n in range(4)]
    signed = ledger.sign("moh-1", said, "/v1/certificates/bulk")
    first = ledger.record(
        signed, said, "sijill.certificate.issued.v1", ["C0", "C1", "C2", "C3"], lines=[2, 0]
    )
    opening = ledger.opened[first + 1]
    assert opening.header is not None
    assert codes(ledger) == set()
    header = replace(parse_header(opening.header), line=3)
    replace_header(ledger, first + 1, header.encode())
    assert codes(ledger) == {("statement_mismatch", first + 1)}


def replace_header(ledger: PaperLedger, index: int, header: bytes) -> None:
    opening = ledger.opened[index]
    ledger.opened[index] = replace(opening, header=header)
    digest = header_digest(opening.header_salt, header)
    ledger.leaves[index] = replace(ledger.leaves[index], header=digest)
    for later in range(index + 1, len(ledger.leaves)):
        prev = ledger.leaves[later - 1].hash()
        ledger.leaves[later] = replace(ledger.leaves[later], prev=prev)
    ledger.notes.clear()


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"version": 2}, "version_wrong"),
        ({"agency": "moj"}, "agency_mismatch"),
        ({"type": "sijill.certificate.reinstated.v1"}, "act_mismatch"),
        ({"line": 1}, "statement_mismatch"),
        ({"keys": (thumbprint("moh-1"), thumbprint("x"))}, "evidence_keys_mismatch"),
        ({"evidence": b"\x00" * 32}, "evidence_digest_mismatch"),
    ],
)
def test_a_header_that_says_something_else_than_was_signed(
    changes: dict[str, Any], code: str
) -> None:
    ledger = enrolled_ledger()
    index = ledger.issue("moh", "moh-1", "AAAA")
    header = parse_header(ledger.opened[index].header or b"")
    replace_header(ledger, index, replace(header, **changes).encode())
    assert (code, index) in codes(ledger)


@pytest.mark.parametrize("body_is_open", [True, False])
def test_an_act_that_was_posted_elsewhere(*, body_is_open: bool) -> None:
    ledger = enrolled_ledger()
    ledger.issue("moh", "moh-1", "AAAA")
    said = {"act": "certificate.revoke", "agency": "moh", "code": "AAAA"}
    index = ledger.order("moh-1", said, "/v1/certificates", "sijill.certificate.revoked.v1", "AAAA")
    if not body_is_open:
        ledger.opened[index] = replace(ledger.opened[index], body=None)
    assert codes(ledger) == {("act_mismatch", index)}


def test_a_possession_proof_by_another_key() -> None:
    ledger = enrolled_ledger()
    index = ledger.enrol("moh", "moh-2", possession="moh-1")
    assert codes(ledger) == {("possession_mismatch", index)}


def test_a_key_that_is_enrolled_a_second_time() -> None:
    ledger = enrolled_ledger()
    index = ledger.enrol("moj", "moh-1")
    assert codes(ledger) == {("key_already_enrolled", index)}


def test_an_enrolment_that_was_not_signed_as_it_says_teaches_nothing() -> None:
    ledger = enrolled_ledger()
    index = ledger.enrol("moh", "moh-2", ledger=b"\x01" * 32)
    used = ledger.issue("moh", "moh-2", "AAAA")
    fsck = Fsck(ledger.source(), Trust(acts=ACTS))
    assert named(list(fsck.run())) == {("ledger_mismatch", index)}
    assert fsck.summary.unchecked["key_not_learned"].first == used


def test_a_log_that_one_founder_opened_alone() -> None:
    honest = PaperLedger().open()
    said = json.loads(honest.opened[0].body or b"")["statement"]
    ledger = PaperLedger()
    ledger.order("ndc", said, "/v1/ledger", "sijill.ledger.opened.v1", "foundation")
    assert codes(ledger) == {("genesis_invalid", 0)}


def test_a_log_that_begins_with_something_else_or_is_opened_twice() -> None:
    ledger = PaperLedger()
    ledger.issue("moh", "moh-1", "AAAA")
    assert ("genesis_invalid", 0) in codes(ledger)
    twice = PaperLedger().open()
    twice.ledger = bytes(32)
    twice.open()
    assert ("ledger_mismatch", 1) in codes(twice)


def test_a_log_key_that_the_old_one_did_not_hand_over_to() -> None:
    honest = enrolled_ledger()
    honest.rotate(log_key("second"))
    assert codes(honest) == set()
    ledger = enrolled_ledger()
    notes = json.loads(honest.opened[2].body or b"")["notes"]
    index = ledger.rotate(log_key("second"), notes=notes)
    assert codes(ledger) == {("rotation_mismatch", index)}


def test_a_log_key_counts_for_nothing_where_no_known_key_hands_over() -> None:
    """Event 0 is genuine and kept back; what follows is by a stranger who names his own key."""
    ledger = enrolled_ledger()
    ledger.rotate(log_key("a stranger's"))
    source = ledger.source()
    stranger = log_key("a stranger's")
    root = ledger.seal(stranger)
    source.notes = ledger.notes[-1:]
    source.opened[0] = Opening(0)
    source.opened[2] = replace(source.opened[2], order=None)
    fsck = Fsck(source, Trust(ledger=ledger.ledger, acts=ACTS))
    assert ("genesis_invalid", 0) in named(list(fsck.run()))
    assert fsck.summary.unchecked["checkpoint_signature"].first == root.size
    known = Trust(ledger=ledger.ledger, log_keys=[log_key("log").verifier], acts=ACTS)
    assert ("note_unsigned", root.size) in named(check(source, known))


def test_a_key_whose_enrolment_shows_no_evidence_is_not_learned() -> None:
    ledger = enrolled_ledger()
    ledger.issue("moh", "moh-1", "AAAA")
    source = ledger.source()
    source.opened[1] = replace(source.opened[1], order=None)
    fsck = Fsck(source, Trust(acts=ACTS))
    assert named(list(fsck.run())) == {("evidence_missing", 1)}
    assert fsck.summary.unchecked["key_not_learned"].first == 2


def test_a_database_shows_the_evidence_of_every_event() -> None:
    ledger = enrolled_ledger()
    index = ledger.issue("moh", "moh-1", "AAAA")
    source = ledger.source()
    header = parse_header(source.opened[index].header or b"")
    row = Row(header.agency, header.stream, header.type, header.version, index)
    source.opened[index] = replace(source.opened[index], order=None)
    assert check(source) == []
    source.opened[index] = replace(source.opened[index], row=row)
    assert named(check(source)) == {("evidence_missing", index)}


def test_a_registry_statement_that_does_not_say_what_it_must() -> None:
    ledger = enrolled_ledger()
    said = {"act": "key.retire", "agency": "moh", "key": "nobodys"}
    path = "/v1/keys/nobodys/retirement"
    index = ledger.order("moh-1", said, path, "sijill.key.retired.v1", "key moh-1")
    assert ("statement_unreadable", index) in codes(ledger)


def test_a_path_is_compared_with_the_acts_template() -> None:
    rule = ActRule("e", "/v1/certificates/{code}/revocation", "/v1/certificates/bulk")
    assert rule.fits("/v1/certificates/AB/revocation", {"code": "AB"})
    assert rule.fits("/v1/certificates/AB/revocation", None)
    assert rule.fits("/v1/certificates/bulk", {"code": "AB"})
    for path in ("/v1/certificates/CD/revocation", "/v1/certificates/AB/revocation/", "/"):
        assert not rule.fits(path, {"code": "AB"})
    assert not rule.fits("/v1/certificates/A/B/revocation", None)
    assert not rule.fits("/v1/certificates/AB/revocation", {})
    assert not ActRule("e", "/v1/a").fits("", None)


@pytest.mark.parametrize(
    "topic, chosen",
    [
        ("sijill.certificate.revoked.v1", {"notes": ["holder: somebody", ""]}),
        ("sijill.certificate.revoked.v1", {"status": {"index": 1, "list": 0}}),
        ("sijill.certificate.issued.v1", {}),
        ("sijill.certificate.issued.v1", {"notes": ["", ""]}),
    ],
)
def test_nothing_stands_beside_a_statement_but_what_its_event_has(
    topic: str, chosen: dict[str, Any]
) -> None:
    """Else the operator could write what nobody signed into the record."""
    ledger = PaperLedger().open()
    ledger.enrol("moh", "moh-1")
    acts = {rule.event: name for name, rule in ACTS.items()}
    said = statement(acts[topic], "moh", code="A")
    path = ACTS[acts[topic]].path.format(code="A")
    index = ledger.order("moh-1", said, path, topic, "A", chosen=chosen)
    assert ("body_malformed", index) in named(check(ledger.source()))


def test_a_registry_event_with_any_finding_teaches_nothing() -> None:
    ledger = PaperLedger().open()
    beside = {"status": {"index": 1, "list": 0}}
    index = ledger.enrol("moh", "moh-1", chosen=beside)
    later = ledger.issue("moh", "moh-1", "A")
    fsck = Fsck(ledger.source(), Trust(acts=ACTS))
    assert named(list(fsck.run())) == {("body_malformed", index)}
    assert fsck.summary.unchecked["key_not_learned"].first == later
