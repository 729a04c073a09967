"""An agency searches its own certificates: what it finds, page by page, and by which questions."""

from typing import Any

import pytest

from tests.api import asking
from tests.api.asking import issued, listed, read, search
from tests.api.talking import Wire, on, refusal, refused, revoke
from tests.serving import Agency, Served

PATH = "/v1/certificates"


@pytest.fixture(scope="module")
def office(served: Served) -> Agency:
    """An agency whose certificates are counted here."""
    return served.agency()


@pytest.fixture(scope="module")
def seven(office: Agency) -> list[str]:
    """Codes of its certificates in the order of issuance, each in its own way."""
    made = [
        issued(office, number="A-1", unit="north", series="a"),
        issued(office, number="٢/A", unit="north", series="b", date="2026-10-01"),
        issued(office, number="3", unit="south", date="2025-05-05", year=2025),
        issued(office, number="4", unit="south", values={"holder_name": "هدى"}),
        issued(
            office,
            type="receipt_confirmation",
            values={"holder_name": None, "supported_fact": None, "case_reference": "T-7"},
        ),
        issued(office),
        issued(office),
    ]
    on(office.client, "suspend", made[1], "suspension", reason="under_review")
    revoke(office, made[2])
    on(office.client, "void", made[3], "voiding", reason="duplicate_entry")
    return made


@pytest.mark.parametrize(
    "query,wanted",
    [
        ({}, [0, 1, 2, 3, 4, 5, 6]),
        ({"unit": "north"}, [0, 1]),
        ({"unit": "north", "series": "b"}, [1]),
        ({"number": "2/a"}, [1]),
        ({"number": "۲/A"}, [1]),
        ({"type": "receipt_confirmation"}, [4]),
        ({"state": "suspended"}, [1]),
        ({"state": "revoked"}, [2]),
        ({"state": "voided"}, [3]),
        ({"state": "in_force", "type": "support_letter"}, [0, 5, 6]),
        ({"from_day": "2026-10-02"}, [0, 3, 4, 5, 6]),
        ({"to_day": "2026-10-01"}, [1, 2]),
        ({"from_day": "2025-05-05", "to_day": "2025-05-05"}, [2]),
        ({"in_doubt": "true"}, []),
        ({"in_doubt": "false", "unit": "south"}, [2, 3]),
        ({"unit": "nowhere"}, []),
        ({"state": "no_such_state"}, []),
    ],
)
def test_an_agency_searches_by_what_stands_in_clear(
    wire: Wire, office: Agency, seven: list[str], query: dict[str, str], wanted: list[int]
) -> None:
    assert listed(wire, office, **query) == [seven[number] for number in wanted]


def test_pages_follow_one_another_and_a_page_of_the_past_stays_as_it_was(
    wire: Wire, office: Agency, seven: list[str]
) -> None:
    first = read(wire, office, PATH, limit=3).json()
    at = first["at"]
    further = issued(office)
    seen = [item["code"] for item in first["items"]]
    following: int | None = first["next"]
    pages = 1
    while following is not None:
        answer = read(wire, office, PATH, limit=3, after=following, at=at)
        page = answer.json()
        assert (page["at"], len(page["items"])) == (at, min(3, len(page["items"])))
        assert (page["next"] is None) == ("link" not in answer.headers)
        seen += [item["code"] for item in page["items"]]
        following = page["next"]
        pages += 1

    assert (seen, pages) == (seven, 3)
    assert listed(wire, office)[-1] == further
    on(office.client, "void", further, "voiding", reason="test_entry")


def test_the_link_to_the_next_page_can_be_followed_as_it_stands(
    wire: Wire, office: Agency, seven: list[str]
) -> None:
    link = read(wire, office, PATH, limit=2, unit="north").headers["link"]
    address, _, relation = link.partition("; ")
    path, _, query = address.strip("<>").partition("?")

    headers = asking.signed_headers(office, path, query)
    answer = wire.get(f"{path}?{query}", **headers)

    assert relation == 'rel="next"'
    assert (answer.status_code, answer.json()["items"]) == (200, [])
    del seven


