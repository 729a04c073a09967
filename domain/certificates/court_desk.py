"""The rules of a court's acts about certificates. A court may name any certificate."""

from collections.abc import Iterable

from domain.agencies import responsible
from domain.certificates import court
from domain.certificates.record import (
    NOTHING_IS_WASHED_SINCE,
    Certificate,
    CourtOrder,
    Original,
    Status,
)
from domain.certificates.standing import ALIVE, check_named, check_status
from domain.errors import CertificateUnknown, CourtOrderRepeated, CourtOrderUnknown
from domain.ledger import Sitting, desk


@desk(court.SuspendByCourt)
def suspend(order: court.SuspendByCourt, sitting: Sitting) -> None:
    """Suspend a certificate in force, or one that its agency has suspended already."""
    certificate, original = _found(order.code, sitting)
    check_named(original)
    check_status(certificate, order.code, ALIVE)
    _check_new(certificate.court_orders, order, order.code)
    _check_laid_anew(certificate, order, sitting)
    sitting.check_not_future(order.effective_date)
    sitting.record(court.SuspendedByCourt, on=certificate)


@desk(court.LiftCourtSuspension)
def lift(order: court.LiftCourtSuspension, sitting: Sitting) -> None:
    """End one suspension by this court; after a revocation too, should that be annulled."""
    certificate, _ = _found(order.code, sitting)
    check_status(certificate, order.code, ALIVE | {Status.REVOKED})
    _check_standing(certificate.court_orders, order, order.ends, sitting)
    sitting.check_not_future(order.effective_date)
    sitting.record(court.CourtSuspensionLifted, on=certificate)


@desk(court.LayHold)
def lay_hold(order: court.LayHold, sitting: Sitting) -> None:
    """Lay a hold on a certificate however it stands: a revoked one is evidence, too."""
    certificate, _ = _found(order.code, sitting)
    _check_new(certificate.holds, order, order.code)
    sitting.record(court.HoldLaid, on=certificate)


@desk(court.ReleaseHold)
def release_hold(order: court.ReleaseHold, sitting: Sitting) -> None:
    """Release one hold of this court."""
    certificate, _ = _found(order.code, sitting)
    _check_standing(certificate.holds, order, order.ends, sitting)
    sitting.record(court.HoldReleased, on=certificate)


def _found(code: str, sitting: Sitting) -> tuple[Certificate, Original]:
    """A certificate of whatever agency, and the original that the code names."""
    stream = sitting.find("code", code)
    record = sitting.load(stream) if stream else None
    if not isinstance(record, Certificate):
        raise CertificateUnknown(code=code)
    return record, sitting.part(record, record.originals, code)


def _check_new(orders: Iterable[CourtOrder], order: court.ByCourt, code: str) -> None:
    if CourtOrder(order.agency, order.legal_basis) in orders:
        raise CourtOrderRepeated(code=code)


def _check_laid_anew(
    certificate: Certificate, order: court.SuspendByCourt, sitting: Sitting
) -> None:
    """What another court lifted is laid anew by who answers for it; others cite what is not its."""
    if sitting.today < NOTHING_IS_WASHED_SINCE:
        return
    for one in court.laid_anew(certificate.grants, order.agency, order.legal_basis):
        if one.court is not None and not _answers(order.agency, one.court, sitting):
            raise CourtOrderRepeated(code=order.code)


def _check_standing(
    orders: Iterable[CourtOrder], order: court.ByCourt, ended: str, sitting: Sitting
) -> None:
    """An order is ended by the court that gave it, or by the one that answers for it now."""
    for one in court.fitting(orders, order.agency, ended)[:1]:
        if _answers(order.agency, one.court, sitting):
            return
    raise CourtOrderUnknown(code=order.code)


def _answers(agency: str, ordered: str, sitting: Sitting) -> bool:
    return agency in (ordered, responsible(ordered, None, None, sitting.agency))
