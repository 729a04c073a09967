"""Orders that are refused, each by its own code, and orders that are sent again."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure.proofs import canonical, signing
from infrastructure.proofs.jwk import PrivateKey, public_of
from infrastructure.proofs.orders import APPROVAL_TAG, NDJSON
from sijill.client import Prepared, Refused, commit, statement
from tests.api.talking import (
    Forged,
    Wire,
    awaited,
    colleague,
    forged,
    refusal,
    refused,
    roots_of,
    thumbprint,
    told,
)
from tests.clock import now_seconds
from tests.serving import Agency, Served, act, enrolment, issuance

DAY = 86_400


def test_what_is_forged_without_a_flaw_is_recorded(wire: Wire, agency: Agency) -> None:
    """The guard of every test below: nothing but the flaw is refused."""
    order = forged(agency)

    assert wire.post(order.path, order.headers, order.body).status_code == 201


def test_a_key_that_nobody_enrolled(wire: Wire, agency: Agency) -> None:
    order = forged(agency, key=Ed25519PrivateKey.generate())

    assert told(wire, order) == (401, "key_unknown")


def test_a_key_that_claims_to_be_another(wire: Wire, agency: Agency) -> None:
    own = public_of(agency.key).thumbprint
    order = forged(agency, key=Ed25519PrivateKey.generate(), keyid=own)

    assert told(wire, order) == (401, "signature_invalid")


def test_another_agencys_key(wire: Wire, agency: Agency, stranger: Agency) -> None:
    assert told(wire, forged(agency, key=stranger.key)) == (403, "key_foreign")


def test_a_key_without_the_scope(served: Served) -> None:
    clerk = served.agency(scopes=["administer", "register"])

    assert refused(clerk.issue) == (403, "scope_missing")


def test_a_retired_key(agency: Agency) -> None:
    leaving = colleague(agency, "officer-retired")
    name = thumbprint(leaving)
    act(agency.client, f"/v1/keys/{name}/retirement", "key.retire", key=name, reason="rotated")

    assert refused(leaving.issue) == (403, "key_retired")


def test_a_compromised_key_and_the_key_that_it_enrolled(served: Served) -> None:
    agency = served.agency()
    thief = colleague(agency, "officer-thief")
    accomplice = colleague(thief, "officer-accomplice")
    # The window reaches back to before the enrolment of the accomplice.
    before = thief.issue()["index"] - 2
    name = thumbprint(thief)
    path = f"/v1/keys/{name}/compromise"
    act(agency.client, path, "key.compromise", key=name, as_of=before, reason="stolen")

    assert refused(thief.issue) == (403, "key_compromised")
    assert refused(accomplice.issue) == (403, "key_fallen")


def test_a_key_before_and_after_its_time(served: Served, agency: Agency) -> None:
    def enrolled(**bounds: int) -> PrivateKey:
        key = Ed25519PrivateKey.generate()
        line = signing.envelope(
            statement(
                "key.enrol",
                agency.name,
                subject=agency.name,
                jwk=public_of(key).jwk,
                scopes=["issue"],
                office="registry",
                officer="officer-of-a-day",
                valid_until=now_seconds() + DAY,
                **bounds,
            )
        )
        client, path = agency.client, f"/v1/agencies/{agency.name}/keys"
        client.send(client.prepare(path, [line], cosigned=True))
        client.send(client.possess(path, line, key))
        return key

    early = Agency(served, agency.name, enrolled(not_before=now_seconds() + DAY))
    assert refused(early.issue) == (403, "key_not_yet_valid")
    late = Agency(served, agency.name, enrolled(not_after=now_seconds() + 5))

    def outlived() -> str | None:
        try:
            late.issue()
        except Refused as refusal:
            return refusal.code
        return None

    assert awaited(outlived, until=lambda code: code is not None) == "key_ended"


def test_a_body_that_was_changed_on_the_way(wire: Wire, agency: Agency) -> None:
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])
    body = prepared.body.replace(b"registry", b"Registry")

    assert refusal(wire.send(replace(prepared, body=body))) == (400, "content_digest_mismatch")


def _with_digest(prepared: Prepared, body: bytes) -> Prepared:
    """The same order with another body and that body's digest."""
    digest = Forged(key=Ed25519PrivateKey.generate(), ledger=bytes(32), body=body).headers
    headers = {**prepared.headers, "Content-Digest": digest["Content-Digest"]}
    return replace(prepared, body=body, headers=headers)


def test_a_body_changed_together_with_its_digest(wire: Wire, agency: Agency) -> None:
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])

    changed = _with_digest(prepared, prepared.body.replace(b"registry", b"register"))

    assert refusal(wire.send(changed)) == (400, "statement_mismatch")


