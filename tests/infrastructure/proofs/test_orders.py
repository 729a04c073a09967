import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import orders
from infrastructure.proofs.base64text import encode
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import public_of
from infrastructure.proofs.signing import Cover, envelope, sign_approval, sign_order
from tests.infrastructure.proofs.samples import (
    AGENCY_KEY,
    CREATED,
    EXPIRES,
    LEDGER,
    NOW_US,
    OFFICER_KEY,
    PATH,
    STRANGER_KEY,
    head,
    single,
    statement,
)

SINGLE = single()
HEADERS = SINGLE.headers
SECOND_US = 1_000_000


def parse(headers: dict[str, str], method: str = "POST", path: str = PATH) -> orders.SignedRequest:
    return orders.parse_request(method, path, headers.items())


def refusal(headers: dict[str, str], method: str = "POST", path: str = PATH) -> str:
    with pytest.raises(ProofError) as caught:
        parse(headers, method, path)
    return caught.value.code


def altered(name: str, old: str, new: str) -> dict[str, str]:
    assert old in HEADERS[name]
    return {**HEADERS, name: HEADERS[name].replace(old, new)}


def bulk(count: int, *, atomic: bool = False) -> Any:
    lines = [envelope(statement(number)) for number in range(count)]
    return sign_order(AGENCY_KEY, head(), lines, content_type=orders.NDJSON, atomic=atomic)


def test_a_signed_order_reads_as_it_was_signed_and_verifies() -> None:
    request = parse(HEADERS)
    assert request == SINGLE.request
    assert (request.method, request.path, request.content_type) == ("POST", PATH, orders.JSON)
    assert (request.created, request.expires, request.ledger) == (CREATED, EXPIRES, LEDGER)
    assert (request.idempotency_key, request.tag) == ("A" * 22, orders.ORDER_TAG)
    assert (request.lines, request.atomic) == (1, False)
    assert request.keyid == public_of(AGENCY_KEY).thumbprint
    request.check_signature(public_of(AGENCY_KEY))
    orders.check_body(request, SINGLE.body)
    (line,) = orders.parse_lines(request, SINGLE.body)
    assert line.statement == statement()
    assert line.digest == request.root
    assert line.raw == SINGLE.body


def test_header_names_come_in_any_case_and_strangers_are_ignored() -> None:
    pairs = [(name.upper(), value) for name, value in HEADERS.items()]
    others = [("Accept", "a"), ("accept", "b"), ("User-Agent", "curl")]
    assert orders.parse_request("POST", PATH, [*others, *pairs]) == SINGLE.request


def test_parameters_come_in_any_order_and_are_signed_as_they_came() -> None:
    inner, created, expires, keyid, tag = HEADERS["Signature-Input"].split(";")
    other = f"{inner};{tag};{expires};{keyid};{created}"
    request = parse({**HEADERS, "Signature-Input": other})
    assert request.base.decode().endswith(other.removeprefix("sijill="))
    with pytest.raises(ProofError, match="signature_invalid"):
        request.check_signature(public_of(AGENCY_KEY))


def test_the_label_is_free_and_not_signed() -> None:
    headers = {name: value.replace("sijill=", "x.y-9*=") for name, value in HEADERS.items()}
    assert parse(headers) == SINGLE.request


@pytest.mark.parametrize("key", [STRANGER_KEY, OFFICER_KEY])
def test_another_key_than_the_named_one_is_refused(key: Any) -> None:
    with pytest.raises(ProofError, match="signature_invalid"):
        SINGLE.request.check_signature(public_of(key))


