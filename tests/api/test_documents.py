"""Documents over HTTP: for the agency, or for whoever holds the secret; never for a bare code."""

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.api.asking import issued, read, signed_headers
from tests.api.talking import Wire, on, revoke
from tests.serving import Agency

SECRET = "holder-secret-0001"


def document(wire: Wire, code: str, **headers: str) -> httpx2.Response:
    """As somebody without a key asks."""
    wire.served.settle()
    return wire.get(f"/v1/certificates/{code}/document", **headers)


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    "form, begins", [("pdf", b"%PDF-1.7"), ("png", b"\x89PNG"), ("svg", b"<svg")]
)
def test_the_agency_prints_its_certificates(
    wire: Wire, agency: Agency, form: str, begins: bytes
) -> None:
    code = issued(agency)
    answer = read(wire, agency, f"/v1/certificates/{code}/document", format=form)

    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(begins)
    assert answer.headers["cache-control"] == "private, no-store"
    assert f".{form}" in answer.headers["content-disposition"]


@pytest.mark.parametrize("form", ["pdf", "png"])
def test_letters_that_no_font_has_are_refused_in_words(
    wire: Wire, agency: Agency, form: str
) -> None:
    code = issued(agency, values={"holder_name": "Иванов"})
    answer = read(wire, agency, f"/v1/certificates/{code}/document", format=form)

    assert code_of(answer) == (422, "text_unprintable")
    assert "Иванов" not in answer.text


def test_a_certificate_of_more_than_one_page_is_no_picture(wire: Wire, agency: Agency) -> None:
    long = ("نص طويل " * 240).strip()
    code = issued(agency, values={"holder_name": long, "supported_fact": long})
    path = f"/v1/certificates/{code}/document"

    for form in ("png", "svg"):
        assert code_of(read(wire, agency, path, format=form)) == (422, "document_of_pages")
    assert read(wire, agency, path, format="pdf").content.startswith(b"%PDF")


def test_documents_are_made_at_once(wire: Wire, agency: Agency) -> None:
    codes = [issued(agency) for _ in range(8)]
    wire.served.settle()

    def asked(code: str) -> int:
        secret = {"sijill-holder-secret": SECRET}
        return wire.get(f"/v1/certificates/{code}/document", **secret).status_code

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(asked, codes)) == {200}


def test_the_holder_prints_it_with_the_secret(wire: Wire, agency: Agency) -> None:
    code = issued(agency)
    answer = document(wire, code, **{"sijill-holder-secret": SECRET})
    theirs = read(wire, agency, f"/v1/certificates/{code}/document")

    assert answer.status_code == 200, answer.text
    assert answer.content == theirs.content, "the same certificate has the same bytes"


def test_a_secret_in_any_letters_is_the_holder_s(wire: Wire, agency: Agency) -> None:
    secret = "سرّ صاحب الوثيقة ١٢٣٤"
    code = issued(agency, values={"holder_secret": secret})
    wire.served.settle()

    def asked(said: bytes) -> int:
        headers = {b"Sijill-Holder-Secret": said}
        return wire.http.get(f"/v1/certificates/{code}/document", headers=headers).status_code

    assert asked(secret.encode()) == 200
    assert asked(secret.encode()[:-1]) == 404


def test_what_is_held_already_is_not_sent_again(wire: Wire, agency: Agency) -> None:
    code = issued(agency)
    secret = {"sijill-holder-secret": SECRET}
    tag = document(wire, code, **secret).headers["etag"]
    assert document(wire, code, **secret, **{"if-none-match": tag}).status_code == 304


def test_a_bare_code_opens_nothing(wire: Wire, agency: Agency) -> None:
    assert code_of(document(wire, issued(agency))) == (401, "signature_missing")


def test_whoever_may_not_is_told_what_an_unknown_code_is_told(
    wire: Wire, agency: Agency, stranger: Agency
) -> None:
    code = issued(agency)
    unknown = code_of(document(wire, "0" * 16 + "0", **{"sijill-holder-secret": SECRET}))
    assert unknown == (404, "certificate_unknown")
    for secret in ("holder-secret-0002", "", "x" * 300):
        assert code_of(document(wire, code, **{"sijill-holder-secret": secret})) == unknown
    assert code_of(read(wire, stranger, f"/v1/certificates/{code}/document")) == unknown
    both = signed_headers(stranger, f"/v1/certificates/{code}/document")
    assert code_of(document(wire, code, **both, **{"sijill-holder-secret": "no"})) == unknown


def test_secrets_cannot_be_guessed_for_long(wire: Wire, agency: Agency) -> None:
    code = issued(agency)
    answers = {
        code_of(document(wire, code, **{"sijill-holder-secret": f"guess {n}"})) for n in range(40)
    }
    assert (429, "rate_limited") in answers


def test_what_is_not_in_force_is_not_printed(wire: Wire, agency: Agency) -> None:
    suspended, revoked = issued(agency), issued(agency)
    on(agency.client, "suspend", suspended, "suspension", reason="under_review")
    revoke(agency, revoked)

    for code in (suspended, revoked):
        answer = read(wire, agency, f"/v1/certificates/{code}/document")
        assert code_of(answer) == (409, "document_not_in_force")
