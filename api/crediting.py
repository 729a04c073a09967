"""A credential as it arrives: it says what its certificate says, and the key it names signed it.

Whoever reads the QR code is told what stands in it, not what stands in the record; so nothing is
recorded that would be found false as soon as it is scanned. What is not known here is not compared:
values that were erased, a record that the read model does not have yet, or that cannot be read now.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

import psycopg

from api.papers import presented
from api.problems import Problem
from api.services import Services
from api.threads import off_loop
from api.values import open_values
from api.work import Work
from domain.catalogue import CREDENTIAL, certificate_type
from domain.certificates import CredentialCertificate
from domain.values.comparison import fold_day, fold_presented_number, fold_value
from infrastructure.proofs import credential, jwk, qr
from infrastructure.proofs.base64text import decode_url
from infrastructure.proofs.credential import Credential, Signed
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import Line
from projections import certificates
from projections.certificates import Found

_SECOND: Final = 1_000_000
_STATED: Final = frozenset({"number", "date"})


async def wrong(services: Services, work: Work, lines: Iterable[int]) -> dict[int, Exception]:
    """What stands against the credentials among these lines, which are to be recorded else."""
    orders = {
        number: command
        for number in lines
        if isinstance(command := work.commands[number], CredentialCertificate)
    }
    if not orders:
        return {}
    errors: dict[int, Exception] = {}
    try:
        read = await _read(services, work, orders, errors)
    except psycopg.OperationalError:
        # Nothing is recorded of which nobody knows who signed it; without keys no other act is.
        away = {number: Problem("store_unavailable") for number in orders}
        return away | errors
    with suppress(psycopg.OperationalError):
        # What reads may be away, or busy with readers, while everything else is recorded.
        await _compare(services, orders, read, errors)
    return errors


async def _read(
    services: Services,
    work: Work,
    orders: Mapping[int, CredentialCertificate],
    errors: dict[int, Exception],
) -> dict[int, Credential]:
    """The credentials by their line; what is none goes to the errors."""
    read: dict[int, Credential] = {}
    for number, command in orders.items():
        try:
            read[number] = await _signed(services, command, work.lines[number])
        except ProofError as error:
            fault = {"pointer": f"/claims/{CREDENTIAL}", "code": error.code}
            errors[number] = Problem(error.code, errors=[fault], hint=error.detail)
        except Problem as error:
            errors[number] = error
    return read


async def _compare(
    services: Services,
    orders: Mapping[int, CredentialCertificate],
    read: Mapping[int, Credential],
    errors: dict[int, Exception],
) -> None:
    """Each credential with its record, as far as that is known; what differs goes to the errors.

    Raises:
        psycopg.OperationalError: the rest cannot be compared now.
    """
    await services.caught_up()
    async with services.pool.connection() as connection:
        records = await _records(connection, {orders[number].code for number in read})
        for number, said in read.items():
            found = records.get(orders[number].code)
            member = found and await _differing(services, connection, said, found)
            if member:
                errors[number] = Problem("credential_mismatch", member=member)


async def _records(connection: Any, codes: Collection[str]) -> Mapping[str, Found]:
    """What the read model has under these codes; nothing where there is none yet."""
    try:
        return await certificates.by_codes(connection, codes) if codes else {}
    except LookupError:
        return {}


async def _signed(services: Services, order: CredentialCertificate, line: Line) -> Credential:
    """The credential in a line, signed by the key that the statement names.

    Raises:
        ProofError: it is none, or fits no QR code. Problem: `credential_mismatch`.
    """
    text = next(one.value for one in line.opened if one.name == CREDENTIAL)
    data = decode_url(text, code="credential_malformed")
    signed = credential.decode(data)
    qr.pack(data)
    known = await off_loop(partial(services.jwk, order.key))
    if known is None or not _by(signed, known):
        raise Problem("credential_mismatch", member="key")
    ledger = services.ledger_id[: credential.LEDGER_BYTES].hex()
    said = signed.credential
    for member, same in (("code", said.code == order.code), ("ledger", said.ledger == ledger)):
        if not same:
            raise Problem("credential_mismatch", member=member)
    return said


def _by(signed: Signed, key: Mapping[str, Any]) -> bool:
    try:
        signed.verify([jwk.parse_jwk(dict(key))])
    except ProofError:
        return False
    return True


async def _differing(
    services: Services, connection: Any, said: Credential, found: Found
) -> str | None:
    """The first thing that a credential says otherwise than the record; None where nothing is."""
    if found.code is None or found.certificate is None:
        return None
    members = _members(said, found)
    differing = next((name for name, one, other in members if one != other), None)
    if differing is not None:
        return differing
    kind = certificate_type(found.certificate.type)
    printable = {place for place, one in enumerate(kind.fields) if one.printable}
    if not said.fields.keys() <= printable:
        return "fields"
    shown = presented(said)
    claimed = {name: value for name, value in shown.pop("fields").items() if name not in _STATED}
    claimed |= shown
    if not claimed.keys() <= found.code.claims.keys():
        return "fields"
    values = await open_values(services, connection, found)
    wrong_values = (
        name
        for name, value in claimed.items()
        if name in values and not _same(values[name], str(value))
    )
    return next(wrong_values, None)


def _same(one: str, other: str) -> bool:
    """As whoever verifies a paper compares its values."""
    days = fold_day(one), fold_day(other)
    return (None not in days and days[0] == days[1]) or fold_value(one) == fold_value(other)


def _members(said: Credential, found: Found) -> Iterator[tuple[str, Any, Any]]:
    code, certificate = found.code, found.certificate
    assert code is not None and certificate is not None  # noqa: S101, PT018 - the caller has looked
    yield "agency", said.agency, certificate.agency
    yield "type", said.type, certificate.type
    # As whoever verifies it compares: the digits of a number may be of another script.
    fold = fold_presented_number
    yield "number", fold(said.number), fold(certificate.number)
    yield "date", said.date, certificate.date
    yield "effective_date", said.counts_from, code.effective_date
    yield "expiry_date", said.expiry_date, code.expiry_date
    yield "status", (said.status_list, said.status_index), (code.status_list, code.status_index)
    yield "index", said.index, code.issue_index
    yield "issued_at", said.issued_at, code.issue_time // _SECOND