def test_a_list_as_of_an_index_shows_the_states_of_then(wire: Wire, office: Agency) -> None:
    answer = office.issue(unit="past")
    revoke(office, answer["code"])

    def state(**query: Any) -> str:
        [item] = read(wire, office, PATH, unit="past", **query).json()["items"]
        return str(item["state"])

    assert (state(), state(at=answer["index"])) == ("revoked", "in_force")
    assert read(wire, office, PATH, unit="past", at=answer["index"] - 1).json()["items"] == []


@pytest.mark.parametrize(
    "query,expected",
    [
        ({"at": 2**53 - 1}, (404, "index_unknown")),
        ({"at": 2**53}, (422, "validation")),
        ({"at": -1}, (422, "validation")),
        ({"at": "9" * 4000}, (422, "validation")),
        ({"after": 2**53}, (422, "validation")),
        ({"limit": 0}, (422, "validation")),
        ({"limit": 201}, (422, "validation")),
        ({"limit": "x"}, (422, "validation")),
        ({"from_day": "today"}, (422, "validation")),
        ({"from_day": "2026-02-31"}, (422, "validation")),
        ({"number": "1\x00"}, (422, "validation")),
        ({"unit": "x" * 65}, (422, "validation")),
        ({"in_doubt": "perhaps"}, (422, "validation")),
        ({"of": "everybody"}, (422, "validation")),
        ({"type": "diploma"}, (422, "type_unknown")),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(
    wire: Wire, office: Agency, query: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert refusal(read(wire, office, PATH, **query)) == expected


def test_an_agency_finds_its_certificates_by_a_value_in_whatever_spelling(
    wire: Wire, office: Agency, stranger: Agency
) -> None:
    code = issued(office, values={"holder_name": "أحمد علي ١٢"})
    issued(stranger, values={"holder_name": "أحمد علي ١٢"})

    for spelling in ("أحمد علي ١٢", "احمد  علي 12", "احمد علي ۱۲"):
        found = search(wire, office, "holder_name", spelling).json()["items"]
        assert [item["code"] for item in found] == [code]
    assert search(wire, office, "holder_name", "أحمد").json()["items"] == []
    assert search(wire, office, "supported_fact", "تأييد سكن").json()["items"] == []
    assert search(wire, office, "holder_secret", "holder-secret-0001").json()["items"] == []
    assert search(wire, office, "holder_name", "أحمد علي ١٢", state="revoked").json()["items"] == []


def test_a_search_by_value_needs_a_signature_and_its_form(wire: Wire, office: Agency) -> None:
    body = {"field": "holder_name", "value": "x"}

    assert refusal(wire.http.post(f"{PATH}/search", json=body)) == (401, "signature_missing")
    for field, value in (("Holder", "x"), ("holder_name", ""), ("holder_name", "x" * 501)):
        assert refusal(search(wire, office, field, value)) == (422, "validation")
    assert refusal(search(wire, office, "holder_name", "x", more=1)) == (422, "validation")
    assert refusal(search(wire, office, "holder_name", "x" * 70_000)) == (413, "body_too_large")


def test_a_certificate_waits_in_doubt_until_it_is_reaffirmed(wire: Wire, served: Served) -> None:
    agency = served.agency()
    sound, doubted = issued(agency), asking.compromised(agency)
    assert listed(wire, agency, in_doubt="true") == [doubted]
    assert listed(wire, agency, in_doubt="false") == [sound]

    on(agency.client, "reaffirm", doubted, "reaffirmation")

    assert listed(wire, agency, in_doubt="true") == []
    assert refused(lambda: on(agency.client, "reaffirm", sound, "reaffirmation")) == (
        409,
        "reaffirmation_not_needed",
    )


def test_what_is_listed_as_doubted_can_be_reaffirmed(wire: Wire, served: Served) -> None:
    """The record goes by the first code of its edition, which was replaced and says no more."""
    agency = served.agency()
    lost = asking.compromised(agency)
    standing = asking.replace(agency, lost)
    answer = read(wire, agency, PATH, in_doubt="true")
    assert [(one["code"], one["doubted"]) for one in answer.json()["items"]] == [(lost, [standing])]
    assert refused(lambda: on(agency.client, "reaffirm", lost, "reaffirmation")) == (
        409,
        "code_replaced",
    )

    on(agency.client, "reaffirm", standing, "reaffirmation")

    assert listed(wire, agency, in_doubt="true") == []
