"""Who may read an order that waits, and how much of it."""

import json
from typing import Any

import pytest

from sijill.client import Client, trust
from tests.api import asking
from tests.api.asking import DAY, read
from tests.api.talking import Wire, colleague, refusal, thumbprint
from tests.clock import now_seconds
from tests.serving import NAMES, Agency, Served, act, enrolment, issuance

PATH = "/v1/orders"
VALUES = {
    "holder_name": "زينب محسن الراوي",
    "qualification": "ماجستير فيزياء",
    "graduation_year": "2026",
    "supported_fact": None,
    "holder_secret": "a-secret-of-the-holder",
}
SHOWN = [value for value in VALUES.values() if value]


def waiting(client: Client, agency: str, count: int = 1) -> str:
    """An order of degrees that waits; its id."""
    lines = [degree_of(agency) for _ in range(count)]
    bulk = count > 1
    path = "/v1/certificates/bulk" if bulk else "/v1/certificates"
    return str(client.send(client.prepare(path, lines, bulk=bulk, cosigned=True))["order"])


def degree_of(agency: str) -> bytes:
    return issuance(agency, type="degree", values=VALUES, valid_until=now_seconds() + DAY)


@pytest.fixture(scope="module")
def order(agency: Agency) -> str:
    return waiting(agency.client, agency.name)


def test_its_own_agency_reads_statements_and_the_values_it_sent(
    wire: Wire, agency: Agency, order: str
) -> None:
    colleague_of = colleague(agency, f"officer-{asking.new_name()}", scopes=["register"])

    for reader in (agency, colleague_of):
        shown = read(wire, reader, f"{PATH}/{order}")
        body = shown.json()
        assert body["state"] == "open"
        assert [statement["act"] for statement in body["statements"]] == ["certificate.issue"]
        [texts] = body["disclosures"]
        assert len(texts) == len(SHOWN)
        assert shown.headers["cache-control"] == "no-store"


def test_an_auditor_reads_the_statements_and_no_value(
    wire: Wire, served: Served, order: str
) -> None:
    auditor = asking.auditor(served)

    shown = read(wire, auditor, f"{PATH}/{order}")

    assert "disclosures" not in shown.json()
    assert len(shown.json()["statements"]) == 1
    assert order in [item["order"] for item in read(wire, auditor, PATH).json()["items"]]


def test_strangers_learn_nothing_not_even_that_it_is_there(
    wire: Wire, stranger: Agency, order: str
) -> None:
    unknown = "019ad000-0000-7000-8000-000000000000"
    foreign = read(wire, stranger, f"{PATH}/{order}")
    none = read(wire, stranger, f"{PATH}/{unknown}")

    assert refusal(foreign) == refusal(none) == (404, "order_unknown")
    assert {**foreign.json(), "instance": ""} == {**none.json(), "instance": ""}
    assert order not in read(wire, stranger, PATH).text
    for path in (f"{PATH}/{order}", f"{PATH}/{unknown}", PATH):
        assert refusal(wire.get(path)) == (401, "signature_missing")


@pytest.mark.parametrize("place", ["approval", "refusal"])
def test_a_strangers_countersignature_finds_no_order(
    wire: Wire, agency: Agency, stranger: Agency, order: str, place: str
) -> None:
    shown = agency.client.order(order)
    cover, _ = trust.read_order(shown, shown["statements"])
    headers = asking.countersignature(stranger, f"{PATH}/{order}/{place}", cover)
    unknown = "019ad000-0000-7000-8000-000000000000"
    others = asking.countersignature(stranger, f"{PATH}/{unknown}/{place}", cover)

    foreign = wire.post(f"{PATH}/{order}/{place}", headers, b"{}")
    none = wire.post(f"{PATH}/{unknown}/{place}", others, b"{}")

    assert refusal(foreign) == refusal(none) == (404, "order_unknown")
    assert {**foreign.json(), "instance": ""} == {**none.json(), "instance": ""}


