import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import orders, reads
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import public_of
from infrastructure.proofs.signing import sign_read
from tests.infrastructure.proofs.samples import (
    AGENCY_KEY,
    CREATED,
    EXPIRES,
    LEDGER,
    NOW_US,
    OFFICER_KEY,
    single,
)

PATH = "/v1/certificates"
QUERY = "agency=moj&name=%D8%B3%D8%AC%D9%84"


def signed(query: str = QUERY, path: str = PATH) -> dict[str, str]:
    return sign_read(
        AGENCY_KEY, path=path, query=query, ledger=LEDGER, created=CREATED, expires=EXPIRES
    )


HEADERS = signed()


@pytest.mark.parametrize("query", ["", QUERY, "a=b?c=/d", "from=0&to=10"])
def test_a_signed_read_reads_as_it_was_signed_and_verifies(query: str) -> None:
    read = reads.parse_read("GET", PATH, query, signed(query).items())
    assert (read.method, read.path, read.query, read.ledger) == ("GET", PATH, query, LEDGER)
    assert (read.created, read.expires, read.tag) == (CREATED, EXPIRES, reads.READ_TAG)
    read.check_ledger(LEDGER)
    read.check_time(NOW_US, life_seconds=reads.READ_LIFE_SECONDS)
    read.check_signature(public_of(AGENCY_KEY))


def test_another_resource_method_or_key_does_not_verify() -> None:
    for method, path, query in (
        ("HEAD", PATH, QUERY),
        ("GET", PATH + "/X", QUERY),
        ("GET", PATH, QUERY + "&x=1"),
        ("GET", PATH, ""),
    ):
        read = reads.parse_read(method, path, query, HEADERS.items())
        with pytest.raises(ProofError, match="signature_invalid"):
            read.check_signature(public_of(AGENCY_KEY))
    read = reads.parse_read("GET", PATH, QUERY, HEADERS.items())
    with pytest.raises(ProofError, match="signature_invalid"):
        read.check_signature(public_of(OFFICER_KEY))


@pytest.mark.parametrize("query", ["a b", "a#b", "%", "%4", "%zz", "é", "a\nb", "x" * 4097, '"'])
def test_a_query_is_spelt_as_rfc_3986_says(query: str) -> None:
    with pytest.raises(ProofError):
        reads.parse_read("GET", PATH, query, HEADERS.items())


def test_each_missing_header_has_its_code() -> None:
    for name, code in (
        ("Signature", "signature_missing"),
        ("Signature-Input", "signature_missing"),
        ("Sijill-Ledger", "order_malformed"),
    ):
        headers = {k: v for k, v in HEADERS.items() if k != name}
        with pytest.raises(ProofError) as caught:
            reads.parse_read("GET", PATH, QUERY, headers.items())
        assert caught.value.code == code


def test_an_order_is_no_read_and_a_read_is_no_order() -> None:
    order = single()
    with pytest.raises(ProofError, match="signature_malformed"):
        reads.parse_read("POST", order.request.path, "", order.headers.items())
    mixed = {**order.headers, **HEADERS}
    with pytest.raises(ProofError, match="signature_malformed"):
        orders.parse_request("POST", PATH, mixed.items())
    renamed = HEADERS["Signature-Input"].replace(reads.READ_TAG, orders.ORDER_TAG)
    with pytest.raises(ProofError, match="tag_unknown"):
        reads.parse_read("GET", PATH, QUERY, {**HEADERS, "Signature-Input": renamed}.items())


@given(st.text(max_size=60), st.binary(max_size=70))
def test_any_base_is_a_read_or_a_refusal(base: str, signature: bytes) -> None:
    with pytest.raises(ProofError):
        reads.parse_read_base(base, signature)


def test_nothing_outside_the_profile_is_signed() -> None:
    with pytest.raises(ProofError, match="order_malformed"):
        signed(query="a b")
    with pytest.raises(ProofError, match="order_malformed"):
        signed(path="/v1/%61")