@pytest.mark.parametrize("name", ["Signature", "Signature-Input"])
def test_an_unsigned_request_is_told_so(name: str) -> None:
    assert refusal({k: v for k, v in HEADERS.items() if k != name}) == "signature_missing"


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("Signature-Input", '("@method" "@path"', '("@path" "@method"'),
        ("Signature-Input", '("@method" ', "("),
        ("Signature-Input", ' "sijill-statement")', ")"),
        ("Signature-Input", '"sijill-statement")', '"sijill-statement" "date")'),
        ("Signature-Input", '"content-type"', '"content-type";sf'),
        ("Signature-Input", '"@method"', '"@method";req'),
        ("Signature-Input", '" "', '"  "'),
        ("Signature-Input", ";created", "; created"),
        ("Signature-Input", ";tag=", ';alg="ed25519";tag='),
        ("Signature-Input", ";tag=", ';nonce="n";tag='),
        ("Signature-Input", ";tag=", ";created=1;tag="),
        ("Signature-Input", f";created={CREATED}", ""),
        ("Signature-Input", f";expires={EXPIRES}", ""),
        ("Signature-Input", f"created={CREATED}", f"created=0{CREATED}"),
        ("Signature-Input", f"created={CREATED}", f"created=-{CREATED}"),
        ("Signature-Input", f"created={CREATED}", f"created={CREATED}.0"),
        ("Signature-Input", f"created={CREATED}", f'created="{CREATED}"'),
        ("Signature-Input", f"created={CREATED}", f"created={'9' * 16}"),
        ("Signature-Input", f"created={CREATED}", f"created={EXPIRES + 1}"),
        ("Signature-Input", f"expires={EXPIRES}", "expires=١"),
        ("Signature-Input", 'keyid="', 'keyid="A'),
        ("Signature-Input", 'tag="', 'tag="A'),
        ("Signature-Input", "sijill=", "Sijill="),
        ("Signature-Input", "sijill=", "other="),
        ("Signature-Input", "sijill=", ""),
        ("Signature", "sijill=", "other="),
        ("Signature", "=:", "="),
        ("Signature", "==:", ":"),
        ("Signature", ":", "::"),
        ("Signature", "sijill=:", "sijill=:AAAA"),
    ],
)
def test_signatures_outside_the_profile_are_malformed(name: str, old: str, new: str) -> None:
    assert refusal(altered(name, old, new)) == "signature_malformed"


def test_two_signatures_are_malformed() -> None:
    given_twice = ", other=".join([HEADERS["Signature-Input"]] * 2)
    made_twice = ", other=".join([HEADERS["Signature"]] * 2)
    both = {**HEADERS, "Signature-Input": given_twice, "Signature": made_twice}
    assert refusal(both) == "signature_malformed"


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_a_header_that_comes_twice_is_refused(name: str) -> None:
    with pytest.raises(ProofError, match="order_malformed"):
        orders.parse_request("POST", PATH, [*HEADERS.items(), (name.lower(), HEADERS[name])])


@pytest.mark.parametrize("name", ["Content-Digest", "Idempotency-Key", "Sijill-Ledger"])
def test_a_missing_header_is_named(name: str) -> None:
    with pytest.raises(ProofError, match=f"order_malformed: {name.lower()} missing"):
        parse({k: v for k, v in HEADERS.items() if k != name})


@pytest.mark.parametrize(
    "name, value",
    [
        ("Sijill-Ledger", LEDGER.hex().upper()),
        ("Sijill-Ledger", LEDGER.hex()[:-2]),
        ("Sijill-Ledger", f'"{LEDGER.hex()}"'),
        ("Idempotency-Key", "A" * 22),
        ("Idempotency-Key", f'"{"A" * 21}"'),
        ("Idempotency-Key", f'"{"A" * 65}"'),
        ("Idempotency-Key", f'"{"A" * 22}.*"'),
        ("Content-Digest", f"sha-512=:{encode(bytes(64))}:"),
        ("Content-Digest", f"SHA-256=:{encode(bytes(32))}:"),
        ("Content-Digest", f"sha-256=:{encode(bytes(31))}:"),
        ("Content-Digest", f"sha-256=:{'A' * 42}B=:"),
        ("Content-Digest", f"sha-256=:{encode(bytes(32))}:, sha-512=:{encode(bytes(64))}:"),
        ("Sijill-Statement", f"sha-256=:{encode(bytes(32))}:"),
        ("Sijill-Statement", f"sha-256=:{encode(bytes(32))}:;lines=0"),
        ("Sijill-Statement", f"sha-256=:{encode(bytes(32))}:;lines=01"),
        ("Sijill-Statement", f"sha-256=:{encode(bytes(32))}:;lines=10001"),
        ("Sijill-Statement", f"sha-256=:{encode(bytes(32))}:;lines=99999"),
        ("Sijill-Statement", f"sha-256=:{encode(bytes(32))}:;lines=1;atomic=?1"),
        ("Sijill-Statement", f"sha-256=:{encode(bytes(32))}:;atomic;lines=1"),
        ("Sijill-Statement", f"sha-256=:{encode(bytes(32))}:; lines=1"),
        ("Sijill-Statement", f"sha-256=:{'A' * 42}B=:;lines=1"),
    ],
)
def test_headers_have_one_spelling(name: str, value: str) -> None:
    assert refusal({**HEADERS, name: value}) == "order_malformed"


