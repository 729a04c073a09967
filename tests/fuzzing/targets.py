"""Targets: a parser, good examples to begin with, and what must be so whatever it is given.

A target returns where the bytes are refused as its parser refuses, raises what a test fails by
where anything else happens, and checks what was accepted: mostly that it has one spelling.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Any
from uuid import UUID

import cbor2

from api.answers import _wait_seconds
from api.i18n import LANGUAGES, negotiate
from api.problem_pages import _prefers_json
from domain.acts import parse_command
from domain.errors import Refusal
from domain.values.comparison import fold_day, fold_presented_number, fold_value
from infrastructure.proofs import (
    canonical,
    codes,
    credential,
    cwt,
    disclosures,
    evidence,
    jwk,
    leaf,
    merkle,
    note,
    orders,
    qr,
    reads,
    signing,
    statuslist,
    tiles,
    trust,
)
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.receipts import Receipt, Rotation, VerdictNote
from tests.fuzzing import attached, captured, evidential, working
from tests.fuzzing.guest import Guest
from tests.infrastructure.proofs.samples import (
    AGENCY_KEY,
    CREATED,
    EXPIRES,
    LEDGER,
    OFFICER_KEY,
    head,
    single,
    statement,
)
from tests.infrastructure.proofs.test_receipts import LOG, RECEIPT, ROTATION, VERDICT
from tests.infrastructure.proofs.test_statuslist import DRAFT
from tests.infrastructure.proofs.test_statuslist import SIGNED as STATUS_LIST
from tests.infrastructure.proofs.vectors import load
from tests.serving import issuance

LIMIT_BYTES = 65_536
GET = b"GET /v1/agencies?limit=1 HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True, slots=True)
class Target:
    """One parser, and examples that it accepts."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


class _Asked:
    """As much of a request as the reading of one header needs."""

    def __init__(self, **headers: str) -> None:
        self.headers = headers


def _text(data: bytes) -> str:
    """Any text: bytes that are no UTF-8 become lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def _canonical(data: bytes) -> None:
    assert canonical.dumps(canonical.parse(data, limit_bytes=LIMIT_BYTES)) == data


def _json(data: bytes) -> None:
    value = canonical.parse_json(data, limit_bytes=LIMIT_BYTES, line_feeds=True)
    assert value == json.loads(data)


def _envelope(data: bytes) -> None:
    read = canonical.parse_envelope(data, limit_bytes=LIMIT_BYTES)
    assert read.statement in data
    assert canonical.dumps(read.parsed) == read.statement


def _request(data: bytes) -> None:
    """Header lines, as `name: value`, after the request line."""
    first, *lines = _text(data).split("\n")
    method, _, path = first.partition(" ")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    request = orders.parse_request(method, path, headers)
    assert orders.parse_signed_base(request.base.decode(), request.signature) == request


def _read(data: bytes) -> None:
    first, *lines = _text(data).split("\n")
    method, _, address = first.partition(" ")
    path, _, query = address.partition("?")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    request = reads.parse_read(method, path, query, headers)
    assert reads.parse_read_base(request.base.decode(), request.signature) == request


def _lines(data: bytes) -> None:
    request = replace(_bulk(), lines=data.count(b"\n"), content_digest=sha256(data).digest())
    orders.check_body(request, data)
    assert b"".join(line.raw + b"\n" for line in orders.parse_lines(request, data)) == data


@cache
def _bulk() -> orders.SignedRequest:
    return _signed_bulk().request


def _signed_bulk() -> signing.SignedBody:
    lines = [signing.envelope(statement(number), ["a"]) for number in range(3)]
    return signing.sign_order(AGENCY_KEY, head(), lines, content_type=orders.NDJSON)


def _evidence(data: bytes) -> None:
    assert evidence.encode_evidence(evidence.parse_evidence(data)) == data


def _note(data: bytes) -> None:
    opened = note.open_note(data, [LOG.verifier])
    assert data.startswith(opened.text.encode())
    assert note.sign(opened.text, [LOG]) in {data, note.sign(opened.text, [LOG])}


def _verifier(data: bytes) -> None:
    assert VerifierKey.parse(_text(data)).encode() == _text(data)


def _checkpoint(data: bytes) -> None:
    read = Checkpoint.parse(_text(data))
    assert read.size >= 0
    if not read.extensions:
        assert Checkpoint.parse(read.encode()) == read


def _receipt(data: bytes) -> None:
    assert Receipt.parse(_text(data)).encode() == _text(data)


def _rotation(data: bytes) -> None:
    assert Rotation.parse(_text(data)).encode() == _text(data)


def _verdict(data: bytes) -> None:
    assert VerdictNote.parse(_text(data)).encode() == _text(data)


def _tile_path(data: bytes) -> None:
    assert tiles.parse_path(_text(data)).path == _text(data)


def _bundle(data: bytes) -> None:
    width = data[0] + 1 if data else 1
    assert tiles.encode_bundle(tiles.parse_bundle(data[1:], width=width)) == data[1:]


def _range(data: bytes) -> None:
    assert merkle.CompactRange.decode(data).encode() == data


def _leaf(data: bytes) -> None:
    assert leaf.parse_leaf(data).encode() == data


def _header(data: bytes) -> None:
    assert leaf.parse_header(data).encode() == data


def _body(data: bytes) -> None:
    read = leaf.split_body(data)
    assert leaf.encode_body(read.statement, dict(read.chosen)) == data


def _code(data: bytes) -> None:
    code = codes.normalise(_text(data))
    assert codes.parse_code(code) == code
    assert codes.normalise(codes.for_people(code)) == code


def _disclosure(data: bytes) -> None:
    text = _text(data)
    read = disclosures.parse(text)
    claims = {read.name: disclosures.digest(text)}
    assert disclosures.check_claims(claims, [text]) == {read.name: read.value}


def _jwk(data: bytes) -> None:
    members = canonical.parse_json(data, limit_bytes=LIMIT_BYTES)
    if isinstance(members, dict):
        assert jwk.parse_jwk(members).jwk == members


def _command(data: bytes) -> None:
    said = canonical.parse(data, limit_bytes=canonical.STATEMENT_LIMIT_BYTES)
    command = parse_command(said)
    assert command.path.startswith("/v1/")


def _fields(data: bytes) -> None:
    """What people write on papers, and header fields of HTTP."""
    text = _text(data)
    assert fold_value(fold_value(text)) == fold_value(text)
    assert fold_presented_number(text) is not None
    day = fold_day(text)
    assert day is None or fold_day(day) == day
    assert negotiate(text) in LANGUAGES
    assert _prefers_json(text) in {True, False}
    asked: Any = _Asked(prefer=text)
    assert 0 <= _wait_seconds(asked) <= 30


def _cwt(data: bytes) -> None:
    """A signed list, ours or another's."""
    signed = cwt.parse(data, limit_bytes=LIMIT_BYTES)
    found = cwt.loads(signed.payload, limit_bytes=LIMIT_BYTES)
    if isinstance(found, dict):
        listed = statuslist.listed(found.get(65533))
        assert len(listed.data) <= statuslist.MAX_LIST_BYTES


