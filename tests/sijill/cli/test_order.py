"""Orders that wait: what the other officer sees, signs, and is told when she comes too late."""

import threading
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from infrastructure.proofs.jwk import PrivateKey
from tests.api.test_pending_restored import leave_keys_behind
from tests.clock import now_seconds
from tests.serving import Agency, Served, issuance
from tests.sijill.cli.conftest import Shell, letter, ndjson
from tests.sijill.cli.cutting import answering_page, losing_answers

DEGREE = {"holder_name": "حامل 0001", "qualification": "بكالوريوس", "graduation_year": "2026"}


@pytest.fixture
def second(office: Shell, agency: Agency) -> str:
    """The key file of the agency's second officer."""
    key: PrivateKey | None = agency.officer().key
    return str(office.key("second", key))


def pending(office: Shell) -> dict[str, Any]:
    """A degree that waits for its second officer."""
    file = office.file("degree.json", letter(type="degree", fields=DEGREE))
    ran = office("certificate", "issue", file, "--output", "json")
    assert ran.code == 0, ran.err
    return dict(ran.json)


@pytest.mark.parametrize("verb", ["approve", "refuse"])
def test_who_comes_after_the_order_is_closed_is_told_so(
    office: Shell, second: str, verb: str
) -> None:
    """A lost answer, a colleague who was faster: that is no reason to accuse the ledger."""
    order = pending(office)["order"]
    assert office("order", verb, order, "--key", second).code == 0

    for again in ("approve", "refuse"):
        ran = office("order", again, order, "--key", second, "--output", "json")
        assert ran.code == 5, ran.err
        assert ran.json["problem"]["code"] == "order_closed"
        assert ran.json["problem"]["advice"]
        assert list((office.folder / "second.state" / "suspect").iterdir()) == []


def test_whoever_completes_an_order_is_told_where_its_receipt_is(
    office: Shell, second: str
) -> None:
    kept = office.folder / "second.state" / "receipts"

    ran = office("order", "approve", pending(office)["order"], "--key", second)

    assert ran.code == 0, ran.err
    [receipt] = kept.glob("*.txt")
    assert f"Receipt: {receipt}" in ran.out.splitlines()
    order = pending(office)["order"]
    told = office("order", "approve", order, "--key", second, "--output", "json").json
    assert Path(told["receipt_path"]).read_text() == told["receipt"]


def test_whoever_completes_a_bulk_is_told_where_its_receipts_are(
    office: Shell, second: str
) -> None:
    items = ndjson([letter(type="degree", fields=DEGREE) for _ in range(2)])
    file = office.file("b.ndjson", items)
    [waits, *_] = office("certificate", "bulk", file, "--output", "json").lines

    ran = office("order", "approve", waits["order"], "--key", second)

    assert ran.code == 0, ran.err
    [receipts] = (office.folder / "second.state" / "receipts").glob("*.ndjson")
    assert f"Receipt: {receipts}" in ran.out.splitlines()


def test_the_second_officer_finds_reads_and_signs_an_order(office: Shell, second: str) -> None:
    asked = pending(office)
    order = asked["order"]

    listed = office("order", "list", "--in-state", "open", "--key", second, "--output", "json")
    found = {one["order"]: one for one in listed.json["items"]}[order]
    assert (found["act"], found["lines"], found["index"]) == ("certificate.issue", 1, None)
    shown = office("order", "show", order, "--key", second, "--output", "json").json
    assert [one["code"] for one in shown["statements"]] == [asked["code"]]
    assert {one["role"] for group in shown["waiting_for"] for one in group} == {"officer"}
    assert outcome(office, asked["code"]) == (10, "code_unknown")
    ran = office("order", "approve", order, "--key", second, "--output", "json")

    assert ran.code == 0, ran.err
    assert ran.json["receipt"]
    assert outcome(office, asked["code"])[0] == 0
    closed = office("order", "show", order, "--output", "json").json
    assert (closed["state"], closed["index"]) == ("appended", ran.json["index"])
    assert closed["statements"] == closed["waiting_for"] == []


def test_an_order_whose_key_a_restore_left_behind_is_refused_by_whoever_sent_it(
    office: Shell, second: str, served: Served
) -> None:
    other, order = (pending(office)["order"] for _ in range(2))
    leave_keys_behind(served)
    told = ("--output", "json")
    for verb in ("show", "approve"):
        ran = office("order", verb, order, "--key", second, *told)
        assert (ran.code, ran.json["problem"]["code"]) == (3, "record_key_missing"), ran.err
        assert "sijill order refuse" in ran.json["problem"]["advice"]
    # The second officer's folder does not hold what the first one sent.
    ran = office("order", "refuse", order, "--key", second, *told)
    assert (ran.code, ran.json["problem"]["code"]) == (2, "input_order_unread"), ran.err
    assert "--state" in ran.json["problem"]["advice"]

    ran = office("order", "refuse", order, *told)

    assert (ran.code, ran.json["state"]) == (0, "refused"), ran.err
    states = {one["order"]: one["state"] for one in office("order", "list", *told).json["items"]}
    assert (states[order], states[other]) == ("refused", "open")
    assert office("order", "refuse", order, *told).code == 5


def test_who_ordered_asks_again_and_is_given_the_receipt(office: Shell, second: str) -> None:
    file = office.file("degree.json", letter(type="degree", fields=DEGREE))
    first = office("certificate", "issue", file, "--output", "json").json
    waiting = office("certificate", "issue", file, "--output", "json").json
    assert waiting["order"] == first["order"]
    assert waiting["holder_secret"] == first["holder_secret"]
    assert office("order", "approve", first["order"], "--key", second).code == 0

    ran = office("certificate", "issue", file, "--output", "json")

    assert ran.code == 0, ran.err
    assert (ran.json["code"], ran.json["replayed"]) == (first["code"], True)
    assert ran.json["receipt"]


