"""What each event does to the rows of certificates and codes."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from domain.catalogue import CREDENTIAL, IMPLIED
from domain.certificates import NOTHING_IS_WASHED_SINCE
from domain.values import baghdad_day, fold_number
from infrastructure.log.follower import Recorded
from infrastructure.proofs.verdict import CodeState
from projections.certificates import court
from projections.certificates.record import (
    CERTIFICATES,
    CODES,
    CREDENTIALS,
    Certificate,
    Code,
    Credential,
    Grant,
)
from projections.rows import Connection, Table, WorkingSet

ISSUED: Final = "sijill.certificate.issued.v1"
SUSPENDED: Final = "sijill.certificate.suspended.v1"
REINSTATED: Final = "sijill.certificate.reinstated.v1"
REVOKED: Final = "sijill.certificate.revoked.v1"
REVOCATION_ANNULLED: Final = "sijill.certificate.revocation_annulled.v1"
CORRECTED: Final = "sijill.certificate.corrected.v1"
VOIDED: Final = "sijill.certificate.voided.v1"
SUPERSEDED: Final = "sijill.certificate.superseded.v1"
ORIGINAL_ADDED: Final = "sijill.certificate.original_added.v1"
ORIGINAL_REPLACED: Final = "sijill.certificate.original_replaced.v1"
CREDENTIALED: Final = "sijill.certificate.credentialed.v1"
REAFFIRMED: Final = "sijill.certificate.reaffirmed.v1"
ERASED: Final = "sijill.certificate.erased.v1"


def _washes(event: Recorded) -> bool:
    """Whether it is of the days on which a correction or a re-affirmation stood for all."""
    return baghdad_day(event.time) < NOTHING_IS_WASHED_SINCE


def _grant(event: Recorded, code: str | None = None) -> Grant:
    grant = Grant(index=event.index, keys=list(event.keys))
    if code is not None:
        grant["code"] = code
    return grant


def _courts_liftings(certificate: Certificate) -> list[Grant]:
    """The grants that are a court's: no act of the agency takes their place."""
    return [one for one in certificate.grants if "court" in one]


def _code(event: Recorded, code: str, *, date: str, edition: int, original: int) -> Code:
    """The row of an original that shows an edition as this event's statement describes it."""
    said = event.statement
    status_list, status_index = event.status or (None, None)
    return Code(
        code=code,
        stream=event.stream,
        original=original,
        edition=edition,
        language=said["language"],
        effective_date=said.get("effective_date", date),
        expiry_date=said.get("expiry_date"),
        issue_index=event.index,
        issue_time=event.time,
        keys=list(event.keys),
        claims=said["claims"],
        status_list=status_list,
        status_index=status_index,
        state=CodeState.IN_FORCE.value,
        state_index=event.index,
    )


def _issued(event: Recorded, rows: WorkingSet) -> None:
    said = event.statement
    certificate = Certificate(
        stream=event.stream,
        agency=event.agency,
        type=said["type"],
        unit=said["unit"],
        series=said["series"],
        year=said["year"],
        number=said["number"],
        folded_number=fold_number(said["number"]),
        date=said["date"],
        edition=1,
        code=said["code"],
        originals=[said["code"]],
        issue_index=event.index,
        issue_time=event.time,
        state=CodeState.IN_FORCE.value,
        state_index=event.index,
        before_revocation=None,
        reason=None,
        legal_basis=None,
        counts_from=None,
        successor=None,
        grants=[_grant(event)],
    )
    rows.put(CERTIFICATES, certificate, event.index)
    code = _code(event, said["code"], date=said["date"], edition=1, original=1)
    rows.put(CODES, code, event.index)


def _change(
    event: Recorded,
    rows: WorkingSet,
    state: str,
    *,
    before_revocation: str | None = None,
    granted: bool = False,
) -> None:
    """Let the whole certificate stand otherwise; `granted` says that the act puts it in force."""
    certificate = rows.need(CERTIFICATES, event.stream)
    said = event.statement
    changed = certificate._replace(
        state=state,
        state_index=event.index,
        before_revocation=before_revocation,
        reason=said.get("reason"),
        legal_basis=said.get("legal_basis"),
        counts_from=said.get("effective_date"),
        successor=said.get("by"),
        grants=[*certificate.grants, _grant(event)] if granted else certificate.grants,
    )
    rows.put(CERTIFICATES, changed, event.index)


def _suspended(event: Recorded, rows: WorkingSet) -> None:
    _change(event, rows, CodeState.SUSPENDED.value)


def _reinstated(event: Recorded, rows: WorkingSet) -> None:
    _change(event, rows, CodeState.IN_FORCE.value, granted=True)


def _voided(event: Recorded, rows: WorkingSet) -> None:
    _change(event, rows, CodeState.VOIDED.value)


def _superseded(event: Recorded, rows: WorkingSet) -> None:
    _change(event, rows, CodeState.SUPERSEDED.value)


def _revoked(event: Recorded, rows: WorkingSet) -> None:
    if event.statement.get("original_only"):
        _change_original(event, rows, CodeState.ORIGINAL_REVOKED)
        return
    stood = rows.need(CERTIFICATES, event.stream).state
    _change(event, rows, CodeState.REVOKED.value, before_revocation=stood)


def _revocation_annulled(event: Recorded, rows: WorkingSet) -> None:
    certificate = rows.need(CERTIFICATES, event.stream)
    if event.statement.get("original_only"):
        code = event.statement["code"]
        _change_original(event, rows, CodeState.IN_FORCE)
        grants = [*certificate.grants, _grant(event, code)]
        rows.put(CERTIFICATES, certificate._replace(grants=grants), event.index)
        return
    if certificate.before_revocation is None:
        raise LookupError(f"certificate {event.stream} was not revoked")
    _change(event, rows, certificate.before_revocation, granted=True)


