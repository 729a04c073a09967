"""The auditor's own checker against an operator who forges: every digest fits, the record does not.

Each forgery changes one thing in the ledger of the vectors and seals it anew with the log's keys.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.retold import VECTOR, Forgery, check, found, telling
from tests.stranger import base64, base64url, thumbprint

SMALL_ORDER = base64url(b"\1" + bytes(31))
NAMES = {name: thumbprint(key["jwk"]) for name, key in VECTOR["keys"].items()}
UUIDS = [f"{number:08}-0000-4000-8000-000000000000" for number in range(4)]
CASES: list[Any] = []


def forged(
    code: str, index: int
) -> Callable[[Callable[[Forgery], None]], Callable[[Forgery], None]]:
    """A forgery, and what it must be found as."""

    def keep(change: Callable[[Forgery], None]) -> Callable[[Forgery], None]:
        CASES.append(pytest.param(change, code, index, id=change.__name__))
        return change

    return keep


def sign_as(log: Forgery, index: int, key: str) -> None:
    """The order of a single signature, signed by another key that it now names."""
    [old] = log.headers[index]["keys"]
    log.headers[index]["keys"] = [NAMES[key]]
    log.resign(log.order_of[index], 0, key, (old, NAMES[key]))


@forged("signature_invalid", 5)
def another_key_under_the_same_name(log: Forgery) -> None:
    log.resign(5, 0, "comsec")


@forged("key_foreign", 5)
def another_agencys_key(log: Forgery) -> None:
    sign_as(log, 5, "comsec")


@forged("scope_missing", 3)
def a_key_without_the_scope(log: Forgery) -> None:
    sign_as(log, 3, "ndc-recovery")


@forged("key_unknown", 5)
def a_key_that_nobody_enrolled(log: Forgery) -> None:
    [old] = log.headers[5]["keys"]
    log.headers[5]["keys"] = ["A" * 43]
    log.resign(5, 0, "officer-1", (old, "A" * 43))


@forged("statement_not_ordered", 3)
def a_statement_that_was_not_signed(log: Forgery) -> None:
    log.bodies[3]["statement"]["legal_basis"] = "order:23/2020"


@forged("statement_not_ordered", 3)
def a_list_that_does_not_help(log: Forgery) -> None:
    log.headers[3]["line"] = 1


@forged("statement_of_another", 3)
def another_event_than_the_act(log: Forgery) -> None:
    log.headers[3]["type"] = "sijill.agency.suspended.v1"


@forged("statement_of_another", 5)
def another_agency_in_the_header(log: Forgery) -> None:
    log.headers[5]["agency"] = "comsec"


@forged("path_differs", 3)
def an_order_sent_elsewhere(log: Forgery) -> None:
    log.resign(3, 0, "ndc", ("/linking", "/closure"))


@forged("path_differs", 9)
def a_refusal_for_an_approval(log: Forgery) -> None:
    log.resign(9, 1, "comsec", ("/approval", "/refusal"))


@forged("base_malformed", 9)
def an_approval_with_a_body(log: Forgery) -> None:
    digest = "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o="
    log.resign(9, 1, "comsec", (digest, "A" * 43 + "="))


@forged("evidence_tags", 9)
def two_orders(log: Forgery) -> None:
    log.resign(9, 1, "comsec", ("sijill-approval-v1", "sijill-order-v1"))


@forged("base_malformed", 5)
def a_signed_read(log: Forgery) -> None:
    log.resign(5, 0, "officer-1", ("sijill-order-v1", "sijill-read-v1"))


@forged("base_malformed", 5)
def a_parameter_too_many(log: Forgery) -> None:
    log.resign(5, 0, "officer-1", (";tag=", ";nonce=1;tag="))


@forged("base_malformed", 5)
def a_path_with_dots(log: Forgery) -> None:
    log.resign(5, 0, "officer-1", ("/v1/certificates", "/v1/../v1/certificates"))


@forged("evidence_of_two_orders", 9)
def an_approval_of_something_else(log: Forgery) -> None:
    log.resign(9, 1, "comsec", (";lines=1", ";lines=1;atomic"))


@forged("evidence_of_other_ledger", 5)
def an_order_for_another_ledger(log: Forgery) -> None:
    log.resign(5, 0, "officer-1", (VECTOR["ledger"], "0" * 64))


@forged("keys_differ", 9)
def keys_in_another_order(log: Forgery) -> None:
    log.headers[9]["keys"].reverse()


@forged("possession_not_proven", 4)
def an_enrolment_without_possession(log: Forgery) -> None:
    log.evidence[4].pop()
    log.headers[4]["keys"].pop()


@forged("line_repeated", 7)
def a_line_twice(log: Forgery) -> None:
    log.headers[7]["line"] = 0


@forged("line_repeated", 5)
def an_idempotency_key_twice(log: Forgery) -> None:
    first = log.evidence[4][0]["base"].split("\n")[4]
    log.resign(5, 0, "officer-1", (log.evidence[5][0]["base"].split("\n")[4], first))


@forged("signature_time", 5)
def an_order_that_had_expired(log: Forgery) -> None:
    for leaf in log.leaves[5:]:
        leaf["time"] += 3_600_000_000


@forged("signature_time", 5)
def an_order_that_lives_too_long(log: Forgery) -> None:
    log.resign(5, 0, "officer-1", ("expires=1795306280", "expires=1795309281"))


@forged("signature_time", 2)
def an_order_past_its_valid_until(log: Forgery) -> None:
    log.bodies[2]["statement"]["valid_until"] = log.leaves[2]["time"] // 1_000_000 - 1
    log.order_again(2, "ndc", "officer-1", "comsec")


@forged("key_may_not_sign", 5)
def a_key_after_its_end(log: Forgery) -> None:
    log.bodies[2]["statement"]["not_after"] = 1
    log.order_again(2, "ndc", "officer-1", "comsec")


@forged("key_refused", 0)
def a_recovery_key_of_small_order(log: Forgery) -> None:
    log.bodies[0]["statement"]["founders"][1]["recovery"]["jwk"]["x"] = SMALL_ORDER
    log.order_again(0, "ndc", "comsec")


@forged("key_again", 4)
def a_key_enrolled_twice(log: Forgery) -> None:
    statement = log.bodies[4]["statement"]
    statement["jwk"] = VECTOR["keys"]["ndc-recovery"]["jwk"]
    log.headers[4]["keys"][1] = NAMES["ndc-recovery"]
    log.resign(4, 1, "ndc-recovery", (NAMES["officer-2"], NAMES["ndc-recovery"]))
    log.order_again(4, "officer-1", "ndc-recovery")


@forged("possession_of_another_key", 4)
def possession_of_another_key(log: Forgery) -> None:
    log.headers[4]["keys"][1] = NAMES["comsec"]
    log.resign(4, 1, "comsec", (NAMES["officer-2"], NAMES["comsec"]))


@forged("as_of_ahead", 10)
def a_compromise_in_the_future(log: Forgery) -> None:
    log.bodies[10]["statement"]["as_of"] = 11
    log.order_again(10, "officer-1")


@forged("key_unknown", 10)
def a_compromise_of_nobody(log: Forgery) -> None:
    nobody = "A" * 43
    log.bodies[10]["statement"]["key"] = nobody
    log.resign(10, 0, "officer-1", (NAMES["officer-2"], nobody))
    log.order_again(10, "officer-1")


@forged("log_key_again", 9)
def a_rotation_to_the_same_key(log: Forgery) -> None:
    log.bodies[9]["statement"]["log_key"] = VECTOR["log_keys"]["log"]["vkey"]


@forged("note_signature", 9)
def a_rotation_by_one_key(log: Forgery) -> None:
    log.bodies[9]["notes"][1] = log.bodies[9]["notes"][0]


@forged("rotation_differs", 9)
def a_rotation_of_another_statement(log: Forgery) -> None:
    log.bodies[9]["statement"]["nonce"] = "A" * 22
    log.order_again(9, "ndc", "comsec")


@forged("body_malformed", 3)
def something_beside_the_statement(log: Forgery) -> None:
    log.bodies[3]["status"] = {"index": 1, "list": 0}


@forged("header_malformed", 5)
def a_header_with_an_unknown_member(log: Forgery) -> None:
    log.headers[5]["extra"] = 1


@forged("header_malformed", 10)
def a_key_twice_in_a_header(log: Forgery) -> None:
    log.headers[10]["keys"] *= 2


@forged("version_gap", 7)
def a_version_left_out(log: Forgery) -> None:
    log.headers[7]["version"] = 3


@forged("leaf_malformed", 6)
def a_leaf_that_is_not_the_template(log: Forgery) -> None:
    log.leaves[6]["time"] = f"0{log.leaves[6]['time']}"


@forged("time_backwards", 6)
def time_that_goes_back(log: Forgery) -> None:
    log.leaves[6]["time"] = log.leaves[5]["time"] - 1


@forged("chain_broken", 6)
def an_index_that_is_not_the_place(log: Forgery) -> None:
    log.leaves[6]["index"] = 7


@forged("statement_refused", 3)
def a_text_that_is_not_nfc(log: Forgery) -> None:
    log.bodies[3]["statement"]["legal_basis"] = "e\u0301"


@forged("statement_refused", 3)
def a_short_nonce(log: Forgery) -> None:
    log.bodies[3]["statement"]["nonce"] = "AAAA"


@forged("statement_refused", 3)
def a_null(log: Forgery) -> None:
    log.bodies[3]["statement"]["legal_basis"] = None


@forged("json_not_canonical", 3)
def a_float(log: Forgery) -> None:
    log.bodies[3]["statement"]["legal_basis"] = 1.5


@forged("genesis_invalid", 0)
def a_ledger_of_its_second_founder(log: Forgery) -> None:
    log.headers[0]["agency"] = log.bodies[0]["statement"]["agency"] = "comsec"
    log.order_again(0, "ndc", "comsec")


@forged("genesis_invalid", 3)
def a_ledger_opened_twice(log: Forgery) -> None:
    """By the founders that it names, as it should be; but a ledger has one beginning."""
    old, new = (base64(bytes.fromhex(log.statements[index][0])) for index in (9, 3))
    log.evidence[3].append(dict(log.evidence[9][1]))
    log.resign(3, 1, "comsec", (old, new))
    log.resign(3, 0, "ndc", ("/v1/agencies/moj/linking", "/v1/ledger"))
    log.headers[3]["keys"] = [NAMES["ndc"], NAMES["comsec"]]
    log.headers[3]["type"] = "sijill.ledger.opened.v1"
    log.bodies[3] = {"statement": {**log.bodies[0]["statement"], "nonce": "A" * 22}}
    log.order_again(3, "ndc", "comsec")


@forged("genesis_invalid", 0)
def a_ledger_with_one_founder(log: Forgery) -> None:
    log.evidence[0].pop()
    log.headers[0]["keys"].pop()


def handed_on(log: Forgery) -> None:
    """Events 11 to 14: a case file of moj's is sent to ndc, who takes it and refers it onward."""
    registered = {"unit": "main", "series": "general", "year": 2026, "date": "2026-11-20"}
    way: dict[str, Any] = {"language": "ar", "priority": "normal", "secrecy": "public"}
    way |= {"number": "7", "kind": "case_file", "to": ["ndc"], "new_letter": UUIDS[0]}
    way |= {"claims": {"subject": "A" * 43}, **registered}
    log.add("officer-1", "transfer.register_outgoing", 1, "moj", **way)
    letter = {"sender": "moj", "letter": UUIDS[0], "new_consignment": UUIDS[1]}
    log.add("officer-1", "transfer.dispatch", 1, "moj", **letter, addressee="ndc")
    taken = {"sender": "moj", "consignment": UUIDS[1]}
    log.add("ndc", "transfer.register", 1, "ndc", **taken, **registered, number="8")
    onward = {"new_consignment": UUIDS[2], "addressee": "comsec"}
    log.add("ndc", "transfer.refer_onward", 1, "ndc", **taken, **onward)