@pytest.mark.usefixtures("hurried")
def test_an_order_that_waits_outlives_its_resumption(office: Shell, served: Served) -> None:
    """Else the same command would draw a new secret, for a second order."""
    file = office.file("degree.json", letter(type="degree", fields=DEGREE))
    with losing_answers(served.url) as url:
        assert office("certificate", "issue", file, "--url", url).code == 3

    resumed = office("order", "resume", "--output", "json").json
    again = office("certificate", "issue", file, "--output", "json").json

    assert resumed["answer"]["order"] == again["order"]
    assert resumed["drawn"] == [{name: again[name] for name in ("code", "holder_secret")}]


@pytest.mark.usefixtures("hurried")
def test_a_page_of_a_proxy_settles_no_interrupted_order(office: Shell, served: Served) -> None:
    """It may have been recorded: who forgot it here would order it, and be given it, twice."""
    file = office.file("letter.json", letter())
    with losing_answers(served.url) as url:
        assert office("certificate", "issue", file, "--url", url).code == 3
    with answering_page(403) as url:
        ran = office("order", "resume", "--url", url)
    assert ran.code == 3, ran.err

    resumed = office("order", "resume", "--output", "json").json

    assert resumed["answer"]["replayed"] is True


def test_approve_shows_what_is_signed_before_it_is(office: Shell, second: str) -> None:
    asked = pending(office)

    ran = office("order", "approve", asked["order"], "--key", second)

    assert ran.code == 0, ran.err
    assert asked["code"] in ran.err
    assert "certificate.issue" in ran.err
    assert ran.out.startswith("Recorded at index ")


def test_the_first_officer_cannot_be_the_second_one(office: Shell) -> None:
    order = pending(office)["order"]

    ran = office("order", "approve", order, "--output", "json")

    assert ran.code == 0
    assert ran.json["state"] == "open"
    assert ran.json["waiting_for"]


def test_a_refused_order_is_recorded_by_nobody(office: Shell, second: str) -> None:
    asked = pending(office)

    ran = office("order", "refuse", asked["order"], "--key", second, "--output", "json")

    assert (ran.code, ran.json["state"]) == (0, "refused")
    shown = office("order", "show", asked["order"], "--output", "json").json
    assert shown["state"] == "refused"
    assert outcome(office, asked["code"]) == (10, "code_unknown")
    listed = office("order", "list", "--in-state", "refused", "--output", "json").json["items"]
    assert asked["order"] in [one["order"] for one in listed]


def test_an_order_ends_when_its_time_is_over(office: Shell, agency: Agency, second: str) -> None:
    client = agency.client
    degree = {**DEGREE, "supported_fact": None}
    line = issuance(agency.name, type="degree", values=degree, valid_until=now_seconds() + 8)
    order = client.send(client.prepare("/v1/certificates", [line], cosigned=True))["order"]
    until = threading.Event()
    for _ in range(100):
        shown = office("order", "show", order, "--output", "json").json
        if shown["state"] != "open":
            break
        until.wait(0.1)

    assert shown["state"] == "expired"
    late = office("order", "approve", order, "--key", second, "--output", "json")
    assert (late.code, late.json["problem"]["code"]) == (5, "order_closed")
    listed = office("order", "list", "--in-state", "expired", "--output", "json").json["items"]
    assert [one["order"] for one in listed] == [order]


def test_orders_concern_nobody_else(office: Shell, served: Served) -> None:
    order = pending(office)["order"]
    stranger = str(office.key("stranger", served.agency().key))

    shown = office("order", "show", order, "--key", stranger, "--output", "json")
    assert (shown.code, shown.json["problem"]["code"]) == (5, "order_unknown")
    listed = office("order", "list", "--key", stranger, "--output", "json")
    assert order not in [one["order"] for one in listed.json["items"]]
    for verb in ("approve", "refuse"):
        ran = office("order", verb, order, "--key", stranger, "--output", "json")
        assert (ran.code, ran.json["problem"]["code"]) == (5, "order_unknown")


def test_founders_see_that_it_waits_and_never_its_values(office: Shell, served: Served) -> None:
    order = pending(office)["order"]
    ndc = str(served.folder / "keys" / "ndc.pem")

    shown = office("order", "show", order, "--key", ndc, "--output", "json", *state(office))

    assert shown.code == 0, shown.err
    assert "disclosures" not in shown.json
    assert DEGREE["holder_name"] not in shown.out
    listed = office("order", "list", "--limit", "500", "--key", ndc, *state(office))
    assert order in listed.out


def test_people_read_orders_within_eighty_columns(office: Shell, second: str) -> None:
    order = pending(office)["order"]

    for language in ("ar", "ckb", "en"):
        for arguments in (["list"], ["show", order]):
            ran = office("order", *arguments, "--key", second, "--language", language)
            assert ran.code == 0, ran.err
            assert order in ran.out or arguments[0] == "show"
            # One word, a digest or a base64 text, is left whole.
            assert [one for one in ran.out.splitlines() if cell_len(one) > 80 and " " in one] == []


def outcome(office: Shell, code: str) -> tuple[int, str]:
    ran = office("verify", code, "--output", "json")
    return ran.code, ran.json["reason"]


def state(office: Shell) -> tuple[str, str]:
    """A state folder here, because the key lies in somebody else's."""
    return "--state", str(office.folder / "elsewhere.state")
