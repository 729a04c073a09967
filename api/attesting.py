"""The operator's word on documents of this ledger, given at once by a key that attests.

The key lies beside the service, so whoever takes the host can attest falsely: an attestation is
shown as the operator's, never as the issuing agency's, and the domain lets it say nothing but what
the ledger says. Its orders go the road of all orders: signed, judged, recorded as such.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, cast
from uuid import UUID

import structlog

from api import writing
from api.i18n import translate
from api.orders import judge_bytes, now_us
from api.problems import Problem
from api.services import Services
from api.threads import off_loop
from api.values import open_claim
from api.work import work_of
from domain.acts import Command
from domain.authenticity import (
    POSITIVE,
    PROOF_TYPE,
    WAITING,
    AuthenticityRequest,
    Finding,
    RequestAuthenticity,
    finding_of,
)
from domain.certificates import Certificate, Status
from domain.errors import (
    AuthenticityCertificateUnfit,
    CodeSuperseded,
    FindingMismatch,
    NumberTaken,
    RequestNotWaiting,
    RequestUnknown,
)
from domain.ledger import Fact, Record
from domain.registers import NUMBER_SPACE, Register
from domain.values import baghdad_day
from infrastructure.proofs import canonical, codes, disclosures, signing
from infrastructure.proofs.base64text import encode_url
from infrastructure.proofs.jwk import PrivateKey, public_of

LOGGER = structlog.get_logger()

_WORKING_DAYS = 3
_LIFE_SECONDS = 600
_SECOND = 1_000_000
_TRIES = 4
_AT_ONCE = 4
"""So few at a time: what others order in the meantime is to be quick."""
_BULKS = 8
"""More that wait here would fill the memory; whoever sends one again has it tried again."""
_OVERTAKEN = (AuthenticityCertificateUnfit, CodeSuperseded, FindingMismatch, NumberTaken)
_UNIT, _SERIES = "attestation", "online"


@dataclass(slots=True)
class Attester:
    """The agency that attests (the operator) and its key, looked for until it is there."""

    agency: str
    find: Callable[[], PrivateKey | None] = field(repr=False)
    _found: PrivateKey | None = field(default=None, repr=False)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    _running: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    @property
    def key(self) -> PrivateKey | None:
        """The key, or None while nobody has put one there."""
        if self._found is None:
            self._found = self.find()
        return self._found

    def stop(self) -> None:
        """Let go of what has not been attested yet; it waits as recorded."""
        for task in self._running:
            task.cancel()

    def begin(self, services: Services, asked: Sequence["Asked"]) -> None:
        """Attest what a bulk asked, which takes minutes for a large one, beside all else."""
        if len(self._running) >= _BULKS:
            LOGGER.warning("not attested", error="too many bulks", requests=len(asked))
            return
        task = asyncio.create_task(self._attest(services, asked))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _attest(self, services: Services, asked: Sequence["Asked"]) -> None:
        # Bulks go on beside one another, so that a small one does not wait for a large one's end.
        async with asyncio.TaskGroup() as group:
            for one in asked:
                await self._turns.acquire()
                group.create_task(_follow(services, one)).add_done_callback(self._free)

    def _free(self, _: object) -> None:
        self._turns.release()


class Asked(NamedTuple):
    """A request that asks about a code: all that is kept of it until it is attested."""

    request: str
    code: str


def ready(services: Services) -> bool:
    """Whether the operator lets this service attest."""
    return services.attester is not None and services.attester.key is not None


async def follow(services: Services, commands: Iterable[Command]) -> None:
    """After requests were recorded: answer them where the ledger can; one at once, many by and by.

    What goes wrong here is no reason to refuse what is recorded. The request waits, and whoever
    sends it again has it tried again.
    """
    asked = [
        Asked(one.request, one.code)
        for one in commands
        if isinstance(one, RequestAuthenticity) and one.code is not None
    ]
    if not asked or services.attester is None or not ready(services):
        return
    if len(asked) == 1:
        await _follow(services, asked[0])
    else:
        services.attester.begin(services, asked)


async def _follow(services: Services, asked: Asked) -> None:
    try:
        await answer(services, asked.request, asked.code)
    except RequestNotWaiting:
        # Sent again after it was answered.
        return
    except Exception as error:  # noqa: BLE001 - the request is recorded and waits
        LOGGER.warning("not attested", error=type(error).__name__, code=str(error)[:80])


async def receive(services: Services, code: str, secret: str) -> str:
    """Record a holder's question; the request's code."""
    request = codes.generate()
    text, digest = disclosures.make("holder_secret", secret)
    members = {
        "request": request,
        "due_date": _due_date(services),
        "code": code,
        "claims": {"holder_secret": digest},
    }
    path = "/v1/authenticity-requests/received"
    await _order(services, "authenticity.receive", path, members, [text])
    return request


def _due_date(services: Services) -> str:
    calendar = services.working_days.calendar
    return calendar.after(baghdad_day(now_us()), _WORKING_DAYS).isoformat()


async def answer(services: Services, request: str, code: str) -> None:
    """Attest what the ledger says of a code; a positive finding has its certificate first.

    Raises:
        Refusal: it is attested already, or the record is in doubt.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            await _answer(services, request, code)
        except _OVERTAKEN:
            # It was withdrawn, or reinstated, between the look and the append; or another process
            # attests the same.
            if attempt == _TRIES:
                raise
        else:
            return


