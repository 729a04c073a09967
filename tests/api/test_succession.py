"""Bodies that were merged or split, and courts, as callers meet them."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from infrastructure.proofs import signing
from sijill.client import Client, Refused, commit, statement
from sijill.client.attachments import PATH, Attachments
from tests.api.test_attachments import issue_with, made
from tests.api.test_authenticity import about_paper, ask
from tests.attesting import correct
from tests.clock import now_seconds
from tests.processes import until
from tests.serving import Agency, Served, act

LAW = {"effective_date": "2026-11-01", "legal_basis": "law:5/2026"}


def by_both(served: Served, path: str, name: str, **members: Any) -> dict[str, Any]:
    """An act that both founders sign."""
    operator, authority = served.founder("ndc"), served.founder("comsec")
    order = act(operator, path, name, valid_until=now_seconds() + 3_600, **members)
    return dict(authority.approve(order["order"]))


def merge(subject: Agency, successor: Agency) -> dict[str, Any]:
    path = f"/v1/agencies/{subject.name}/merger"
    said = {"subject": subject.name, "successor": successor.name, **LAW}
    return by_both(subject.served, path, "agency.merge", **said)


def revoke(client: Client, code: str) -> dict[str, Any]:
    path = f"/v1/certificates/{code}/revocation"
    return act(client, path, "certificate.revoke", code=code, reason="decision")


def answered_by(served: Served, agency: str, **query: Any) -> str:
    path = f"/v1/agencies/{agency}/successor"
    return str(served.anybody().get(path, **query)["answered_by"])


def record_of(served: Served, code: str) -> dict[str, Any]:
    """What a verdict shows of a record in force; of its successor it knows within two seconds."""
    told = served.anybody().get(f"/v1/verify/{code}")
    assert told["outcome"] == "valid"
    return dict(told["record"])


def is_open(agency: Agency, code: str) -> bool:
    """Whether it may read; a reader's registry is at most two seconds old."""
    try:
        agency.client.get(f"/v1/certificates/{code}")
    except Refused:
        return False
    return True


def test_a_successor_answers_for_everything_of_its_predecessor(
    served: Served, tmp_path: Path
) -> None:
    old, new, stranger = served.agency(), served.agency(), served.agency()
    path, digest = made(tmp_path, 10)
    name = Attachments(old.client).upload(path)["attachment"]
    code = issue_with(old, digest)
    with pytest.raises(Refused, match="certificate_unknown"):
        new.client.get(f"/v1/certificates/{code}")

    merged = merge(old, new)
    served.settle()

    until(lambda: is_open(new, code), "the successor sees nothing")
    shown = new.client.get(f"/v1/certificates/{code}")
    assert (shown["agency"], shown["values"]["supported_fact"]) == (old.name, "تأييد سكن")
    listed = new.client.get("/v1/certificates", agency=old.name)["items"]
    assert [one["code"] for one in listed] == [code]
    assert new.client.get(PATH, code=code)["items"][0]["attachment"] == name
    with pytest.raises(Refused, match="credential_unknown"):
        new.client.get(f"/v1/certificates/{code}/credential")
    with pytest.raises(Refused, match="certificate_unknown"):
        stranger.client.get(f"/v1/certificates/{code}/credential")
    assert new.client.get(f"{PATH}/{name}")["sha256"] == digest
    assert answered_by(served, old.name) == new.name
    assert answered_by(served, old.name, at=merged["index"] - 1) == old.name
    until(lambda: record_of(served, code)["answered_by"] == new.name, "verdicts name the old body")
    assert record_of(served, code)["agency"] == old.name
    assert served.anybody().get(f"/v1/agencies/{old.name}")["standing"] == "closed"

    for client in (stranger.client, old.client):
        with pytest.raises(Refused, match=r"certificate_unknown|agency_closed"):
            revoke(client, code)
    with pytest.raises(Refused, match="agency_unknown"):
        stranger.client.get("/v1/certificates", agency=old.name)
    assert revoke(new.client, code)["index"] > merged["index"]