def test_disclosures_changed_together_with_the_digest(wire: Wire, agency: Agency) -> None:
    """The statement stands, so only the signature over the digest can tell."""
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])
    envelope = json.loads(prepared.body)
    envelope["disclosures"].reverse()
    body = signing.envelope(canonical.dumps(envelope["statement"]), envelope["disclosures"])

    assert refusal(wire.send(_with_digest(prepared, body))) == (401, "signature_invalid")


@pytest.mark.parametrize(
    "name,change,expected",
    [
        ("Idempotency-Key", lambda _: f'"{"A" * 43}"', (401, "signature_invalid")),
        ("Sijill-Statement", lambda v: v.replace("lines=1", "lines=2"), (400, "lines_mismatch")),
        ("Sijill-Statement", lambda v: f"{v};atomic", (401, "signature_invalid")),
        ("Sijill-Statement", lambda v: v.replace(";", "; "), (400, "order_malformed")),
        ("Sijill-Ledger", lambda v: v.upper(), (400, "order_malformed")),
        ("Content-Type", lambda v: f"{v};charset=utf-8", (415, "content_type_unsupported")),
        ("Signature", lambda v: v.replace("==:", "=:"), (400, "signature_malformed")),
        ("Signature-Input", lambda v: v.replace("order-v1", "read-v1"), (400, "tag_unknown")),
        (
            "Signature-Input",
            lambda v: v.replace("order-v1", "approval-v1"),
            (400, "tag_unknown"),
        ),
    ],
)
def test_an_altered_header(
    wire: Wire,
    agency: Agency,
    name: str,
    change: Callable[[str], str],
    expected: tuple[int, str],
) -> None:
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])

    assert refusal(wire.send(prepared, **{name: change(prepared.headers[name])})) == expected


def test_an_altered_signature(wire: Wire, agency: Agency) -> None:
    client = agency.client
    one = client.prepare("/v1/certificates", [issuance(agency.name)])
    other = client.prepare("/v1/certificates", [issuance(agency.name)])

    assert refusal(wire.send(one, Signature=other.headers["Signature"])) == (
        401,
        "signature_invalid",
    )


@pytest.mark.parametrize("name", ["Signature", "Signature-Input"])
def test_no_signature(wire: Wire, agency: Agency, name: str) -> None:
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])
    headers = {key: value for key, value in prepared.headers.items() if key != name}

    answer = wire.post(prepared.path, headers, prepared.body)

    assert refusal(answer) == (401, "signature_missing")
    assert answer.headers["www-authenticate"].startswith("Signature")


@pytest.mark.parametrize(
    "name", ["Content-Digest", "Idempotency-Key", "Sijill-Ledger", "Sijill-Statement"]
)
def test_a_covered_header_that_is_missing(wire: Wire, agency: Agency, name: str) -> None:
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])
    headers = {key: value for key, value in prepared.headers.items() if key != name}

    assert refusal(wire.post(prepared.path, headers, prepared.body)) == (400, "order_malformed")


def test_a_header_that_comes_twice(wire: Wire, agency: Agency) -> None:
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])
    twice = [*prepared.headers.items(), ("Sijill-Ledger", "00" * 32)]

    answer = wire.http.post(prepared.path, headers=twice, content=prepared.body)

    assert refusal(answer) == (400, "order_malformed")


def test_a_query(wire: Wire, agency: Agency) -> None:
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])

    answer = wire.post(f"{prepared.path}?at=1", prepared.headers, prepared.body)

    assert refusal(answer) == (400, "order_malformed")


def test_an_encoding(wire: Wire, agency: Agency) -> None:
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])

    assert refusal(wire.send(prepared, **{"Content-Encoding": "gzip"})) == (
        415,
        "content_encoding_unsupported",
    )


def test_another_statement_under_the_root_that_was_signed(wire: Wire, agency: Agency) -> None:
    order = forged(agency, root=roots_of(issuance(agency.name)))

    assert told(wire, order) == (400, "statement_mismatch")


def test_a_line_more_or_less_than_was_signed(wire: Wire, agency: Agency) -> None:
    line = issuance(agency.name)
    changes = {"path": "/v1/certificates/bulk", "content_type": NDJSON}
    for body, lines in ((line + b"\n", 2), ((line + b"\n") * 2, 1), (line, 1)):
        order = forged(agency, body, lines=lines, **changes)
        assert told(wire, order) == (400, "lines_mismatch")


def test_an_expired_order(wire: Wire, agency: Agency) -> None:
    order = forged(agency, created=now_seconds() - 900, life=600)

    assert told(wire, order) == (401, "order_expired")