async def _answer(services: Services, request: str, code: str) -> None:
    finding = await off_loop(partial(_finding, services, code))
    # Looked at after the finding: of what was attested before nothing may be corrected any more.
    await off_loop(partial(_check_waits, services, request))
    proof = await _certificate(services, request, code, finding)
    members: dict[str, Any] = {"request": request, "finding": finding.value}
    if finding in POSITIVE:
        members["certificate"] = proof
    path = f"/v1/authenticity-requests/{request}/attestation"
    await _order(services, "authenticity.attest", path, members)


def _finding(services: Services, code: str) -> Finding:
    stream = services.directory.find("code", code)
    if stream is not None:
        services.ledger.forget([stream])
    return services.ledger.look(lambda sitting: finding_of(code, sitting), services.directory)


def _check_waits(services: Services, request: str) -> None:
    stream = services.directory.find("request", request)
    if stream is None:
        raise RequestUnknown(request=request)
    services.ledger.forget([stream])
    record = cast("AuthenticityRequest", services.ledger.repository.get(stream))
    if record.state not in WAITING:
        raise RequestNotWaiting(state=record.state.value)


async def _certificate(services: Services, request: str, code: str, finding: Finding) -> str | None:
    """The code of the authenticity certificate for a request; None where there is none to have.

    It is issued once, however often an attestation is cut off. One that says what was found then,
    and is not so any more, is corrected: beside no answer there stands a certificate of another.
    """
    number = str(await off_loop(partial(_index_of, services, request)))
    held = await off_loop(partial(_issued_as, services, request, number))
    wanted = translate("ar", f"word.authenticity.finding.{finding.value}")
    if held is not None and await _said(services, held) != wanted:
        return await _write(services, code, wanted, correcting=held)
    if held is not None:
        return held.code
    return await _write(services, code, wanted, number=number) if finding in POSITIVE else None


class _Issued(NamedTuple):
    """A certificate that an earlier try left: its code, and where its newest edition stands."""

    code: str
    edition: int


def _index_of(services: Services, request: str) -> int:
    """The index at which a request was recorded: a number that no other request has."""
    return _recorded(services, request).at


def _recorded(services: Services, request: str) -> Fact:
    stream = services.directory.find("request", request)
    if stream is None:
        raise RequestUnknown(request=request)
    [first, *_] = services.ledger.events.get(stream, lte=1)
    return cast("Fact", first)


def _issued_as(services: Services, request: str, number: str) -> _Issued | None:
    """The certificate in force under a request's number, of the year of whatever try it was."""
    agency = services.attester.agency if services.attester else ""
    asked = _recorded(services, request).timestamp
    begun = baghdad_day(int(asked.timestamp()) * _SECOND).year
    for year in range(begun, baghdad_day(now_us()).year + 1):
        key = Register(agency, _UNIT, _SERIES, year).number_key(number)
        stream: UUID | None = services.directory.find(NUMBER_SPACE, key)
        if stream is None:
            continue
        services.ledger.forget([stream])
        record: Record | None = services.ledger.repository.get(stream)
        if isinstance(record, Certificate) and record.status is Status.IN_FORCE:
            return _Issued(next(reversed(record.originals)), record.edition.index)
    return None


async def _said(services: Services, held: _Issued) -> str | None:
    """What a certificate says was found; None where that cannot be read any more."""
    async with services.pool.connection() as connection:
        _, opened = await open_claim(services, connection, held.edition, "finding")
    return None if opened is None else opened[1]


async def _write(
    services: Services,
    about: str,
    finding: str,
    *,
    number: str | None = None,
    correcting: _Issued | None = None,
) -> str:
    """Issue an authenticity certificate under a number, or the next edition of one; its code."""
    values = {
        "document_reference": about,
        "finding": finding,
        "holder_secret": secrets.token_urlsafe(16),
    }
    made = {name: disclosures.make(name, value) for name, value in values.items()}
    claims = {name: digest for name, (_, digest) in made.items()}
    texts = [text for text, _ in made.values()]
    proof = codes.generate()
    if correcting is not None:
        path = f"/v1/certificates/{correcting.code}/correction"
        members: dict[str, Any] = {
            "code": correcting.code,
            "new_code": proof,
            "reason": "data_changed",
            "language": "ar",
            "claims": claims,
        }
        await _order(services, "certificate.correct", path, members, texts)
        return proof
    today = baghdad_day(now_us())
    members = {
        "type": PROOF_TYPE,
        "code": proof,
        "unit": _UNIT,
        "series": _SERIES,
        "year": today.year,
        "number": number,
        "date": today.isoformat(),
        "language": "ar",
        "claims": claims,
    }
    await _order(services, "certificate.issue", "/v1/certificates", members, texts)
    return proof


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
    [outcome] = await writing.record(services, work_of(arrived))
    if outcome.error is not None:
        raise outcome.error