def opened_by(agency: Agency, index: int) -> set[str]:
    """The members of an event's opening that an agency is shown."""
    agency.served.anybody().text(f"/log/checkpoint?covers={index}")
    window: dict[str, Any] = {"from": index, "to": index + 1}
    page = agency.client.get("/v1/log/openings", **window)
    return set(page["openings"][0])


def opens(agency: Agency, index: int) -> bool:
    return "body" in opened_by(agency, index)


def test_a_successor_opens_what_its_predecessor_recorded(served: Served) -> None:
    old, new, stranger = served.agency(), served.agency(), served.agency()
    issued = old.issue()["index"]
    book = {"unit": "archive", "series": "general", "year": 1998, "number": "1"}
    room = "/v1/registers/archive/general/1998"
    said = {**book, "reason": "form_spoilt"}
    voided = act(old.client, f"{room}/voids", "register.void", **said)["index"]
    assert "body" in opened_by(old, issued)
    assert "body" not in opened_by(new, issued)

    merge(old, new)
    served.settle()

    for index in (issued, voided):
        until(partial(opens, new, index), "the successor opens nothing")
        assert "body" not in opened_by(stranger, index)


def test_who_issued_opens_what_a_court_ordered_about_it(served: Served) -> None:
    agency, stranger = served.agency(), served.agency()
    court = served.agency(scopes=["administer", "issue", "court"])
    code = agency.issue()["code"]
    path = f"/v1/certificates/{code}/holds"
    cites = {"code": code, "legal_basis": "judgment:12/2026"}
    laid = act(court.client, path, "certificate.lay_hold", **cites)["index"]
    served.settle()

    assert "body" in opened_by(agency, laid)
    assert "body" in opened_by(court, laid)
    assert "body" not in opened_by(stranger, laid)


def test_the_keys_of_a_body_that_ended_read_no_more(served: Served) -> None:
    old, new = served.agency(), served.agency()
    code = old.issue()["code"]
    assert is_open(old, code)

    merge(old, new)
    served.settle()

    def refused() -> bool:
        try:
            old.client.get("/v1/certificates")
        except Refused as refusal:
            return refusal.code == "agency_closed"
        return False

    until(refused, "a closed body reads on")
    for path in ("/v1/inbox", "/v1/registers/entries", f"/v1/certificates/{code}"):
        with pytest.raises(Refused, match="agency_closed"):
            old.client.get(path)


def test_a_successor_keeps_its_predecessors_registers(served: Served) -> None:
    old, new, stranger = served.agency(), served.agency(), served.agency()
    book = {"unit": "archive", "series": "general", "year": 1998}
    room = "/v1/registers/archive/general/1998"
    numbered = {**book, "number": "1", "reason": "form_spoilt"}
    act(old.client, f"{room}/voids", "register.void", **numbered)
    merge(old, new)
    served.settle()
    theirs = {**book, "owner": old.name}

    def order(verb: str, part: str, **members: Any) -> None:
        act(new.client, f"{room}/{part}", f"register.{verb}", **theirs, **members)

    order("void", "voids", number="2", reason="number_skipped")
    claims, texts = commit({"holder_name": "حامل 0009"})
    said = {"number": "3", "type": "degree", "date": "1998-07-01", "grade": "register_only"}
    line = signing.envelope(
        statement("register.capture", new.name, **theirs, **said, claims=claims), texts
    )
    new.client.send(new.client.prepare(f"{room}/entries", [line]))
    order("cover", "coverage", grade="register_only")
    order("close", "closure")
    order("count", "count", given=1, voided=2)

    def shown() -> bool:
        return "counts" in new.client.get(room, agency=old.name)

    until(shown, "the successor does not read the register")
    found = new.client.get(room, agency=old.name)
    assert (found["agency"], found["coverage"], found["voided"]) == (old.name, "register_only", 2)
    used = new.client.get("/v1/registers/used", year=1998, agency=old.name)["items"]
    assert used == [{**book, "incoming": False}]
    entries = new.client.get("/v1/registers/entries", agency=old.name)["items"]
    assert [one["number"] for one in entries] == ["1", "2", "3"]
    asked = {"field": "holder_name", "value": "حامل 0009"}
    search = "/v1/registers/search"
    found = new.client.post(search, {**asked, "agency": old.name}, signed=True)["items"]
    assert [one["number"] for one in found] == ["3"]
    assert new.client.post(search, asked, signed=True)["items"] == []
    report = new.client.get(f"{room}/report", agency=old.name)
    assert (report["voided_count"], report["missing"]) == (2, 0)
    for path in (f"{room}/report", "/v1/registers/entries", "/v1/registers/used"):
        query = (
            {"agency": old.name, "year": 1998} if path.endswith("used") else {"agency": old.name}
        )
        with pytest.raises(Refused, match="agency_unknown"):
            stranger.client.get(path, **query)
    with pytest.raises(Refused, match="record_moved"):
        act(
            stranger.client,
            f"{room}/coverage/withdrawal",
            "register.uncover",
            **theirs,
            reason="pages_missing",
        )