def test_custody_that_goes_on_is_clean() -> None:
    log = Forgery()
    handed_on(log)
    with telling(log.answer) as url:
        report = check(url)

    assert (report["findings"], report["could_not_check"]) == ([], {})
    assert report["events"] == 15


@forged("second_holder", 15)
def a_second_holder(log: Forgery) -> None:
    """The agency that has given it away signs, with its own key, that it sends it once more."""
    handed_on(log)
    letter = {"sender": "moj", "letter": UUIDS[0], "new_consignment": UUIDS[3]}
    log.add("officer-1", "transfer.dispatch", 1, "moj", **letter, addressee="comsec")


@forged("second_holder", 15)
def a_copy_of_what_has_one_holder(log: Forgery) -> None:
    """As if it were a letter, of which everybody has a copy."""
    handed_on(log)
    letter = {"sender": "moj", "letter": UUIDS[0], "new_consignment": UUIDS[3]}
    log.add("officer-1", "transfer.dispatch", 2, "moj", **letter, addressee="comsec")


@pytest.mark.parametrize("change, code, index", CASES)
def test_a_forgery_is_found(change: Callable[[Forgery], None], code: str, index: int) -> None:
    log = Forgery()
    change(log)
    with telling(log.answer) as url:
        report = check(url, code=6)

    assert (code, index) in found(report)