@pytest.mark.parametrize(
    "value",
    [
        "application/json; charset=utf-8",
        "application/json;charset=utf-8",
        "Application/JSON",
        "application/x-ndjson ",
        "text/json",
        "",
    ],
)
def test_other_content_types_are_refused(value: str) -> None:
    assert refusal({**HEADERS, "Content-Type": value}) == "content_type_unsupported"


@pytest.mark.parametrize("coding", ["gzip", "identity", ""])
def test_a_body_is_sent_as_it_was_signed(coding: str) -> None:
    assert refusal({**HEADERS, "Content-Encoding": coding}) == "content_encoding_unsupported"


@pytest.mark.parametrize("tag", ["sijill-read-v1", "sijill-order-v2", "other"])
def test_unknown_tags_are_refused(tag: str) -> None:
    assert refusal(altered("Signature-Input", orders.ORDER_TAG, tag)) == "tag_unknown"


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "v1", "/v1/", "//v1", "/v1/../v2", "/v1/.", "https://host/v1"),
        *("/v1/%61", "/v1/a b", "/v1?x=1", "/v1\n", "/v1/é", "/v1;a=1", "/v1/a:b"),
        *("/" + "a" * 129, "/a" * 17),
    ],
)
def test_a_path_has_one_spelling(path: str) -> None:
    assert refusal(HEADERS, path=path) in {"order_malformed", "signature_malformed"}


@pytest.mark.parametrize("method", ["post", "", "P OST", "POST\n", "POST\nX"])
def test_a_method_has_one_spelling(method: str) -> None:
    assert refusal(HEADERS, method=method) in {"order_malformed", "signature_malformed"}


def test_an_order_has_no_query() -> None:
    with pytest.raises(ProofError, match="order_malformed"):
        orders.parse_request("POST", PATH, HEADERS.items(), query="dry_run=true")


@pytest.mark.parametrize("name", sorted(HEADERS))
@given(data=st.data())
def test_no_change_of_any_header_verifies(name: str, data: st.DataObject) -> None:
    value = HEADERS[name]
    position = data.draw(st.integers(0, len(value)))
    cut = data.draw(st.integers(0, 2))
    inserted = data.draw(st.text(max_size=2) | st.text('AZaz09:;="-_/+ ,\n', max_size=2))
    changed = value[:position] + inserted + value[position + cut :]
    if changed == value:
        return
    with pytest.raises(ProofError):
        parse({**HEADERS, name: changed}).check_signature(public_of(AGENCY_KEY))


@given(st.text(max_size=80), st.binary(max_size=70))
def test_any_base_is_an_order_or_a_refusal(base: str, signature: bytes) -> None:
    with pytest.raises(ProofError):
        orders.parse_signed_base(base, signature)


def test_times_are_judged_with_their_own_codes() -> None:
    request = SINGLE.request
    life = orders.ORDER_LIFE_SECONDS
    for now_us in (
        NOW_US,
        (CREATED - 300) * SECOND_US,
        EXPIRES * SECOND_US,
    ):
        request.check_time(now_us, life_seconds=life)
    for now_us, limit, code in (
        ((CREATED - 300) * SECOND_US - 1, life, "order_in_future"),
        (EXPIRES * SECOND_US + 1, life, "order_expired"),
        (NOW_US, 599, "order_too_long"),
    ):
        with pytest.raises(ProofError) as caught:
            request.check_time(now_us, life_seconds=limit)
        assert caught.value.code == code


def test_an_order_for_another_ledger_is_refused() -> None:
    SINGLE.request.check_ledger(LEDGER)
    with pytest.raises(ProofError, match="ledger_mismatch"):
        SINGLE.request.check_ledger(bytes(32))