def test_a_series_alone_is_given_away(served: Served) -> None:
    old, new = served.agency(), served.agency()
    code = old.issue(series="degrees")["code"]
    kept = old.issue()["code"]
    share = {"unit": "registry", "series": "degrees", "successor": new.name}

    by_both(
        served,
        f"/v1/agencies/{old.name}/split",
        "agency.split",
        subject=old.name,
        shares=[share],
        **LAW,
    )
    served.settle()

    assert answered_by(served, old.name, unit="registry", series="degrees") == new.name
    assert answered_by(served, old.name, unit="registry", series="general") == old.name
    with pytest.raises(Refused, match="record_moved"):
        revoke(old.client, code)
    with pytest.raises(Refused, match="agency_unknown"):
        new.client.get("/v1/certificates", agency=old.name)
    where: dict[str, Any] = {"agency": old.name, "unit": "registry", "series": "degrees"}
    until(lambda: is_open(new, code), "the successor sees nothing")
    assert [one["code"] for one in new.client.get("/v1/certificates", **where)["items"]] == [code]
    assert revoke(new.client, code)["index"]
    assert revoke(old.client, kept)["index"]


def test_the_rest_is_succeeded_to_without_the_series_that_went_to_another(served: Served) -> None:
    old, part, rest = (served.agency() for _ in range(3))
    indexes = []
    for number, series in enumerate(("degrees", "general"), 1):
        book = {"unit": "registry", "series": series, "year": 1998, "number": str(number)}
        claims, texts = commit({"holder_name": "حامل 0031"})
        said = {"type": "degree", "date": "1998-07-01", "grade": "register_only"}
        text = statement("register.capture", old.name, **book, **said, claims=claims)
        place = f"/v1/registers/registry/{series}/1998/entries"
        sent = old.client.prepare(place, [signing.envelope(text, texts)])
        indexes.append(old.client.send(sent)["index"])
        indexes.append(old.issue(series=series)["index"])
    share = {"unit": "registry", "series": "degrees", "successor": part.name}
    path = f"/v1/agencies/{old.name}/split"
    by_both(served, path, "agency.split", subject=old.name, shares=[share], **LAW)
    merge(old, rest)
    served.settle()

    def numbers(**query: Any) -> list[str]:
        try:
            rows = rest.client.get("/v1/registers/entries", agency=old.name, **query)["items"]
        except Refused:
            return []
        return [one["number"] for one in rows]

    until(lambda: bool(numbers()), "the successor sees nothing")
    assert numbers() == ["2"]
    # A page of which nothing is told goes on all the same.
    page = rest.client.get("/v1/registers/entries", agency=old.name, limit=1)
    assert (page["items"], page["next"]) == ([], indexes[0])
    assert numbers(after=page["next"]) == ["2"]
    asked = {"field": "holder_name", "value": "حامل 0031", "agency": old.name}
    found = rest.client.post("/v1/registers/search", asked, signed=True)["items"]
    assert [one["number"] for one in found] == ["2"]
    listed = rest.client.get("/v1/certificates", agency=old.name)["items"]
    assert [one["series"] for one in listed] == ["general"]
    for index in indexes[2:]:
        until(partial(opens, rest, index), "the successor opens nothing")
    assert not any(opens(rest, index) for index in indexes[:2])


