"""Pages by code: languages, verdicts in words, comparison, and what they never say or keep."""

import re
from urllib.parse import urlsplit

import httpx2
import pytest

from api.i18n import LANGUAGES, direction, translate
from infrastructure.proofs import codes
from tests.api import asking
from tests.api.talking import Wire, on, revoke
from tests.serving import Agency

NAME = "حامل 0001"


def opened(wire: Wire, path: str, **headers: str) -> httpx2.Response:
    """A page that rests on everything recorded by now."""
    wire.served.settle()
    return wire.get(path, **headers)


def reason_of(page: httpx2.Response) -> str:
    found = re.search(r'data-reason="([a-z_]+)"', page.text)
    assert found, page.text
    return found[1]


def look_of(page: httpx2.Response) -> str:
    found = re.search(r'class="verdict look-([a-z]+)"', page.text)
    assert found, page.text
    return found[1]


def compared(wire: Wire, code: str, **fields: str) -> httpx2.Response:
    wire.served.settle()
    form = {f"field.{name}": text for name, text in fields.items()}
    return wire.http.post(f"/en/v/{code}", data=form)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_an_address_of_its_own(wire: Wire, agency: Agency, language: str) -> None:
    code = asking.issued(agency)

    page = opened(wire, f"/{language}/v/{code}")

    assert page.status_code == 200
    assert page.headers["content-language"] == language
    assert f'<html lang="{language}" dir="{direction(language)}">' in page.text
    assert translate(language, "page.headline.in_force_paper_not_compared") in page.text
    for other in LANGUAGES:
        assert f'hreflang="{other}" href="/{other}/v/{code}"' in page.text


@pytest.mark.parametrize("path", ["v", "V"])
@pytest.mark.parametrize(
    "accept,language",
    [("", "ar"), ("en-GB,en;q=0.9", "en"), ("ckb, ar;q=0.5", "ckb"), ("de", "ar")],
)
def test_a_printed_code_opens_in_the_readers_language(
    wire: Wire, path: str, accept: str, language: str
) -> None:
    code = codes.generate()

    answer = wire.get(f"/{path}/{code}", **{"Accept-Language": accept})

    assert answer.status_code == 303
    # A path alone, so that the fragment goes along and no host is made up.
    assert answer.headers["location"] == f"/{language}/v/{code}"
    assert "Accept-Language" in answer.headers["vary"]


@pytest.mark.parametrize("path", ["/fr/", "/EN/v/x", "/ar", "/ar/v", "/ar/nothing", "/static/x/y"])
def test_there_are_no_other_addresses(wire: Wire, path: str) -> None:
    assert wire.get(path).status_code in {404, 405}


@pytest.mark.parametrize("path", ["/ar/", "/ckb/v/nothing", "/en/log", "/en/log/0", "/en/log/x"])
def test_a_page_lets_nothing_in_and_nothing_out(wire: Wire, path: str) -> None:
    page = opened(wire, path)

    policy = dict(part.split(None, 1) for part in _policy(page))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    allowed = {source for part in policy.values() for source in part.split()}
    assert allowed == {"'none'", "'self'", "'script'", "worker"}
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-robots-tag"] == "noindex"
    assert "set-cookie" not in page.headers
    assert re.findall(r"<script(?![^>]*src=)|<style|\son\w+=|javascript:|\sstyle=", page.text) == []
    addresses = re.findall(r'(?:src|href|action)="([^"]+)"', page.text)
    assert {urlsplit(one).netloc for one in addresses} == {""}


def _policy(page: httpx2.Response) -> list[str]:
    return [part.strip() for part in page.headers["content-security-policy"].split(";")]


def test_a_bare_code_never_looks_like_a_document_in_force(wire: Wire, agency: Agency) -> None:
    page = opened(wire, f"/en/v/{asking.issued(agency)}")

    assert reason_of(page) == "in_force_paper_not_compared"
    assert look_of(page) == "record"
    assert "Record in force; paper not compared" in page.text
    # What is committed to is asked for, and never shown.
    assert 'name="field.holder_name"' in page.text
    assert NAME not in page.text
    assert "holder_secret" not in page.text


def test_what_is_genuine_but_out_of_its_time_is_never_green(wire: Wire, agency: Agency) -> None:
    over = asking.issued(agency, effective_date="2026-01-01", expiry_date="2026-02-01")
    early = asking.issued(agency, effective_date="2090-01-01", expiry_date="2091-01-01")

    for code, reason in ((over, "expired"), (early, "not_yet_valid")):
        page = compared(wire, code, holder_name=NAME)
        assert (reason_of(page), look_of(page)) == (reason, "late")


def test_every_withdrawal_has_its_own_words(wire: Wire, agency: Agency) -> None:
    revoked, suspended, superseded, replaced = (asking.issued(agency) for _ in range(4))
    revoke(agency, revoked)
    on(agency.client, "suspend", suspended, "suspension", reason="under_review")
    newer = asking.supersede(agency, superseded)
    asking.replace(agency, replaced)
    told = {
        revoked: ("revoked", "right_withdrawn"),
        suspended: ("suspended", "under_review"),
        superseded: ("superseded", "renewed"),
        replaced: ("replaced", "lost"),
    }

    for code, (reason, why) in told.items():
        page = opened(wire, f"/ckb/v/{code}")
        assert (reason_of(page), look_of(page)) == (reason, "bad")
        assert translate("ckb", f"page.headline.{reason}") in page.text
        kind = {"revoked": "revocation", "suspended": "suspension", "superseded": "supersession"}
        word = f"word.certificates.{kind.get(reason, 'replacement')}_reason.{why}"
        assert translate("ckb", word) in page.text
    assert f'href="/en/v/{newer}"' in opened(wire, f"/en/v/{superseded}").text


