"""Registers over HTTP: what is public of them, what is their agency's, what they count."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from domain.catalogue.calendar import CALENDAR, with_holidays
from domain.values.moments import BAGHDAD
from infrastructure.proofs import signing
from sijill.client import Refused
from sijill.client.prepared import commit, statement
from tests import correspondence
from tests.api.asking import read
from tests.api.talking import Wire, forged, refusal, told
from tests.serving import Agency, Served, act

BOOK: dict[str, Any] = {"unit": "archive", "series": "general", "year": 1998}
ROOM = "/v1/registers/archive/general/1998"


@pytest.fixture
def office(served: Served) -> Agency:
    """An agency of the test's own: its registers are counted."""
    return served.agency()


def order(office: Agency, verb: str, part: str, **members: Any) -> dict[str, Any]:
    return act(office.client, f"{ROOM}/{part}", f"register.{verb}", **BOOK, **members)


def capture(office: Agency, number: str, **changes: Any) -> dict[str, Any]:
    values = {"holder_name": "حامل 0001", "qualification": "بكالوريوس"}
    claims, texts = commit(values)
    if "claims" in changes:
        texts = []
    said = {
        **BOOK,
        "number": number,
        "type": "degree",
        "date": "1998-07-01",
        "grade": "register_only",
        "claims": claims,
        **changes,
    }
    line = signing.envelope(statement("register.capture", office.name, **said), texts)
    return dict(office.client.send(office.client.prepare(f"{ROOM}/entries", [line])))


def test_coverage_is_a_promise_to_everybody(served: Served, office: Agency) -> None:
    covered = order(office, "cover", "coverage", grade="register_only")["index"]
    order(office, "cover", "coverage", grade="original_sighted")

    anybody = served.anybody()
    [listed] = anybody.get("/v1/registers", agency=office.name)["items"]
    assert (listed["coverage"], listed["opened_index"]) == ("original_sighted", covered)
    [before] = anybody.get("/v1/registers", agency=office.name, at=covered)["items"]
    assert before["coverage"] == "register_only"
    shown = anybody.get(ROOM, agency=office.name)
    assert shown["coverage"] == "original_sighted"
    assert "counts" not in shown
    assert anybody.get("/v1/registers", agency=office.name, covered="false")["items"] == []


def test_the_declaration_is_opened_to_everybody_and_the_entries_are_not(
    served: Served, office: Agency
) -> None:
    covered = order(office, "cover", "coverage", grade="register_only")["index"]
    taken = capture(office, "1")["index"]
    served.anybody().text(f"/log/checkpoint?covers={taken}")

    window = {"from": covered, "to": taken + 1}
    declared, entry = served.anybody().get("/v1/log/openings", **window)["openings"]

    assert {"header", "body", "order"} <= declared.keys()
    assert "body" not in entry
    assert "header" in entry


def test_an_entry_is_its_agencys_alone(wire: Wire, office: Agency, stranger: Agency) -> None:
    capture(office, "م/١٢")

    found = office.client.get("/v1/registers/entries", number="م/12")["items"]

    assert [(one["kind"], one["number"], one["grade"]) for one in found] == [
        ("captured", "م/١٢", "register_only")
    ]
    assert stranger.client.get("/v1/registers/entries", number="م/12")["items"] == []
    foreign = read(wire, stranger, "/v1/registers/entries", agency=office.name)
    assert refusal(foreign) == (404, "agency_unknown")
    assert refusal(wire.get("/v1/registers/entries")) == (401, "signature_missing")
    assert "counts" not in stranger.client.get(ROOM, agency=office.name)


def test_an_entry_is_found_by_a_value_however_it_is_spelt(office: Agency) -> None:
    capture(office, "1")
    capture(office, "2", claims=None)

    asked = {"field": "holder_name", "value": "  حامل ٠٠٠١ "}
    found = office.client.post("/v1/registers/search", asked, signed=True)["items"]

    assert [one["number"] for one in found] == ["1"]