def test_a_strangers_retired_key_tells_no_order_from_none(
    wire: Wire, agency: Agency, stranger: Agency, order: str
) -> None:
    leaving = colleague(stranger, f"officer-{asking.new_name()}")
    name = thumbprint(leaving)
    retired = {"key": name, "reason": "rotated"}
    act(stranger.client, f"/v1/keys/{name}/retirement", "key.retire", **retired)
    shown = agency.client.order(order)
    cover, _ = trust.read_order(shown, shown["statements"])
    unknown = "019ad000-0000-7000-8000-000000000000"

    for place in ("approval", "refusal"):
        paths = [f"{PATH}/{one}/{place}" for one in (order, unknown)]
        headers = [asking.countersignature(leaving, path, cover) for path in paths]
        answers = [wire.post(*one, b"{}") for one in zip(paths, headers, strict=True)]
        assert [refusal(one) for one in answers] == [(404, "order_unknown")] * 2
    foreign, none = (read(wire, leaving, f"{PATH}/{one}") for one in (order, unknown))
    assert refusal(foreign) == refusal(none) == (403, "key_retired")
    nobody = Agency(stranger.served, stranger.name, asking.new_key())
    foreign, none = (read(wire, nobody, f"{PATH}/{one}") for one in (order, unknown))
    assert refusal(foreign) == refusal(none) == (401, "key_unknown")


def test_whose_signature_is_asked_reads_what_it_is_to_sign(served: Served) -> None:
    name = f"b-{asking.new_name()}"
    operator, second = served.founder(), served.founder("comsec")
    act(operator, "/v1/agencies", "agency.add", subject=name, kind="ministry", names=NAMES)
    line = enrolment("ndc", name, asking.new_key(), ["administer"])
    order = operator.send(operator.prepare(f"/v1/agencies/{name}/keys", [line], cosigned=True))

    assert order["order"] in [item["order"] for item in second.get(PATH)["items"]]
    shown = second.get(f"{PATH}/{order['order']}")
    assert shown["statements"] == [json.loads(line)["statement"]]
    assert "disclosures" not in shown
    assert shown["signatures"][0]["tag"] == "sijill-order-v1"


def test_a_closed_order_shows_its_state_and_nothing_of_what_it_said(
    wire: Wire, agency: Agency
) -> None:
    order = waiting(agency.client, agency.name)
    colleague(agency, f"officer-{asking.new_name()}").client.approve(order)

    shown = read(wire, agency, f"{PATH}/{order}")

    assert shown.json()["state"] == "appended"
    assert (shown.json()["statements"], shown.json()["disclosures"]) == ([], [])
    assert not [value for value in SHOWN if value in shown.text]


def test_orders_are_listed_newest_first_by_state_and_page_by_page(
    wire: Wire, served: Served
) -> None:
    agency = served.agency()
    orders = [waiting(agency.client, agency.name) for _ in range(5)]
    colleague(agency, f"officer-{asking.new_name()}").client.approve(orders[0])

    def listed(**query: Any) -> list[str]:
        items = read(wire, agency, PATH, **query).json()["items"]
        return [item["order"] for item in items if item["act"] == "certificate.issue"]

    assert listed(state="open") == orders[:0:-1]
    assert listed(state="appended") == orders[:1]
    assert listed(state="refused") == []
    page = read(wire, agency, PATH, limit=2, state="open")
    seen = [item["order"] for item in page.json()["items"]]
    assert "link" in page.headers
    seen += listed(limit=2, state="open", after=page.json()["next"])
    assert seen == orders[:0:-1]
    item = page.json()["items"][0]
    assert "statements" not in item
    assert (item["agency"], item["lines"], item["state"]) == (agency.name, 1, "open")


@pytest.mark.parametrize(
    "query", [{"state": "lost"}, {"after": "x"}, {"limit": 0}, {"limit": 201}, {"limit": "9" * 999}]
)
def test_a_list_of_orders_asked_wrongly_is_refused(
    wire: Wire, agency: Agency, query: dict[str, Any]
) -> None:
    assert refusal(read(wire, agency, PATH, **query)) == (422, "validation")


def test_statements_of_a_long_order_are_read_in_parts(wire: Wire, agency: Agency) -> None:
    order = waiting(agency.client, agency.name, count=120)

    first = read(wire, agency, f"{PATH}/{order}").json()
    rest = read(wire, agency, f"{PATH}/{order}", **{"from": 100}).json()
    beyond = read(wire, agency, f"{PATH}/{order}", **{"from": 120}).json()

    assert [len(one["statements"]) for one in (first, rest, beyond)] == [100, 20, 0]
    assert [len(one["disclosures"]) for one in (first, rest, beyond)] == [100, 20, 0]
    assert refusal(read(wire, agency, f"{PATH}/{order}", **{"from": 10_001})) == (422, "validation")
    # The client that is to sign puts them together and recomputes the root.
    shown = agency.client.order(order)
    assert trust.read_order(shown, shown["statements"])[0].lines == 120
