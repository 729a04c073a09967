"""What a court's orders do to the row of a certificate."""

from typing import Final

from domain.certificates import NOTHING_IS_WASHED_SINCE
from domain.values import baghdad_day
from infrastructure.log.follower import Recorded
from infrastructure.proofs.verdict import CodeState
from projections.certificates.record import CERTIFICATES, Certificate, Grant
from projections.rows import WorkingSet

SUSPENDED_BY_COURT: Final = "sijill.certificate.suspended_by_court.v1"
COURT_SUSPENSION_LIFTED: Final = "sijill.certificate.court_suspension_lifted.v1"
HOLD_LAID: Final = "sijill.certificate.hold_laid.v1"
HOLD_RELEASED: Final = "sijill.certificate.hold_released.v1"

COURT_ORDER: Final = "court_order"
"""The reason of what a court has suspended: its order is the legal basis."""


def _named(event: Recorded, member: str) -> str:
    return f"{event.agency} {event.statement[member]}"


def _without(orders: list[str], event: Recorded) -> list[str]:
    """The orders without the one that is ended: the court's own, else one that it succeeded to."""
    own, ended = _named(event, "ends"), event.statement["ends"]
    gone = own if own in orders else next(one for one in orders if one.split()[1] == ended)
    kept = list(orders)
    kept.remove(gone)
    return kept


def _without_laid_anew(grants: list[Grant], event: Recorded) -> list[Grant]:
    """The grants without the liftings of the order that is laid anew: the court's own, else all."""
    named = [one for one in grants if one.get("ends") == event.statement["legal_basis"]]
    gone = [one for one in named if one["court"] == event.agency] or named
    return [one for one in grants if one not in gone]


def _stands(
    event: Recorded, certificate: Certificate, state: str, reason: str | None
) -> Certificate:
    return certificate._replace(
        state=state,
        state_index=event.index,
        reason=reason,
        legal_basis=event.statement["legal_basis"],
        counts_from=event.statement.get("effective_date"),
    )


def _suspended(event: Recorded, rows: WorkingSet) -> None:
    certificate = rows.need(CERTIFICATES, event.stream)
    if not certificate.court_orders:
        certificate = certificate._replace(before_court=certificate.state)
    orders = [*certificate.court_orders, _named(event, "legal_basis")]
    changed = _stands(event, certificate, CodeState.SUSPENDED.value, COURT_ORDER)
    if baghdad_day(event.time) >= NOTHING_IS_WASHED_SINCE:
        changed = changed._replace(grants=_without_laid_anew(certificate.grants, event))
    rows.put(CERTIFICATES, changed._replace(court_orders=orders), event.index)


def _lifted(event: Recorded, rows: WorkingSet) -> None:
    certificate = rows.need(CERTIFICATES, event.stream)
    orders = _without(certificate.court_orders, event)
    before = certificate.before_court or CodeState.IN_FORCE.value
    ended = event.statement["ends"]
    grant = Grant(index=event.index, keys=list(event.keys), court=event.agency, ends=ended)
    changed = certificate._replace(court_orders=orders, grants=[*certificate.grants, grant])
    if not orders:
        changed = changed._replace(before_court=None)
        if certificate.state == CodeState.SUSPENDED.value:
            changed = _stands(event, changed, before, None)
        else:
            changed = changed._replace(before_revocation=before)
    rows.put(CERTIFICATES, changed, event.index)


def _hold_laid(event: Recorded, rows: WorkingSet) -> None:
    certificate = rows.need(CERTIFICATES, event.stream)
    holds = [*certificate.holds, _named(event, "legal_basis")]
    rows.put(CERTIFICATES, certificate._replace(holds=holds), event.index)


def _hold_released(event: Recorded, rows: WorkingSet) -> None:
    certificate = rows.need(CERTIFICATES, event.stream)
    holds = _without(certificate.holds, event)
    rows.put(CERTIFICATES, certificate._replace(holds=holds), event.index)


HANDLERS: Final = {
    SUSPENDED_BY_COURT: _suspended,
    COURT_SUSPENSION_LIFTED: _lifted,
    HOLD_LAID: _hold_laid,
    HOLD_RELEASED: _hold_released,
}