def test_an_order_from_the_future(wire: Wire, agency: Agency) -> None:
    assert told(wire, forged(agency, created=now_seconds() + 900)) == (401, "order_in_future")


def test_an_order_that_would_live_too_long(wire: Wire, agency: Agency) -> None:
    assert told(wire, forged(agency, life=3601)) == (400, "order_too_long")
    assert told(wire, forged(agency, life=31 * DAY)) == (400, "order_too_long")


def test_an_order_for_another_ledger(wire: Wire, agency: Agency) -> None:
    assert told(wire, forged(agency, ledger=bytes(32))) == (400, "ledger_mismatch")


def test_a_statement_on_the_path_of_another_act(wire: Wire, agency: Agency) -> None:
    assert told(wire, forged(agency, path="/v1/agencies")) == (422, "path_mismatch")


def test_a_statement_on_the_path_of_another_record(wire: Wire, agency: Agency) -> None:
    code, other = agency.issue()["code"], agency.issue()["code"]
    line = signing.envelope(
        statement("certificate.revoke", agency.name, code=code, reason="decision")
    )

    order = forged(agency, line, path=f"/v1/certificates/{other}/revocation")

    assert told(wire, order) == (422, "path_mismatch")


def test_prefer_wait_answers_when_a_checkpoint_covers_the_act(wire: Wire, agency: Agency) -> None:
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])

    answer = wire.send(prepared, Prefer="respond-async, wait=25")

    assert answer.headers["preference-applied"] == "wait=25"
    assert answer.json()["covered"] is True
    checkpoint = wire.get(answer.json()["checkpoint"])
    assert checkpoint.status_code == 200
    assert int(checkpoint.text.splitlines()[1]) > answer.json()["index"]


@pytest.mark.parametrize("value", ["wait=", "wait=-1", "wait=²", "wait=1.5", "wait=x", ",;="])
def test_a_preference_that_says_nothing_is_passed_over(
    wire: Wire, agency: Agency, value: str
) -> None:
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])
    headers = {**prepared.headers, "Prefer": value}

    answer = wire.http.post(
        prepared.path,
        headers=[(name.encode(), text.encode("latin-1")) for name, text in headers.items()],
        content=prepared.body,
    )

    assert answer.status_code == 201
    assert "preference-applied" not in answer.headers


def test_possession_by_another_key_than_the_one_that_is_enrolled(agency: Agency) -> None:
    client, path = agency.client, f"/v1/agencies/{agency.name}/keys"
    line = enrolment(agency.name, agency.name, Ed25519PrivateKey.generate(), ["issue"])
    client.send(client.prepare(path, [line], cosigned=True))

    other = client.possess(path, line, Ed25519PrivateKey.generate())

    assert refused(lambda: client.send(other)) == (403, "possession_mismatch")


def test_possession_of_what_nobody_ordered(agency: Agency) -> None:
    key = Ed25519PrivateKey.generate()
    client, path = agency.client, f"/v1/agencies/{agency.name}/keys"
    line = enrolment(agency.name, agency.name, key, ["issue"])

    assert refused(lambda: client.send(client.possess(path, line, key))) == (404, "order_unknown")


def test_keys_of_both_kinds_sign(agency: Agency) -> None:
    key = generate_private_key(SECP256R1())
    client, path = agency.client, f"/v1/agencies/{agency.name}/keys"
    line = enrolment(agency.name, agency.name, key, ["issue"], "officer-p256")
    client.send(client.prepare(path, [line], cosigned=True))
    client.send(client.possess(path, line, key))

    assert Agency(agency.served, agency.name, key).issue()["index"] > 0


def test_an_approval_where_an_order_belongs(wire: Wire, agency: Agency) -> None:
    order = forged(agency, b"{}", tag=APPROVAL_TAG, root=bytes(32))

    assert told(wire, order) == (400, "tag_unknown")


def test_a_statement_about_values_that_did_not_come_along(wire: Wire, agency: Agency) -> None:
    claims, texts = commit(
        {"holder_name": "حامل 0002", "supported_fact": "سكن", "holder_secret": "s"}
    )
    members = json.loads(issuance(agency.name))["statement"]
    members |= {"claims": claims}
    text = canonical.dumps(members)

    short = forged(agency, signing.envelope(text, texts[:-1]))
    assert told(wire, short) == (400, "disclosure_missing")
    surplus, more = commit({"mother_name": "x"})
    del surplus
    assert told(wire, forged(agency, signing.envelope(text, [*texts, *more]))) == (
        400,
        "disclosure_surplus",
    )