def test_what_is_odd_in_a_register_is_reported_at_an_index(office: Agency) -> None:
    for number in ("1", "2", "7", "9/1998"):
        capture(office, number)
    order(office, "reserve", "reservations", number="10")
    order(office, "reserve", "reservations", number="11")
    order(office, "void", "voids", number="4", reason="form_spoilt")
    last = order(office, "void", "voids", number="11", reason="not_issued")["index"]

    report = office.client.get(f"{ROOM}/report")

    assert (report["given"], report["missing"]) == (4, 4)
    assert report["gaps"] == [
        {"first": 3, "last": 3},
        {"first": 5, "last": 6},
        {"first": 8, "last": 8},
    ]
    assert [one["number"] for one in report["voided"]] == ["4", "11"]
    assert [one["number"] for one in report["reserved"]] == ["10"]
    before = office.client.get(f"{ROOM}/report", at=last - 1)
    # What is out of hours rests on the days that were entered, and says which.
    assert before["calendar_digest"] == report["calendar_digest"] == CALENDAR.digest()
    entered = with_holidays(CALENDAR, b'{"announced": ["2027-03-09"]}').digest()
    worked = with_holidays(CALENDAR, b'{"worked": ["2027-03-09"]}').digest()
    assert len({CALENDAR.digest(), entered, worked}) == 3
    assert [one["number"] for one in before["reserved"]] == ["10", "11"]
    assert office.client.get(ROOM)["next"] == 12


def test_a_document_recorded_long_after_its_date_is_dated_back(office: Agency) -> None:
    today = datetime.now(BAGHDAD).date()
    old = today - timedelta(days=100)
    office.issue(date=old.isoformat(), number="5")
    office.issue(date=(today - timedelta(days=50)).isoformat(), number="6")

    report = office.client.get(f"/v1/registers/registry/general/{old.year}/report", late_days=60)

    assert [one["number"] for one in report["backdated"]] == ["5"]


def test_the_count_of_a_closed_register_is_counted_again(office: Agency) -> None:
    capture(office, "1")
    capture(office, "2")
    order(office, "strike", "entries/striking", number="2", reason="misread")
    order(office, "void", "voids", number="3", reason="form_spoilt")
    order(office, "close", "closure")

    with pytest.raises(Refused) as wrong:
        order(office, "count", "count", given=2, voided=1)
    assert wrong.value.code == "register_count_wrong"

    order(office, "count", "count", given=1, voided=1)
    shown = office.client.get(ROOM)
    assert (shown["given"], shown["voided"]) == (1, 1)


def test_the_count_of_a_register_is_told_to_nobody_who_may_not_sign_it(
    wire: Wire, office: Agency, stranger: Agency
) -> None:
    capture(office, "1")
    order(office, "close", "closure")
    line = signing.envelope(statement("register.count", office.name, **BOOK, given=7, voided=7))

    foreign = told(wire, forged(stranger, line, path=f"{ROOM}/count"))

    assert foreign == (403, "key_foreign")


def test_a_count_that_was_signed_is_answered_again(office: Agency) -> None:
    capture(office, "1")
    order(office, "close", "closure")
    line = signing.envelope(statement("register.count", office.name, **BOOK, given=1, voided=0))
    prepared = office.client.prepare(f"{ROOM}/count", [line])
    first = office.client.send(prepared)

    again = office.client.send(prepared)

    assert (again["index"], again["replayed"]) == (first["index"], True)


def test_an_index_that_is_not_there_yet_is_unknown(wire: Wire, office: Agency) -> None:
    for path in ("/v1/registers", f"{ROOM}?agency={office.name}"):
        joint = "&" if "?" in path else "?"
        assert refusal(wire.get(f"{path}{joint}at={2**50}")) == (404, "index_unknown")


PLACE: dict[str, Any] = {"unit": "letters", "series": "general", "year": 2025}


