"""What a credential says is compared with its certificate before it is recorded."""

import asyncio
import contextlib
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg_pool import PoolTimeout

from api import crediting
from api.problems import Problem
from domain.certificates import CredentialCertificate
from infrastructure.proofs import credential, jwk, qr
from infrastructure.proofs.codes import generate
from infrastructure.proofs.credential import Credential
from projections import certificates
from sijill.client import Draft, Refused, credentials
from tests.api import asking
from tests.api.talking import Wire, refused
from tests.serving import Agency

BULK = "/v1/certificates/bulk"


def described(wire: Wire, agency: Agency, code: str) -> Credential:
    """What the credential of a certificate must say."""
    shown = asking.read(wire, agency, f"/v1/certificates/{code}").json()
    return credentials.describe(shown, agency.client.identity.ledger)


def draft(agency: Agency, code: str, data: bytes) -> Draft:
    public = jwk.public_of(agency.key)
    return credentials.draft(data, agency=agency.name, code=code, key=public)


def record(agency: Agency, code: str, data: bytes) -> Any:
    """Order a credential to be recorded."""
    one = draft(agency, code, data)
    return agency.client.send(agency.client.prepare(one.path, [one.envelope]))


@pytest.mark.parametrize(
    "member,changes",
    [
        ("code", {"code": generate()}),
        ("ledger", {"ledger": "00" * credential.LEDGER_BYTES}),
        ("agency", {"agency": "somebody"}),
        ("type", {"type": "degree"}),
        ("number", {"number": "1/1999"}),
        ("date", {"date": "1999-01-01"}),
        ("effective_date", {"effective_date": "1999-01-01"}),
        ("expiry_date", {"expiry_date": "2199-01-01"}),
        ("status", {"status_index": 2**20 - 1}),
        ("index", {"index": 0}),
        ("issued_at", {"issued_at": 0}),
        ("holder_name", {"fields": {0: "غيره"}}),
        ("fields", {"fields": {63: "no such field"}}),
        ("fields", {"document": "ab" * 32}),
    ],
)
def test_what_differs_from_the_certificate_is_refused_and_named(
    wire: Wire, agency: Agency, member: str, changes: dict[str, Any]
) -> None:
    code = asking.issued(agency, values=asking.LETTER)
    said = replace(described(wire, agency, code), **changes)

    with pytest.raises(Refused) as caught:
        record(agency, code, credential.sign(said, agency.key))

    assert (caught.value.status, caught.value.code) == (422, "credential_mismatch")
    assert member in caught.value.problem["detail"]
    path = f"/v1/certificates/{code}/credential"
    assert asking.read(wire, agency, path).json()["code"] == "credential_unknown"


def test_digits_of_another_script_are_the_same(wire: Wire, agency: Agency) -> None:
    """Whoever verifies compares so: a number and a value in the digits of the keyboard at hand."""
    code = asking.issued(agency, values=asking.LETTER)
    said = described(wire, agency, code)
    arabic = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    fields = {place: value.translate(arabic) for place, value in said.fields.items()}
    other = replace(said, number=said.number.translate(arabic), fields=fields)
    assert other != said

    record(agency, code, credential.sign(other, agency.key))


def test_where_there_is_no_read_model_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    async def missing(*_: object) -> object:
        raise LookupError

    monkeypatch.setattr(certificates, "by_codes", missing)
    assert asyncio.run(crediting._records(None, {"code"})) == {}