def test_a_key_that_was_compromised_makes_a_record_not_valid(wire: Wire, agency: Agency) -> None:
    page = opened(wire, f"/en/v/{asking.compromised(agency)}")

    assert (reason_of(page), look_of(page)) == ("issuer_key_compromised", "bad")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_record_and_no_code_are_two_answers(wire: Wire, language: str) -> None:
    unknown = opened(wire, f"/{language}/v/{codes.generate()}")
    unreadable = opened(wire, f"/{language}/v/no-code-at-all")

    assert (reason_of(unknown), look_of(unknown)) == ("code_unknown", "bad")
    assert (reason_of(unreadable), look_of(unreadable)) == ("code_malformed", "unsure")
    assert "no-code-at-all" not in unreadable.text


def test_a_code_is_typed_as_people_write_it(wire: Wire, agency: Agency) -> None:
    code = asking.issued(agency)
    typed = codes.for_people(code).lower()

    answer = wire.http.post("/en/v", data={"code": f" {typed} "})
    wrong = wire.http.post("/en/v", data={"code": "not a code"})
    nothing = wire.http.post("/en/v", data={"code": " "})

    assert (answer.status_code, answer.headers["location"]) == (303, f"/en/v/{code}")
    assert reason_of(wrong) == "code_malformed"
    assert nothing.status_code == 422
    assert "Enter the code of the document first." in nothing.text


def test_what_stands_on_the_paper_is_compared_and_not_revealed(wire: Wire, agency: Agency) -> None:
    code = asking.issued(agency, number="77/1", date="2026-11-02")

    right = compared(wire, code, holder_name=NAME, date="٢/١١/٢٠٢٦", number="٧٧/١")
    wrong = compared(wire, code, holder_name="اسم آخر", number="77/1")
    empty = compared(wire, code, holder_name=" ")

    assert (reason_of(right), look_of(right)) == ("in_force_fields_match", "good")
    assert right.text.count('class="answer-yes"') >= 3
    assert (reason_of(wrong), look_of(wrong)) == ("content_mismatch", "bad")
    # The visitor's own words stay in her form; the record's do not come.
    assert "اسم آخر" in wrong.text
    assert NAME not in wrong.text
    assert reason_of(empty) == "in_force_paper_not_compared"
    assert "Fill in at least one field." in empty.text


def test_typed_values_are_written_as_text(wire: Wire, agency: Agency) -> None:
    page = compared(wire, asking.issued(agency), holder_name='"><script>alert(1)</script>')

    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


def test_guessing_is_slowed_down_in_words(wire: Wire, agency: Agency) -> None:
    code = asking.issued(agency)

    pages = [compared(wire, code, holder_name=f"name {turn}") for turn in range(40)]

    last = pages[-1]
    assert last.status_code == 429
    assert last.headers["content-type"] == "text/html; charset=utf-8"
    assert int(last.headers["retry-after"]) > 0
    assert translate("en", "problem.rate_limited.title") in last.text


@pytest.mark.parametrize(
    "body,kind,status",
    [
        (b"code=" + b"A" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"&".join([b"a=b"] * 60), "application/x-www-form-urlencoded", 422),
        (b"code=%ff%fe", "application/x-www-form-urlencoded", 422),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 422),
        (b"{}", "application/json", 415),
        (b"", "", 415),
    ],
)
def test_a_form_that_is_none_is_refused_in_words(
    wire: Wire, body: bytes, kind: str, status: int
) -> None:
    answer = wire.http.post("/ar/v", content=body, headers={"Content-Type": kind})

    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="ar" dir="rtl">' in answer.text


def test_nothing_of_what_people_bring_is_logged(wire: Wire, agency: Agency) -> None:
    code = asking.issued(agency)
    secret = "اسم لا يكتب في سجل"
    compared(wire, code, holder_name=secret)
    opened(wire, f"/en/v/{code}")
    wire.http.post("/en/v", data={"code": "typed-by-mistake"})

    said = "\n".join(wire.served.talk)
    assert [one for one in (code, secret, "typed-by-mistake") if one in said] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_anybody_reports_a_suspected_forgery_without_a_name(
    wire: Wire, agency: Agency, language: str
) -> None:
    code = asking.issued(agency)
    asked = opened(wire, f"/{language}/v/{code}")
    assert f'action="/{language}/v/{code}/report"' in asked.text

    page = wire.http.post(f"/{language}/v/{code}/report", data={"kind": "code_copied"})

    assert page.status_code == 200
    assert translate(language, "page.report.taken") in page.text
    told = asking.read(wire, agency, "/v1/forgery-reports", code=code).json()["items"]
    assert [item["kind"] for item in told] == ["code_copied"]


@pytest.mark.parametrize(
    "form", [{"kind": ""}, {"kind": "anything"}, {"kind": "other", "name": "x"}]
)
def test_a_report_is_a_word_from_the_list(wire: Wire, agency: Agency, form: dict[str, str]) -> None:
    page = wire.http.post(f"/ckb/v/{asking.issued(agency)}/report", data=form)

    assert page.status_code == (200 if form.get("kind") == "other" else 422)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