def test_who_was_enrolled_by_a_compromised_key_falls_with_it() -> None:
    """The operator's key is declared compromised since it enrolled the ministry's first key."""
    log = Forgery()
    said = log.bodies[3]["statement"]
    path, key = f"/v1/keys/{NAMES['ndc']}/compromise", NAMES["ndc"]
    declared = {"act": "key.compromise", "agency": "ndc", "as_of": 2, "key": key}
    log.bodies[3]["statement"] = {**declared, "nonce": said["nonce"], "reason": "stolen"}
    log.headers[3]["type"] = "sijill.key.compromised.v1"
    log.resign(3, 0, "ndc", ("/v1/agencies/moj/linking", path))
    log.order_again(3, "ndc")
    with telling(log.answer) as url:
        report = check(url, code=6)

    texts = {one["index"]: one["text"] for one in report["findings"]}
    assert texts[5] == f"fallen: {NAMES['officer-1']}"
    assert texts[9] == f"compromised: {NAMES['ndc']}"
    assert 2 not in texts, "what was ordered before stays as it was judged"


@pytest.mark.parametrize(
    "hidden, reasons",
    [
        pytest.param({(5, "body")}, {"certificate_body_not_open": 1}, id="a body"),
        pytest.param({(5, "order")}, {"certificate_evidence_not_open": 1}, id="an evidence"),
        pytest.param({(5, "header")}, {"header_not_open": 1}, id="a header"),
        pytest.param(
            {(2, "body")},
            {"key_body_not_open": 1, "key_not_learned": 8},
            id="an enrolment: whom it enrolled is unknown, and nothing more is said",
        ),
    ],
)
def test_what_is_not_open_is_counted_and_never_passed(
    hidden: set[tuple[int, str]], reasons: dict[str, int]
) -> None:
    log = Forgery()
    log.hidden = hidden
    with telling(log.answer) as url:
        report = check(url)

    assert (report["findings"], report["could_not_check"]) == ([], reasons)
    assert report["signatures"] < 17 or hidden == {(5, "body")}