def lettered(office: Agency, stranger: Agency) -> dict[str, Any]:
    """Letters of 2025 out and in: numbers 1, 2, 5 of the register, 1 and 3 of the incoming."""
    dated = {**PLACE, "date": "2025-05-04"}
    for number in ("1", "2", "5"):
        last = correspondence.send(office, stranger, **dated, number=f"{number}/2025")
    for number in ("1", "3"):
        arrived = correspondence.send(stranger, office)
        arrived.register(office, **dated, number=number)
    return {"letter": last.letter, "sender": office.name}


def about(office: Agency, part: str = "", **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = office.client.get(f"/v1/registers/letters/general/2025{part}", **query)
    return found


def test_letters_have_their_numbers_in_registers(office: Agency, stranger: Agency) -> None:
    letter = lettered(office, stranger)
    issued = office.issue(**PLACE, number="4", date="2025-06-01")["index"]

    out, into = about(office, "/report"), about(office, "/report", incoming="true")

    assert (out["given"], out["missing"], out["incoming"]) == (4, 1, False)
    assert out["gaps"] == [{"first": 3, "last": 3}]
    assert {one["kind"] for one in out["backdated"]} == {"outgoing", "issued"}
    assert out["backdated_count"] == 4
    assert (into["given"], into["missing"], into["incoming"]) == (2, 1, True)
    assert [one["number"] for one in into["backdated"]] == ["1", "3"]
    assert (about(office)["next"], about(office, incoming="true")["next"]) == (6, 4)
    used = office.client.get("/v1/registers/used", year=2025)["items"]
    assert used == [{**PLACE, "incoming": incoming} for incoming in (False, True)]

    # The wrong number of a registration that was put right is free, and was not so before.
    path = f"/{letter['sender']}/{letter['letter']}/rectification"
    place = {**PLACE, "number": "3/2025", "date": "2025-05-04"}
    correspondence.order(office.client, path, "rectify_outgoing", **letter, **place)
    assert about(office, "/report")["gaps"] == []
    assert about(office, "/report", at=issued)["gaps"] == [{"first": 3, "last": 3}]


def test_letters_are_part_of_a_signed_count(office: Agency, stranger: Agency) -> None:
    lettered(office, stranger)
    room = "/v1/registers/letters/general/2025"

    def sign(verb: str, part: str, **members: Any) -> None:
        act(office.client, f"{room}/{part}", f"register.{verb}", **PLACE, **members)

    skipped = {"number": "2", "reason": "number_skipped", "incoming": True}
    sign("void", "voids", **skipped)
    sign("close", "closure")
    sign("close", "closure", incoming=True)
    for wrong in ({"given": 0, "voided": 0}, {"given": 2, "voided": 1}):
        with pytest.raises(Refused, match="register_count_wrong"):
            sign("count", "count", **wrong)
    sign("count", "count", given=3, voided=0)
    sign("count", "count", given=2, voided=1, incoming=True)

    assert (about(office)["given"], about(office)["voided"]) == (3, 0)
    into = about(office, incoming="true")
    assert (into["given"], into["voided"], into["incoming"]) == (2, 1, True)
    with pytest.raises(Refused, match="register_closed"):
        correspondence.send(office, stranger, **PLACE, number="9", date="2025-05-04")
    late = correspondence.send(stranger, office)
    with pytest.raises(Refused, match="register_closed"):
        late.register(office, **PLACE, number="9", date="2025-05-04")


def test_the_calendar_tells_the_law_and_when_an_answer_is_due(served: Served) -> None:
    found = served.anybody().get("/v1/calendar")

    assert found["yearly"] == ["01-01", "01-06", "03-16", "03-21", "05-01"]
    assert found["announced"] == found["worked"] == []
    today = date.fromisoformat(found["today"])
    assert found["due_date"] == CALENDAR.after(today, 3).isoformat()
    assert served.anybody().get("/v1/calendar", working_days=0)["due_date"] == found["today"]
