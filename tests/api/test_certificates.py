"""Certificates as their own agency reads them, and nobody else; every act and what it leads to."""

from functools import partial
from typing import Any

import httpx2
import pytest

from domain.catalogue import TYPES
from infrastructure.proofs import codes
from tests.api import asking
from tests.api.asking import correct, issued, listed, original, read, replace, search, supersede
from tests.api.talking import (
    Wire,
    awaited,
    colleague,
    degree,
    on,
    refusal,
    refused,
    revoke,
    thumbprint,
)
from tests.clock import now_seconds
from tests.serving import Agency, Served, act

PATH = "/v1/certificates"
VALUES = {
    "holder_name": "سارة كريم جاسم",
    "supported_fact": "تأييد عمل",
    "addressee": "مصرف الرافدين",
    "holder_secret": "never-told-0001",
}


@pytest.fixture(scope="module")
def office(served: Served) -> Agency:
    """An agency whose certificates are counted here."""
    return served.agency()


def test_its_own_agency_sees_the_values_but_never_the_holders_secret(
    wire: Wire, office: Agency
) -> None:
    code = issued(office, values=VALUES)

    answer = read(wire, office, f"{PATH}/{code}")

    wanted = {name: value for name, value in VALUES.items() if name != "holder_secret"}
    assert answer.json()["values"] == wanted
    assert VALUES["holder_secret"] not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    [one] = answer.json()["originals"]
    assert set(one["claims"]) == set(VALUES)


def test_a_code_is_read_forgivingly_and_a_code_of_the_past_leads_to_its_record(
    wire: Wire, office: Agency
) -> None:
    code = issued(office)
    new = correct(office, code)

    shown = read(wire, office, f"{PATH}/{code.lower()}").json()

    assert (shown["asked_code"], shown["code"], shown["edition"]) == (code, new, 2)
    assert [one["code"] for one in shown["originals"]] == [code, new]
    assert [one["state"] for one in shown["originals"]] == ["superseded", "in_force"]


def test_of_another_agencys_certificate_one_learns_as_little_as_of_none(
    wire: Wire, office: Agency, stranger: Agency
) -> None:
    code = issued(office)

    def without_chance(answer: httpx2.Response) -> tuple[Any, ...]:
        chance = {"x-request-id", "date", "content-length"}
        headers = {name: text for name, text in answer.headers.items() if name not in chance}
        return answer.status_code, {**answer.json(), "instance": ""}, headers

    foreign = read(wire, stranger, f"{PATH}/{code}")
    assert refusal(foreign) == (404, "certificate_unknown")
    for unknown in (codes.generate(), "x", "x" * 64):
        none = read(wire, stranger, f"{PATH}/{unknown}")
        assert without_chance(foreign) == without_chance(none), unknown
    past = read(wire, stranger, f"{PATH}/{code}", at=0)
    assert without_chance(past) == without_chance(foreign)


def test_another_agencys_list_is_nobodys(wire: Wire, office: Agency, stranger: Agency) -> None:
    issued(office)
    own = issued(stranger, unit="own-unit")

    assert listed(wire, stranger, unit="own-unit") == [own]
    foreign = refusal(read(wire, stranger, PATH, agency=office.name))
    none = refusal(read(wire, stranger, PATH, agency="nobody-at-all"))
    assert foreign == none == (404, "agency_unknown")
    assert listed(wire, stranger, agency=stranger.name) == listed(wire, stranger)


def test_who_does_not_sign_gets_nothing(wire: Wire, office: Agency) -> None:
    code = issued(office)

    for path in (PATH, f"{PATH}/{code}", f"{PATH}/{codes.generate()}"):
        answer = wire.get(path)
        assert refusal(answer) == (401, "signature_missing")
        assert answer.headers["www-authenticate"].startswith("Signature")


def test_a_read_signed_for_another_resource_is_worth_nothing(wire: Wire, office: Agency) -> None:
    code, other = issued(office), issued(office)
    headers = asking.signed_headers(office, f"{PATH}/{code}")

    assert wire.get(f"{PATH}/{code}", **headers).status_code == 200
    for path in (f"{PATH}/{other}", f"{PATH}/{code}?at=1", PATH):
        assert refusal(wire.get(path, **headers)) == (401, "signature_invalid")


def test_a_retired_key_reads_nothing_any_more(wire: Wire, office: Agency) -> None:
    leaving = colleague(office, f"officer-{asking.new_name()}")
    code = issued(office)
    assert read(wire, leaving, f"{PATH}/{code}").status_code == 200
    name = thumbprint(leaving)
    act(office.client, f"/v1/keys/{name}/retirement", "key.retire", key=name, reason="unused")

    answer = awaited(
        lambda: read(wire, leaving, f"{PATH}/{code}"), until=lambda one: one.status_code != 200
    )
    assert refusal(answer) == (403, "key_retired")