def test_an_altered_body_is_refused_by_its_digest() -> None:
    with pytest.raises(ProofError, match="content_digest_mismatch"):
        orders.check_body(SINGLE.request, SINGLE.body + b" ")


def test_a_body_is_bounded() -> None:
    with pytest.raises(ProofError, match="body_too_large"):
        orders.check_body(SINGLE.request, bytes(orders.BODY_LIMIT_BYTES + 1))


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_a_bulk_reads_line_by_line(count: int) -> None:
    signed = bulk(count, atomic=True)
    request = parse(signed.headers)
    assert (request.lines, request.atomic) == (count, True)
    orders.check_body(request, signed.body)
    lines = orders.parse_lines(request, signed.body)
    assert [line.statement for line in lines] == [statement(n) for n in range(count)]
    assert b"".join(line.raw + b"\n" for line in lines) == signed.body


def test_a_statement_changed_under_an_honest_digest_is_refused_by_the_root() -> None:
    signed = bulk(3)
    for body in (
        signed.body.replace(b'"number":"1"', b'"number":"9"'),
        b"".join(reversed(signed.body.splitlines(keepends=True))),
    ):
        with pytest.raises(ProofError, match="statement_mismatch"):
            orders.parse_lines(signed.request, body)


def test_lines_are_counted_before_they_are_cut() -> None:
    """A list of so many pieces takes a hundred times as much as the body itself."""
    signed, body = bulk(3), b"\n" * 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(ProofError, match="lines_mismatch"):
            orders.parse_lines(signed.request, body)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < len(body)


def test_the_number_of_lines_is_signed() -> None:
    signed = bulk(3)
    first, *others = signed.body.splitlines(keepends=True)
    for body in (first, signed.body + first, signed.body + b"\n", signed.body[:-1], b""):
        with pytest.raises(ProofError, match="lines_mismatch"):
            orders.parse_lines(signed.request, body)
    with pytest.raises(ProofError, match="lines_mismatch"):
        orders.parse_lines(
            parse({**signed.headers, "Content-Type": orders.JSON}), first.rstrip(b"\n")
        )
    assert len(others) == 2


def test_a_bad_line_is_named() -> None:
    signed = bulk(3)
    body = signed.body.replace(b'"number":"1"', b'"number":1.0')
    with pytest.raises(ProofError, match="json_number: line 1:"):
        orders.parse_lines(signed.request, body)


def test_a_single_order_may_end_in_a_line_feed_or_not() -> None:
    request = SINGLE.request
    assert orders.parse_lines(request, SINGLE.body + b"\n")[0].statement == statement()


def test_an_approval_covers_the_orders_statements_with_an_empty_object() -> None:
    order = bulk(3).request
    approval = sign_approval(
        OFFICER_KEY,
        head("B" * 22, path="/v1/orders/0190f0a0-0000-7000-8000-000000000000/approval"),
        Cover(order.root, order.lines, order.atomic),
    )
    request = orders.parse_request("POST", approval.request.path, approval.headers.items())
    request.check_signature(public_of(OFFICER_KEY))
    orders.check_body(request, b"{}")
    assert (request.tag, request.root, request.lines) == (orders.APPROVAL_TAG, order.root, 3)
    with pytest.raises(ProofError, match="content_digest_mismatch"):
        orders.check_body(request, b"{ }")


def test_an_approval_with_another_body_is_malformed() -> None:
    with pytest.raises(ProofError, match="order_malformed"):
        sign_order(AGENCY_KEY, head(), [envelope(statement())], tag=orders.APPROVAL_TAG)


def test_an_idempotency_key_is_bound_to_method_path_and_statements() -> None:
    digests = {
        SINGLE.request.request_digest,
        bulk(2).request.request_digest,
        sign_order(AGENCY_KEY, head(path="/v1/x"), [envelope(statement())]).request.request_digest,
        sign_order(AGENCY_KEY, head(method="PUT"), [envelope(statement())]).request.request_digest,
    }
    assert len(digests) == 4
    later = sign_order(AGENCY_KEY, head(created=CREATED + 1), [envelope(statement())])
    assert later.request.request_digest == SINGLE.request.request_digest