def _change_original(event: Recorded, rows: WorkingSet, state: CodeState) -> None:
    _put_code(event, rows, rows.need(CODES, event.statement["code"]), state)


def _put_code(
    event: Recorded, rows: WorkingSet, code: Code, state: CodeState, successor: str | None = None
) -> None:
    changed = code._replace(
        state=state.value,
        state_index=event.index,
        reason=event.statement.get("reason"),
        successor=successor,
    )
    rows.put(CODES, changed, event.index)


def _corrected(event: Recorded, rows: WorkingSet) -> None:
    certificate = rows.need(CERTIFICATES, event.stream)
    new_code, washes = event.statement["new_code"], _washes(event)
    overtaken = {CodeState.IN_FORCE, *([CodeState.ORIGINAL_REVOKED] if washes else [])}
    for name in certificate.originals:
        code = rows.need(CODES, name)
        if code.state in overtaken:
            _put_code(event, rows, code, CodeState.SUPERSEDED, new_code)
    edition = certificate.edition + 1
    number = len(certificate.originals) + 1
    code = _code(event, new_code, date=certificate.date, edition=edition, original=number)
    rows.put(CODES, code, event.index)
    changed = certificate._replace(
        edition=edition,
        code=new_code,
        originals=[*certificate.originals, new_code],
        # The new edition rests on this act: nothing was taken over but what a court ended.
        grants=[*([] if washes else _courts_liftings(certificate)), _grant(event)],
    )
    rows.put(CERTIFICATES, changed, event.index)


def _original_added(event: Recorded, rows: WorkingSet) -> None:
    _put_original(event, rows)


def _original_replaced(event: Recorded, rows: WorkingSet) -> None:
    new_code = event.statement["new_code"]
    replaced = rows.need(CODES, event.statement["code"])
    _put_code(event, rows, replaced, CodeState.REPLACED, new_code)
    _put_original(event, rows)


def _put_original(event: Recorded, rows: WorkingSet) -> None:
    """Add an original of the present edition: its fields are the edition's, its secret its own."""
    certificate = rows.need(CERTIFICATES, event.stream)
    edition = rows.need(CODES, certificate.code)
    said = event.statement
    shared = {name: digest for name, digest in edition.claims.items() if name not in IMPLIED}
    status_list, status_index = event.status or (None, None)
    original = edition._replace(
        code=said["new_code"],
        original=len(certificate.originals) + 1,
        issue_index=event.index,
        issue_time=event.time,
        keys=list(event.keys),
        claims={**shared, **said["claims"]},
        status_list=status_list,
        status_index=status_index,
        state=CodeState.IN_FORCE.value,
        state_index=event.index,
        reason=None,
        successor=None,
    )
    rows.put(CODES, original, event.index)
    changed = certificate._replace(
        originals=[*certificate.originals, said["new_code"]],
        grants=[*certificate.grants, _grant(event, said["new_code"])],
    )
    rows.put(CERTIFICATES, changed, event.index)


def _credentialed(event: Recorded, rows: WorkingSet) -> None:
    said = event.statement
    claim = said["claims"][CREDENTIAL]
    credential = Credential(said["code"], event.stream, claim, said["key"], event.index)
    rows.put(CREDENTIALS, credential, event.index)


def _reaffirmed(event: Recorded, rows: WorkingSet) -> None:
    certificate = rows.need(CERTIFICATES, event.stream)
    kept: list[Grant] = []
    if not _washes(event):
        named = event.statement["code"]
        kept = [one for one in certificate.grants if one.get("code", named) != named]
        if certificate.state != CodeState.SUPERSEDED:
            kept = [*_courts_liftings(certificate), *kept]
    grants = [*kept, _grant(event)]
    changed = certificate._replace(grants=grants, reaffirmed_index=event.index)
    rows.put(CERTIFICATES, changed, event.index)


def _erased(event: Recorded, rows: WorkingSet) -> None:
    certificate = rows.need(CERTIFICATES, event.stream)
    rows.put(CERTIFICATES, certificate._replace(erased_index=event.index), event.index)


HANDLERS: Final = {
    ISSUED: _issued,
    SUSPENDED: _suspended,
    REINSTATED: _reinstated,
    REVOKED: _revoked,
    REVOCATION_ANNULLED: _revocation_annulled,
    CORRECTED: _corrected,
    VOIDED: _voided,
    SUPERSEDED: _superseded,
    ORIGINAL_ADDED: _original_added,
    ORIGINAL_REPLACED: _original_replaced,
    CREDENTIALED: _credentialed,
    REAFFIRMED: _reaffirmed,
    ERASED: _erased,
    **court.HANDLERS,
}


def needs(event: Recorded) -> Iterable[tuple[Table[Any], Any]]:
    """The certificate, and the original that the act names; an issuance finds nothing to read."""
    if event.type != ISSUED:
        yield CERTIFICATES, event.stream
        yield CODES, event.statement["code"]
    if event.type == CREDENTIALED:
        yield CREDENTIALS, event.statement["code"]


async def prepare(conn: Connection, page: Sequence[Recorded], rows: WorkingSet) -> None:
    """Have the other originals at hand: a correction overtakes all, a new one copies the first."""
    wanted: set[str] = set()
    for event in page:
        certificate = rows.peek(CERTIFICATES, event.stream)
        if certificate is None:
            # Issued in this page, and so is every original that it has.
            continue
        if event.type == CORRECTED:
            wanted.update(certificate.originals)
        elif event.type in (ORIGINAL_ADDED, ORIGINAL_REPLACED):
            wanted.add(certificate.code)
    await rows.load(conn, {CODES.name: wanted})