def test_an_auditor_sees_every_record_and_no_value(
    wire: Wire, served: Served, office: Agency
) -> None:
    code = issued(office, values=VALUES)
    auditor = asking.auditor(served)

    shown = read(wire, auditor, f"{PATH}/{code}")

    assert (shown.json()["code"], shown.json()["values"]) == (code, {})
    assert not [value for value in VALUES.values() if value in shown.text]
    assert code in listed(wire, auditor, agency=office.name, limit=200)
    assert listed(wire, auditor) == []


def test_every_act_leads_to_its_state_and_verdict(wire: Wire, office: Agency) -> None:
    """One certificate through its life; what the agency reads and what anybody is told agree."""
    code = issued(office)

    def stands(state: str, reason: str, asked: str | None = None) -> None:
        shown = read(wire, office, f"{PATH}/{asked or code}").json()
        assert (shown["state"], wire.verdict(asked or code)["reason"]) == (state, reason)

    good = "in_force_paper_not_compared"
    stands("in_force", good)
    on(office.client, "suspend", code, "suspension", reason="data_disputed")
    stands("suspended", "suspended")
    on(office.client, "reinstate", code, "reinstatement", reason="review_passed")
    stands("in_force", good)
    revoke(office, code)
    stands("revoked", "revoked")
    asking.annul(office, colleague(office, f"officer-{asking.new_name()}"), code)
    stands("in_force", good)
    further = original(office, code)
    stands("in_force", good, further)
    new = replace(office, further)
    stands("in_force", "replaced", further)
    stands("in_force", good, new)
    edition = correct(office, code)
    stands("in_force", "superseded")
    stands("in_force", "superseded", new)
    stands("in_force", good, edition)
    supersede(office, edition)
    stands("superseded", "superseded", edition)


@pytest.mark.parametrize(
    "name,place,members",
    [
        ("revoke", "revocation", {"reason": "decision"}),
        ("suspend", "suspension", {"reason": "under_review"}),
        ("void", "voiding", {"reason": "entered_in_error"}),
        ("reaffirm", "reaffirmation", {}),
    ],
)
def test_an_act_on_what_is_not_ones_own_is_on_nothing(
    office: Agency, stranger: Agency, name: str, place: str, members: dict[str, str]
) -> None:
    for code in (issued(office), codes.generate()):
        asked = refused(partial(on, stranger.client, name, code, place, **members))
        assert asked == (404, "certificate_unknown")


def test_an_erasure_takes_the_values_and_leaves_the_record(wire: Wire, office: Agency) -> None:
    """Of a support letter five years after its date; before that nobody may."""
    old = issued(office, date="2015-03-01", year=2015, values=VALUES)
    young = issued(office)
    other = colleague(office, f"officer-{asking.new_name()}").client
    until = {"valid_until": now_seconds() + asking.DAY}
    assert refused(lambda: on(office.client, "erase", young, "erasure", **until)) == (
        409,
        "retention_not_expired",
    )

    order = on(office.client, "erase", old, "erasure", **until)
    other.approve(order["order"])

    wire.served.settle()
    shown = read(wire, office, f"{PATH}/{old}").json()
    assert shown["values"] == {}
    assert isinstance(shown["erased_index"], int)
    assert wire.verdict(old)["outcome"] == "valid"
    compared = asking.present(wire, old, fields={"holder_name": VALUES["holder_name"]}).json()
    assert compared["reason"] == "values_not_comparable"
    found = search(wire, office, "holder_name", VALUES["holder_name"]).json()["items"]
    assert old not in [item["code"] for item in found]
    assert refused(lambda: correct(office, old)) == (409, "certificate_erased")


def test_the_catalogue_of_types_is_for_everybody(wire: Wire, office: Agency) -> None:
    answer = wire.get("/v1/certificate-types")

    items = {item["id"]: item for item in answer.json()["items"]}
    assert list(items) == list(TYPES)
    assert items["degree"]["officers"] == 2
    assert items["power_of_attorney"]["max_status_age_seconds"] == 0
    assert all(set(item["names"]) == {"ar", "ckb", "en"} for item in items.values())
    assert "public" in answer.headers["cache-control"]
    # What it says of officers is what happens.
    client = office.client
    order = client.send(client.prepare(PATH, [degree(office.name)], cosigned=True))
    assert order["state"] == "open"
