"""What the benchmarks send is what a client would send, as the strict parsers read it."""

from pathlib import Path

import pytest

from domain.acts import parse_command
from domain.certificates.commands import IssueCertificate
from infrastructure import keyfiles
from infrastructure.proofs import canonical, codes, disclosures, orders
from infrastructure.proofs.jwk import public_of
from sijill.bench import preparing
from sijill.bench.lines import DATE, TYPE, Lines
from sijill.bench.load import read_requests
from sijill.bench.preparing import bulks, revocation, singles
from sijill.bench.servers import Office
from sijill.client import Draft

LEDGER = bytes(range(32))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    path = tmp_path / "officer.pem"
    keyfiles.create_private_key(path)
    return Office("health", LEDGER, path)


def read(request: bytes) -> tuple[orders.SignedRequest, bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    method, path, _ = line.split()
    pairs = [(name.lower(), value) for name, value in (one.split(": ", 1) for one in headers)]
    return orders.parse_request(method, path, pairs), body


def test_a_line_says_what_a_drafted_one_would_say() -> None:
    lines = Lines("health", "2026-a")
    lines.issue()
    line = lines.issue()
    envelope = canonical.parse_envelope(line.raw, limit_bytes=orders.LINE_LIMIT_BYTES)
    drafted = Draft.issue(
        "health",
        {"deceased_name": "حامل 0000002", "death_date": DATE},
        type=TYPE,
        unit="bench",
        series="2026-a",
        number="2",
        date=DATE,
        language="ar",
    )
    theirs = canonical.parse_envelope(drafted.envelope, limit_bytes=orders.LINE_LIMIT_BYTES)

    drawn = ("claims", "code", "nonce")
    assert {k: v for k, v in envelope.parsed.items() if k not in drawn} == {
        k: v for k, v in theirs.parsed.items() if k not in drawn
    }
    values, wanted = (
        disclosures.check_claims(one.parsed["claims"], one.disclosures)
        for one in (envelope, theirs)
    )
    assert values.keys() == wanted.keys()
    assert values["deceased_name"] == wanted["deceased_name"]
    assert isinstance(parse_command(envelope.parsed), IssueCertificate)
    assert codes.parse_code(line.code) == envelope.parsed["code"]
    assert (line.statement, line.digest) == (
        envelope.statement,
        canonical.statement_digest(envelope.statement),
    )


def test_no_two_lines_share_a_code_a_number_or_a_salt() -> None:
    made = Lines("health", "a").several(500)

    assert len({line.code for line in made}) == len({line.digest for line in made}) == 500


def test_prepared_requests_are_orders_that_their_key_has_signed(
    office: Office, tmp_path: Path
) -> None:
    key = public_of(keyfiles.load_private_key(office.key))
    alone = singles(office, tmp_path / "singles", 3)
    together = bulks(office, tmp_path / "bulks", 2, 5)
    found = [read(one) for name in ("singles", "bulks") for one in read_requests(tmp_path / name)]

    for head, body in found:
        head.check_ledger(LEDGER)
        orders.check_body(head, body)
        orders.parse_lines(head, body)
        head.check_signature(key)
    assert [head.lines for head, _ in found] == [1, 1, 1, 5, 5]
    assert (len(alone), len(together)) == (3, 10)
    assert len({head.idempotency_key for head, _ in found}) == 5


def test_many_are_made_by_all_processors(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "INLINE", 100)
    made = singles(office, tmp_path / "many", 101)
    numbers = {canonical_number(request) for request in read_requests(tmp_path / "many")}

    assert (len(set(made)), len(numbers)) == (101, 101)


def test_a_revocation_names_its_certificate(office: Office) -> None:
    key = keyfiles.load_private_key(office.key)
    [line] = Lines("health", "a").several(1)
    head, body = read(revocation(office, key, line.code))

    [read_line] = orders.parse_lines(head, body)
    assert read_line.parsed["code"] == line.code
    assert parse_command(read_line.parsed).path == head.path


def canonical_number(request: bytes) -> tuple[str, str]:
    head, body = read(request)
    [line] = orders.parse_lines(head, body)
    return line.parsed["series"], line.parsed["number"]
