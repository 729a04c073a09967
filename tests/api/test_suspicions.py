"""Reports of suspected forgeries: by anybody, for issuer and auditors, without a word of whom."""

from datetime import timedelta
from typing import Any

import httpx2
import psycopg
import pytest

from api.orders import now_us
from domain.values import baghdad_day
from infrastructure.postgres import Role, connect
from infrastructure.proofs import codes
from projections import suspicions
from sijill.cli.databases import running_database
from tests.api.asking import auditor, issued, read
from tests.api.talking import Wire
from tests.api.test_succession import LAW, by_both, merge
from tests.serving import Agency

PATH = "/v1/forgery-reports"
DAY = timedelta(days=1)


def report(wire: Wire, code: str, **said: Any) -> httpx2.Response:
    wire.served.settle()
    return wire.http.post(f"/v1/verify/{code}/report", json={"kind": "content_differs", **said})


def told(wire: Wire, reader: Agency, code: str) -> list[dict[str, Any]]:
    return list(read(wire, reader, PATH, code=code).json()["items"])


def test_issuer_and_auditor_read_what_anybody_reported(
    wire: Wire, agency: Agency, stranger: Agency
) -> None:
    code = issued(agency)
    answers = [
        report(wire, code),
        report(wire, codes.for_people(code)),
        report(wire, code, kind="offered_for_sale", agency=stranger.name),
    ]

    assert [answer.status_code for answer in answers] == [202] * 3, answers[0].text
    assert answers[0].json() == {"code": code, "kind": "content_differs"}
    seen = told(wire, agency, code)
    assert [(one["kind"], one["reports"]) for one in seen] == [
        ("content_differs", 2),
        ("offered_for_sale", 1),
    ]
    assert {one["issuer"] for one in seen} == {agency.name}
    assert {one["claimed"] for one in seen} == {None}
    assert told(wire, auditor(wire.served), code) == seen
    assert told(wire, stranger, code) == []


def test_of_an_unknown_code_the_agency_that_the_paper_names_is_told(
    wire: Wire, agency: Agency, stranger: Agency
) -> None:
    code = codes.generate()
    assert report(wire, code, agency=agency.name).status_code == 202

    [seen] = told(wire, agency, code)
    assert (seen["issuer"], seen["claimed"]) == (None, agency.name)
    assert told(wire, stranger, code) == []


def test_nothing_else_is_taken(wire: Wire, agency: Agency) -> None:
    code = issued(agency)
    for said in ({"kind": "ugly"}, {"name": "x"}, {"kind": "other", "agency": "x" * 200}):
        assert report(wire, code, **said).status_code == 422
    assert report(wire, "not-a-code").json()["code"] == "code_malformed"
    assert wire.get(PATH).status_code == 401


def test_the_service_cannot_take_a_report_back(wire: Wire) -> None:
    with (
        running_database(wire.served.folder) as urls,
        connect(urls.service, Role.SERVICE, autocommit=True) as connection,
    ):
        for statement in ("DELETE FROM ledger.reports", "UPDATE ledger.reports SET reports = 1"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_day_holds_so_many_different_reports_and_no_more(wire: Wire) -> None:
    asked = "SELECT ledger.report('2001-01-01', %s, 'other', '', %s, 5, 2)"
    with (
        running_database(wire.served.folder) as urls,
        connect(urls.service, Role.SERVICE, autocommit=True) as connection,
    ):
        made_up, real = ([codes.generate() for _ in range(3)] for _ in range(2))
        said = [
            connection.execute(asked, (code, of_certificate)).fetchall()[0][0]
            for found, of_certificate in ((made_up, False), (real, True))
            for code in (*found, found[0])
        ]
    assert said == [True, True, False, True] * 2
    assert suspicions.MOST_A_DAY >= 1_000


def test_a_day_full_of_made_up_codes_still_takes_reports_of_certificates(
    wire: Wire, agency: Agency
) -> None:
    code = issued(agency)
    with (
        running_database(wire.served.folder) as urls,
        connect(urls.admin, None, autocommit=True) as admin,
    ):
        admin.execute(
            "INSERT INTO ledger.reports (day, code, kind, claimed, reports, first, last)"
            " SELECT day, lpad(n::text, 17, '0'), 'made_up', '', 1, 0, 0"
            " FROM generate_series(1, %s) AS n CROSS JOIN unnest(%s::text[]) AS day",
            (suspicions.MOST_A_DAY, [str(today := baghdad_day(now_us())), str(today + DAY)]),
        )
        try:
            answers = [report(wire, one).status_code for one in (codes.generate(), code)]
        finally:
            admin.execute("DELETE FROM ledger.reports WHERE kind = 'made_up'")

    assert answers == [429, 202]
    assert [one["reports"] for one in told(wire, agency, code)] == [1]


@pytest.mark.parametrize("site,status", [("cross-site", 422), ("same-origin", 200)])
def test_no_other_site_has_its_visitors_report(wire: Wire, site: str, status: int) -> None:
    page = wire.http.post(
        f"/en/v/{codes.generate()}/report",
        data={"kind": "content_differs"},
        headers={"Sec-Fetch-Site": site},
    )

    assert page.status_code == status


def test_whoever_answers_for_a_paper_is_told_what_was_reported_of_it(wire: Wire) -> None:
    served = wire.served
    old, part, rest = (served.agency() for _ in range(3))
    degree, letter = old.issue(series="degrees")["code"], old.issue()["code"]
    unknown = codes.generate()

    def known(reader: Agency) -> set[str]:
        return {one["code"] for one in read(wire, reader, PATH).json()["items"]}

    for code in (degree, letter, unknown):
        assert report(wire, code, agency=old.name).status_code == 202
    assert [known(one) for one in (old, part, rest)] == [{degree, letter, unknown}, set(), set()]

    share = {"unit": "registry", "series": "degrees", "successor": part.name}
    path = f"/v1/agencies/{old.name}/split"
    by_both(served, path, "agency.split", subject=old.name, shares=[share], **LAW)
    assert (known(part), known(rest)) == ({degree}, set())

    merge(old, rest)
    assert (known(part), known(rest)) == ({degree}, {letter, unknown})


def test_one_address_reports_so_often_and_no_more(wire: Wire) -> None:
    """The last of this module: from here on this address has reported enough."""
    answers = {report(wire, codes.generate()).status_code for _ in range(60)}
    assert answers == {202, 429}