@pytest.mark.parametrize(
    "half,code", [("_signed", "store_unavailable"), ("_records", None), ("_differing", None)]
)
def test_without_keys_nothing_is_recorded_and_without_records_what_is_not_compared(
    monkeypatch: pytest.MonkeyPatch, half: str, code: str | None
) -> None:
    """Neither the key of a credential nor its certificate can be asked for."""

    async def away(*_: object) -> object:
        raise PoolTimeout

    async def records(*_: object) -> object:
        return {"code": object()}

    async def at_once(*_: object) -> object:
        return SimpleNamespace(code="code")

    monkeypatch.setattr(crediting, "_signed", at_once)
    monkeypatch.setattr(crediting, "_records", records)
    monkeypatch.setattr(crediting, half, away)
    services: Any = SimpleNamespace(
        caught_up=at_once, pool=SimpleNamespace(connection=contextlib.nullcontext)
    )
    line: Any = CredentialCertificate
    line = line.model_construct(code="code")
    work: Any = SimpleNamespace(commands={3: line, 5: line}, lines={3: None, 5: None})

    async def wrong() -> dict[int, Exception]:
        return await crediting.wrong(services, work, [3, 5])

    told = asyncio.run(wrong())

    codes = {number: isinstance(one, Problem) and one.code for number, one in told.items()}
    assert codes == (dict.fromkeys((3, 5), code) if code else {})


def test_another_key_than_the_statement_names_is_refused(wire: Wire, agency: Agency) -> None:
    code = asking.issued(agency, values=asking.LETTER)
    said = described(wire, agency, code)

    data = credential.sign(said, Ed25519PrivateKey.generate())

    assert refused(lambda: record(agency, code, data)) == (422, "credential_mismatch")


def test_what_is_no_credential_is_refused(wire: Wire, agency: Agency) -> None:
    code = asking.issued(agency, values=asking.LETTER)
    data = credential.sign(described(wire, agency, code), agency.key)

    said = replace(described(wire, agency, code), number="1")
    invisible = credential.sign(said, agency.key).replace(b"\x611", b"\x61\x07")
    for other, wrong, hint in (
        (data[:-1], "cbor_malformed", "truncated"),
        (b"\xa0", "credential_malformed", "a tagged COSE_Sign1 expected"),
        (invisible, "credential_text", "number: "),
    ):
        with pytest.raises(Refused) as caught:
            record(agency, code, other)
        assert (caught.value.status, caught.value.code) == (400, wrong)
        assert caught.value.problem["errors"] == [{"pointer": "/claims/credential", "code": wrong}]
        assert caught.value.problem["hint"].startswith(hint)


def test_in_a_bulk_the_sound_ones_are_recorded(wire: Wire, agency: Agency) -> None:
    one, other = (asking.issued(agency, values=asking.LETTER) for _ in range(2))
    sound = qr.sign_fitting(described(wire, agency, one), agency.key)
    swapped = qr.sign_fitting(described(wire, agency, one), agency.key)
    lines = [draft(agency, one, sound).envelope, draft(agency, other, swapped).envelope]

    client = agency.client
    answers: list[Any] = []
    prepared = client.prepare(BULK, lines, bulk=True, journal=False)
    client.send(prepared, on_line=answers.append, settle=False)

    assert "problem" not in answers[0]
    assert answers[1]["problem"]["code"] == "credential_mismatch"
    shown = asking.read(wire, agency, f"/v1/certificates/{one}").json()
    assert shown["originals"][0]["credential_index"] == answers[0]["index"]
    unmade = asking.read(wire, agency, f"/v1/certificates/{other}").json()
    assert unmade["originals"][0]["credential_index"] is None


def test_all_or_none_records_none(wire: Wire, agency: Agency) -> None:
    one, other = (asking.issued(agency, values=asking.LETTER) for _ in range(2))
    data = qr.sign_fitting(described(wire, agency, one), agency.key)
    lines = [draft(agency, one, data).envelope, draft(agency, other, data).envelope]

    client = agency.client
    answers: list[Any] = []
    prepared = client.prepare(BULK, lines, bulk=True, atomic=True, journal=False)
    client.send(prepared, on_line=answers.append, settle=False)

    codes = [answer["problem"]["code"] for answer in answers]
    assert codes == ["other_line_refused", "credential_mismatch"]


def test_a_body_is_told_nothing_of_another_s_certificate(
    wire: Wire, agency: Agency, stranger: Agency
) -> None:
    code = asking.issued(agency, values=asking.LETTER)
    data = credential.sign(described(wire, agency, code), stranger.key)

    assert refused(lambda: record(stranger, code, data)) == (404, "certificate_unknown")
