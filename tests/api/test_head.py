"""HEAD, as monitors and link checkers ask: the head of the answer to GET, and nothing after it."""

import pytest

from tests.api.asking import signed_headers
from tests.api.talking import Wire
from tests.serving import Agency

# What differs from one request to the next, or from one moment to the next.
OWN = {"x-request-id", "date"}


@pytest.mark.parametrize("path", ["/livez", "/v1/ledger", "/docs", "/openapi.json", "/nowhere"])
def test_head_has_the_head_of_get_and_no_body(wire: Wire, path: str) -> None:
    got = wire.get(path)
    head = wire.http.head(path)

    assert head.status_code == got.status_code
    assert head.content == b""
    names = {*got.headers, *head.headers} - OWN
    assert [n for n in names if got.headers.get(n) != head.headers.get(n)] == []
    assert int(head.headers["content-length"]) == len(got.content) > 0
    # The connection goes on: nothing that belongs to this answer stands before the next.
    assert wire.get("/livez").text == "ok\n"


def test_head_of_a_verdict_and_of_a_signed_read(wire: Wire, agency: Agency) -> None:
    code = agency.issue()["code"]
    wire.verdict(code)

    assert wire.http.head(f"/v1/verify/{code}").headers["etag"]
    headers = signed_headers(agency, "/v1/orders")
    assert wire.http.head("/v1/orders", headers=headers).status_code == 200
    assert wire.http.head("/v1/orders").status_code == 401


def test_head_of_what_only_takes_a_post_is_refused(wire: Wire) -> None:
    answer = wire.http.head("/v1/certificates/bulk/check")

    assert answer.status_code == 405
    assert answer.content == b""