def _connection(data: bytes) -> None:
    """What comes over a connection, in pieces: the first byte says how long they are."""
    guest = Guest()
    size = max(1, data[0] if data else 1)
    for start in range(1, len(data), size):
        guest.hear(data[start : start + size])
    assert guest.requests <= data.count(b"\n")
    assert len(guest.said) <= 1


def _lines_of(method: str, address: str, headers: dict[str, str]) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\n".join([f"{method} {address}", *lines]).encode()


def _credential(data: bytes) -> None:
    signed = credential.decode(data)
    assert credential.decode(data) == signed
    assert cbor2.dumps(cbor2.loads(data), canonical=True) == data


def _qr(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    reading = qr.parse_text(text)
    assert len(text) <= qr.MAX_TEXT_CHARACTERS
    assert reading.signed.credential.code == reading.code
    assert qr.parse_text(qr.encode_text(reading.data, host=reading.host)).data == reading.data


def _trust(data: bytes) -> None:
    """A list, or the note about one: each has one spelling."""
    if data.startswith(trust.HEADER.encode()):
        text = data.decode("utf-8", "replace")
        assert trust.TrustNote.parse(text).encode() == text
        return
    read = trust.read(data)
    assert read.digest == sha256(data).digest()
    assert all(isinstance(read.entitled(one, one.agency, 0, 0), bool) for one in read.keys)


def _targets() -> dict[str, Target]:
    order, bulk = single(), _signed_bulk()
    credentials = load("credentials/accepted")["cases"]
    listed = load("credentials/verdicts")["trust"]
    heirs = load("credentials/successions")["trust"]["content"]
    trust_note = str(listed["note"]).partition("\n\n")[0] + "\n"
    read = signing.sign_read(
        OFFICER_KEY,
        path="/v1/certificates",
        query="limit=2",
        ledger=LEDGER,
        created=CREATED,
        expires=EXPIRES,
    )
    envelope = issuance("moj")
    said = canonical.parse_envelope(envelope, limit_bytes=LIMIT_BYTES)
    status = leaf.encode_body(said.statement, {"status": {"index": 5, "list": 0}})
    head_ = Checkpoint(LOG.verifier.name, 7, bytes(range(32)))
    grown = merkle.CompactRange()
    grown.extend(bytes([one]) * 32 for one in range(11))
    header = leaf.Header(
        agency="moj",
        evidence=bytes(32),
        keys=tuple(jwk.public_of(key).thumbprint for key in (AGENCY_KEY, OFFICER_KEY)),
        line=0,
        stream=UUID("019ad000-0000-7000-8000-000000000001"),
        type="sijill.certificate.issued.v1",
        version=1,
    )
    word = leaf.Leaf(index=7, time=CREATED, prev=bytes(32), header=bytes(32), body=bytes(32))
    keys = [json.dumps(jwk.public_of(key).jwk).encode() for key in (AGENCY_KEY, OFFICER_KEY)]
    text = head_.encode()
    return {
        "canonical": Target(_canonical, (said.statement, statement())),
        "json": Target(_json, (envelope, b'["a",1,{"b":[true]}]')),
        "envelope": Target(_envelope, (envelope, bulk.body.splitlines()[0])),
        "request": Target(
            _request,
            (
                _lines_of("POST", order.request.path, dict(order.headers)),
                _lines_of("POST", bulk.request.path, dict(bulk.headers)),
            ),
        ),
        "read": Target(_read, (_lines_of("GET", "/v1/certificates?limit=2", read),)),
        "upload": Target(attached.upload, attached.HEADS),
        "holidays": Target(working.holidays, working.HOLIDAYS),
        "announcement": Target(attached.announcement, attached.ANNOUNCEMENTS),
        "capture": Target(captured.table, captured.TABLES),
        "evidence_bundle": Target(evidential.evidence_bundle, evidential.BUNDLES),
        "tlog_proof": Target(evidential.tlog_proof, evidential.PROOFS),
        "tlog_policy": Target(evidential.tlog_policy, evidential.POLICIES),
        "submission": Target(evidential.submission, evidential.SUBMISSIONS),
        "cosigned": Target(evidential.cosigned, evidential.COSIGNED),
        "cosigner": Target(evidential.cosigner, evidential.COSIGNERS),
        "lines": Target(_lines, (bulk.body,)),
        "evidence": Target(_evidence, (evidence.encode_evidence([order.request]),)),
        "note": Target(_note, (note.sign(text, [LOG]),)),
        "verifier": Target(_verifier, (LOG.verifier.encode().encode(),)),
        "checkpoint": Target(_checkpoint, (text.encode(), f"{text}more\n".encode())),
        "receipt": Target(_receipt, (RECEIPT.encode().encode(),)),
        "rotation": Target(_rotation, (ROTATION.encode().encode(),)),
        "verdict": Target(_verdict, (VERDICT.encode().encode(),)),
        "tile_path": Target(
            _tile_path, (b"tile/0/x001/234", b"tile/entries/067.p/9", b"tile/2/000.p/255")
        ),
        "bundle": Target(_bundle, (b"\x01" + tiles.encode_bundle([b"a", word.encode()]),)),
        "range": Target(_range, (grown.encode(),)),
        "leaf": Target(_leaf, (word.encode(),)),
        "header": Target(_header, (header.encode(),)),
        "body": Target(_body, (status, leaf.encode_body(said.statement))),
        "code": Target(_code, (codes.generate().encode(),)),
        "credential": Target(
            _credential, tuple(bytes.fromhex(case["cose_sign1"]) for case in credentials)
        ),
        "qr": Target(_qr, tuple(case["text"].encode() for case in credentials)),
        "trust": Target(
            _trust,
            (trust.encode(listed["content"]), trust.encode(heirs), trust_note.encode()),
        ),
        "disclosure": Target(_disclosure, tuple(one.encode() for one in said.disclosures)),
        "jwk": Target(_jwk, tuple(keys)),
        "command": Target(_command, (said.statement,)),
        "cwt": Target(_cwt, (STATUS_LIST, bytes.fromhex(DRAFT["cwt"]))),
        "connection": Target(
            _connection,
            (
                b"\xff" + GET + POST,
                b"\x07POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"2;x=y\r\nab\r\n0\r\nx: y\r\n\r\n" + GET,
            ),
        ),
        "fields": Target(
            _fields, ("٢٠٢٦/١١/٠١".encode(), b"ar;q=0.8, ckb", b"wait=5", b"text/html;q=0.3")
        ),
    }


TARGETS = _targets()


def attempt(name: str, data: bytes) -> bool:
    """Run a target; whether the bytes were accepted."""
    try:
        TARGETS[name].run(data)
    except (ProofError, Refusal):
        return False
    return True
