"""What the store is given: issuances as a served ledger makes them, ready to be appended.

Sizes, claims, guards, look-ups, sealed lines and evidence are those of a certificate of
`lines.Lines`. The store judges no signature and opens no seal, so one real signature's evidence
serves all, and sealed bytes are random: making them is measured by `sijill bench issue`.
"""

import os
import secrets
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.registers import CLOSED_SPACE, NUMBER_SPACE, Register
from domain.values import uuid7
from infrastructure import postgres
from infrastructure.log import committer
from infrastructure.log.batch import AppendRequest, Event, Order
from infrastructure.postgres import Role, Urls
from infrastructure.proofs import signing
from infrastructure.proofs.evidence import encode_evidence, evidence_digest
from infrastructure.proofs.jwk import public_of
from infrastructure.proofs.leaf import Header, encode_body
from infrastructure.proofs.orders import NDJSON
from infrastructure.vault import KEY_BYTES, NONCE_BYTES, TAG_BYTES
from sijill.bench.lines import UNIT, YEAR, Issuance, Lines, root

AGENCY = "bench"
TOPIC = "sijill.certificate.issued.v1"
FOUNDED = "sijill.agency.added.v1"
LOOKUP_SPACE = f"{AGENCY}/deceased_name"
WRAPPED_BYTES = KEY_BYTES + 8
SALT_BYTES = 16
HMAC_BYTES = 32
STATUS_PLACES = 2**20
HOUR_US = 3_600_000_000
STANDING = (UUID(int=1), UUID(int=2))
"""The streams of the agency and of its key, which every issuance is judged on."""


@dataclass(frozen=True, slots=True)
class _Evidence:
    data: bytes
    digest: bytes
    key: str


class Rows:
    """Makes append requests that no log has seen."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._thumbprint = public_of(self._key).thumbprint
        self._lines = Lines(AGENCY, f"s-{secrets.token_hex(4)}")
        register = Register(AGENCY, UNIT, self._lines.series, YEAR)
        self._register = register
        self._evidence = {lines: self._sign(self._lines.several(lines)) for lines in (1, 2)}

    def singles(self, count: int) -> list[AppendRequest]:
        """Requests of one event each, every one an order of its own."""
        return [self._request(self._order([line]), 0, line) for line in self._lines.several(count)]

    def bare(self, count: int) -> list[AppendRequest]:
        """Single events as the library's recorder stores them: no claim, guard or vault row."""
        return [
            AppendRequest(
                order=one.order,
                events=[replace(event, sealed=None, lookups=()) for event in one.events],
            )
            for one in self.singles(count)
        ]

    def bulk(self, lines: int) -> list[AppendRequest]:
        """The lines of one order, each a request for itself."""
        made = self._lines.several(lines)
        order = self._order(made)
        return [self._request(order, number, line) for number, line in enumerate(made)]

    def _order(self, lines: list[Issuance]) -> Order:
        now = time.time_ns() // 1_000
        return Order(
            agency=AGENCY,
            idempotency_key=signing.new_idempotency_key(),
            request_digest=sha256(lines[0].digest).digest(),
            evidence=self._evidence[min(len(lines), 2)].data,
            statement_digests=b"".join(line.digest for line in lines),
            lines=len(lines),
            not_before=now - HOUR_US,
            not_after=now + HOUR_US,
        )

    def _request(self, order: Order, number: int, line: Issuance) -> AppendRequest:
        stream = uuid7(time.time_ns() // 1_000)
        place = {"index": secrets.randbelow(STATUS_PLACES), "list": line.digest[0]}
        header = Header(
            agency=AGENCY,
            evidence=self._evidence[min(order.lines, 2)].digest,
            keys=(self._thumbprint,),
            line=number,
            stream=stream,
            type=TOPIC,
            version=1,
        )
        event = Event(
            stream=stream,
            version=1,
            type=TOPIC,
            line=number,
            header=header.encode(),
            header_salt=os.urandom(SALT_BYTES),
            body=encode_body(line.statement, {"status": place}),
            body_salt=os.urandom(SALT_BYTES),
            sealed=os.urandom(NONCE_BYTES + len(line.raw) + TAG_BYTES),
            lookups=((LOOKUP_SPACE, os.urandom(HMAC_BYTES)),),
        )
        return AppendRequest(
            order=order,
            events=(event,),
            guards=dict.fromkeys(STANDING, 1),
            claims=(
                ("code", line.code, stream),
                (NUMBER_SPACE, self._register.number_key(line.code), stream),
                # Unlike a real place it never meets another one: every line is to be recorded.
                ("status", f"{place['list']}:{line.code}", stream),
            ),
            absent=((CLOSED_SPACE, self._register.key),),
            record_keys={stream: os.urandom(WRAPPED_BYTES)},
        )

    def _sign(self, lines: list[Issuance]) -> _Evidence:
        now = int(time.time())
        head = signing.Head(
            path="/v1/certificates/bulk",
            ledger=bytes(32),
            idempotency_key=signing.new_idempotency_key(),
            created=now,
            expires=now + 3_600,
        )
        body = b"".join(line.raw + b"\n" for line in lines)
        cover = signing.Cover(root(lines), len(lines))
        signed = signing.sign_body(self._key, head, cover, body=body, content_type=NDJSON)
        data = encode_evidence([signed.request])
        return _Evidence(data, evidence_digest(data), self._thumbprint)


def open_log(urls: Urls) -> None:
    """Record the two events that every issuance is judged on, where the log is empty."""
    now = time.time_ns() // 1_000
    order = Order(
        agency=AGENCY,
        idempotency_key=signing.new_idempotency_key(),
        request_digest=bytes(32),
        evidence=b"[]",
        statement_digests=bytes(64),
        lines=2,
        not_before=now - HOUR_US,
        not_after=now + HOUR_US,
    )
    events = [
        Event(
            stream=stream,
            version=1,
            type=FOUNDED,
            line=line,
            header=b"{}",
            header_salt=os.urandom(SALT_BYTES),
            body=b"{}",
            body_salt=os.urandom(SALT_BYTES),
        )
        for line, stream in enumerate(STANDING)
    ]
    with postgres.connect(urls.service, Role.SERVICE, autocommit=True) as connection:
        [result] = committer.append(connection, [AppendRequest(order, events)])
    if isinstance(result, Exception):
        raise result
