"""The operator's word on documents of this ledger, given at once by a key that attests.

The key lies beside the service, so whoever takes the host can attest falsely: an attestation is
shown as the operator's, never as the issuing agency's, and the domain lets it say nothing but what
the ledger says. Its orders go the road of all orders: signed, judged, recorded as such.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast
from uuid import UUID

import structlog

from api import writing
from api.i18n import translate
from api.orders import judge_bytes, now_us
from api.problems import Problem
from api.services import Services
from api.threads import off_loop
from domain.authenticity import POSITIVE, PROOF_TYPE, Finding, RequestAuthenticity, finding_of
from domain.catalogue.calendar import CALENDAR
from domain.certificates import Certificate
from domain.errors import FindingMismatch, NumberTaken, RequestUnknown
from domain.ledger import Fact, Record
from domain.registers import NUMBER_SPACE, Register
from domain.values import baghdad_day
from infrastructure.proofs import canonical, codes, disclosures, signing
from infrastructure.proofs.base64text import encode_url
from infrastructure.proofs.jwk import PrivateKey, public_of

LOGGER = structlog.get_logger()

WORKING_DAYS = 3
"""How many working days an agency has for an answer, unless it is told otherwise."""
_LIFE_SECONDS = 600
_SECOND = 1_000_000
_TRIES = 3
_UNIT, _SERIES = "attestation", "online"


@dataclass(slots=True)
class Attester:
    """The agency that attests (the operator) and its key, looked for until it is there."""

    agency: str
    find: Callable[[], PrivateKey | None] = field(repr=False)
    _found: PrivateKey | None = field(default=None, repr=False)

    @property
    def key(self) -> PrivateKey | None:
        """The key, or None while nobody has put one there."""
        if self._found is None:
            self._found = self.find()
        return self._found


def due_date(working_days: int = WORKING_DAYS) -> str:
    """The day (ISO) that lies so many working days ahead."""
    return CALENDAR.after(baghdad_day(now_us()), working_days).isoformat()


def ready(services: Services) -> bool:
    """Whether the operator lets this service attest."""
    return services.attester is not None and services.attester.key is not None


async def follow(services: Services, command: Any) -> None:
    """After a request was recorded: answer it where the ledger can.

    What goes wrong here is no reason to refuse what is recorded. The request waits, and whoever
    sends it again has it tried again.
    """
    asks = isinstance(command, RequestAuthenticity) and command.code is not None
    if not asks or not ready(services):
        return
    try:
        await answer(services, command.request, command.code)
    except Exception as error:  # noqa: BLE001 - the request is recorded and waits
        LOGGER.warning("not attested", error=type(error).__name__, code=str(error)[:80])


async def receive(services: Services, code: str, secret: str) -> str:
    """Record a holder's question and answer it; the request's code."""
    request = codes.generate()
    text, digest = disclosures.make("holder_secret", secret)
    members = {
        "request": request,
        "due_date": due_date(),
        "code": code,
        "claims": {"holder_secret": digest},
    }
    path = "/v1/authenticity-requests/received"
    await _order(services, "authenticity.receive", path, members, [text])
    await answer(services, request, code)
    return request


async def answer(services: Services, request: str, code: str) -> None:
    """Attest what the ledger says of a code; a positive finding has its certificate first.

    Raises:
        Refusal: it is attested already, or the record is in doubt.
    """
    for attempt in range(1, _TRIES + 1):
        finding = await off_loop(partial(_finding, services, code))
        members: dict[str, Any] = {"request": request, "finding": finding.value}
        if finding in POSITIVE:
            members["certificate"] = await _certificate(services, request, code, finding)
        path = f"/v1/authenticity-requests/{request}/attestation"
        try:
            await _order(services, "authenticity.attest", path, members)
        except FindingMismatch:
            # It was withdrawn, or reinstated, between the look and the append.
            if attempt == _TRIES:
                raise
            continue
        return


def _finding(services: Services, code: str) -> Finding:
    stream = services.directory.find("code", code)
    if stream is not None:
        services.ledger.forget([stream])
    return services.ledger.look(lambda sitting: finding_of(code, sitting), services.directory)


async def _certificate(services: Services, request: str, code: str, finding: Finding) -> str:
    """The code of the authenticity certificate for a request; issued once, however often asked."""
    agency = services.attester.agency if services.attester else ""
    number = str(await off_loop(partial(_index_of, services, request)))
    today = baghdad_day(now_us())
    register = Register(agency, _UNIT, _SERIES, today.year)
    values = {
        "document_reference": code,
        "finding": translate("ar", f"word.authenticity.finding.{finding.value}"),
        "holder_secret": secrets.token_urlsafe(16),
    }
    made = {name: disclosures.make(name, value) for name, value in values.items()}
    proof = codes.generate()
    members = {
        "type": PROOF_TYPE,
        "code": proof,
        "unit": _UNIT,
        "series": _SERIES,
        "year": today.year,
        "number": number,
        "date": today.isoformat(),
        "language": "ar",
        "claims": {name: digest for name, (_, digest) in made.items()},
    }
    texts = [text for text, _ in made.values()]
    try:
        await _order(services, "certificate.issue", "/v1/certificates", members, texts)
    except NumberTaken:
        # An earlier try was cut off after it: that one is the request's.
        return await off_loop(partial(_issued_as, services, register.number_key(number)))
    return proof


def _index_of(services: Services, request: str) -> int:
    """The index at which a request was recorded: a number that no other request has."""
    stream = services.directory.find("request", request)
    if stream is None:
        raise RequestUnknown(request=request)
    [first, *_] = services.ledger.events.get(stream, lte=1)
    return cast("Fact", first).at


def _issued_as(services: Services, number_key: str) -> str:
    stream: UUID | None = services.directory.find(NUMBER_SPACE, number_key)
    record: Record | None = services.ledger.repository.get(stream) if stream else None
    if not isinstance(record, Certificate):
        raise NumberTaken
    return next(reversed(record.originals))


async def _order(
    services: Services,
    act: str,
    path: str,
    members: Mapping[str, Any],
    texts: list[str] | None = None,
) -> None:
    """Sign one order as the operator and record it.

    Raises:
        Refusal, ProofError, Problem: as for everybody's orders.
    """
    attester = services.attester
    key = attester.key if attester is not None else None
    if attester is None or key is None:
        raise Problem("attestation_unavailable")
    nonce = encode_url(secrets.token_bytes(16))
    said = {"act": act, "agency": attester.agency, "nonce": nonce, **members}
    line = signing.envelope(canonical.dumps(said), texts or [])
    now = now_us()
    head = signing.Head(
        path=path,
        ledger=services.ledger_id,
        idempotency_key=signing.new_idempotency_key(),
        created=now // _SECOND,
        expires=now // _SECOND + _LIFE_SECONDS,
    )
    signed = signing.sign_order(key, head, [line])
    public = public_of(key)
    arrived = judge_bytes(signed.request, signed.body, public, services.ledger_id, now)
    if arrived.errors:
        raise arrived.errors[0]
    [outcome] = await writing.record(services, writing.work_of(arrived))
    if outcome.error is not None:
        raise outcome.error