def test_requests_are_seen_by_who_answers_for_the_whole_body(served: Served) -> None:
    old, part, rest, asker = (served.agency() for _ in range(4))
    request, room = ask(asker, **about_paper(old)), "/v1/authenticity-requests"

    def give_away(series: str, **more: Any) -> None:
        share = {"unit": "registry", "series": series, "successor": part.name}
        said = {"subject": old.name, "shares": [share], **LAW, **more}
        by_both(served, f"/v1/agencies/{old.name}/split", "agency.split", **said)
        served.settle()

    def seen(agency: Agency) -> list[str]:
        return [one["request"] for one in agency.client.get(room, role="addressee")["items"]]

    give_away("degrees")
    assert (seen(old), seen(part)) == ([request], [])
    with pytest.raises(Refused, match="request_unknown"):
        part.client.get(f"{room}/{request}")

    give_away("letters", rest=rest.name)
    assert (seen(rest), seen(part)) == ([request], [])
    assert rest.client.get(f"{room}/{request}")["addressee"] == old.name


def test_a_court_suspends_what_any_body_issued(served: Served) -> None:
    agency, court = served.agency(), served.agency(scopes=["administer", "issue", "court"])
    code = agency.issue()["code"]
    path = f"/v1/certificates/{code}/court-suspension"
    cites = {"code": code, "legal_basis": "judgment:12/2026"}

    act(court.client, path, "certificate.suspend_by_court", **cites)
    served.settle()

    told = served.anybody().get(f"/v1/verify/{code}")
    assert (told["outcome"], told["reason"]) == ("withdrawn", "suspended")
    assert told["record"]["withdrawal_reason"] == "court_order"
    shown = agency.client.get(f"/v1/certificates/{code}")
    assert shown["court_orders"] == [f"{court.name} judgment:12/2026"]
    with pytest.raises(Refused, match="court_suspension_stands"):
        act(
            agency.client,
            f"/v1/certificates/{code}/reinstatement",
            "certificate.reinstate",
            code=code,
            reason="review_passed",
        )
    with pytest.raises(Refused, match="scope_missing"):
        act(agency.client, path, "certificate.suspend_by_court", **cites)

    ended = {"code": code, "legal_basis": "judgment:13/2026", "ends": "judgment:12/2026"}
    act(court.client, f"{path}/lifting", "certificate.lift_court_suspension", **ended)
    served.settle()
    assert served.anybody().get(f"/v1/verify/{code}")["outcome"] == "valid"


def test_a_value_is_found_whichever_successor_wrote_it(served: Served) -> None:
    old, between, new = served.agency(), served.agency(), served.agency()
    code = old.issue()["code"]
    merge(old, between)
    served.settle()
    corrected = correct(between, code)
    book = {"unit": "archive", "series": "general", "year": 1998, "number": "1"}
    claims, texts = commit({"holder_name": "حامل 0002"})
    said = {**book, "owner": old.name, "type": "degree", "date": "1998-07-01"}
    text = statement("register.capture", between.name, **said, grade="register_only", claims=claims)
    room = "/v1/registers/archive/general/1998/entries"
    between.client.send(between.client.prepare(room, [signing.envelope(text, texts)]))

    def found(reader: Agency, place: str, value: str, **whose: str) -> list[str]:
        asked = {"field": "holder_name", "value": value, **whose}
        items = reader.client.post(f"/v1/{place}/search", asked, signed=True)["items"]
        return [one.get("code", one["number"]) for one in items]

    def all_found(reader: Agency) -> None:
        whose = {"agency": old.name}
        until(lambda: is_open(reader, code), "the successor sees nothing")
        for value in ("حامل 0001", "حامل 0002"):
            assert found(reader, "certificates", value, **whose) == [corrected]
        assert found(reader, "registers", "حامل 0002", **whose) == ["1"]
        assert found(reader, "certificates", "حامل 0002") == []

    all_found(between)
    merge(between, new)
    served.settle()
    all_found(new)
