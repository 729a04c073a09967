"""What a court may order about any certificate, whoever issued it: commands and facts.

A court suspends and holds; it does not revoke, because withdrawing is its agency's own act, by the
judgment that it cites. Each act of a court names its order, and what ends it names the order that
it ends.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from domain.acts import Act, Command, Scope
from domain.certificates.record import (
    NOTHING_IS_WASHED_SINCE,
    Certificate,
    CourtOrder,
    Grant,
    Status,
)
from domain.ledger import Fact
from domain.values import Day, PublicCode, optional

Reference = Annotated[
    str,
    StringConstraints(
        pattern="^(?:judgment|decision|order):[0-9]{1,6}/[0-9]{4}(?::[0-9]{1,4}){0,3}$"
    ),
]
_ORDER = "The court's order: `judgment`, `decision` or `order`, its number and year."
_ENDED = "The court's order that is ended, as the act said that laid it."
_EFFECTIVE = "The day that the act counts from; when it was recorded is another matter."


class ByCourt(Command):
    """An act of a court on a certificate of any agency, named by one of its codes."""

    code: PublicCode
    legal_basis: Annotated[
        Reference, Field(description=_ORDER, examples=["judgment:12/2026", "order:7/2026:2"])
    ]


class SuspendByCourt(ByCourt):
    """Put a certificate of any agency out of force, by order of a court.

    Its agency cannot reinstate it, strike it or replace it by another; it may revoke it.
    """

    ACT = Act(
        name="certificate.suspend_by_court",
        event="sijill.certificate.suspended_by_court.v1",
        path="/v1/certificates/{code}/court-suspension",
        scope=Scope.COURT,
        bulk=True,
    )

    act: Literal["certificate.suspend_by_court"]
    effective_date: Day | None = optional(_EFFECTIVE)


class LiftCourtSuspension(ByCourt):
    """End a suspension that this court ordered: the certificate returns to where it stood."""

    ACT = Act(
        name="certificate.lift_court_suspension",
        event="sijill.certificate.court_suspension_lifted.v1",
        path="/v1/certificates/{code}/court-suspension/lifting",
        scope=Scope.COURT,
        bulk=True,
    )

    act: Literal["certificate.lift_court_suspension"]
    ends: Annotated[Reference, Field(description=_ENDED)]
    effective_date: Day | None = optional(_EFFECTIVE)


class LayHold(ByCourt):
    """Lay a legal hold: the values of the certificate are not erased while it stands."""

    ACT = Act(
        name="certificate.lay_hold",
        event="sijill.certificate.hold_laid.v1",
        path="/v1/certificates/{code}/holds",
        scope=Scope.COURT,
        bulk=True,
    )

    act: Literal["certificate.lay_hold"]


class ReleaseHold(ByCourt):
    """Release a legal hold that this court laid; others stand."""

    ACT = Act(
        name="certificate.release_hold",
        event="sijill.certificate.hold_released.v1",
        path="/v1/certificates/{code}/holds/release",
        scope=Scope.COURT,
        bulk=True,
    )

    act: Literal["certificate.release_hold"]
    ends: Annotated[Reference, Field(description=_ENDED)]


class SuspendedByCourt(Fact):
    """A court put a certificate out of force."""

    TOPIC = "sijill.certificate.suspended_by_court.v1"

    def apply(self, aggregate: Certificate) -> None:
        """Remember where it stood before the first of a court's orders."""
        if not aggregate.court_orders:
            aggregate.before_court = aggregate.status
        aggregate.status = Status.SUSPENDED
        if self.day >= NOTHING_IS_WASHED_SINCE:
            # The order is laid anew: what counts is how the court ends it now.
            gone = laid_anew(aggregate.grants, self.agency, self.said["legal_basis"])
            aggregate.grants = [one for one in aggregate.grants if one not in gone]
        aggregate.court_orders.append(CourtOrder(self.agency, self.said["legal_basis"]))


class CourtSuspensionLifted(Fact):
    """A court ended its suspension."""

    TOPIC = "sijill.certificate.court_suspension_lifted.v1"

    def apply(self, aggregate: Certificate) -> None:
        """With the last of them it returns to where it stood, unless it was revoked meanwhile."""
        _end(aggregate.court_orders, self)
        # What keeps it from being valid goes, now or once it is lifted elsewhere: it rests on this.
        partial = bool(aggregate.court_orders) or aggregate.status is not Status.SUSPENDED
        lifted = Grant(self.at, self.keys, None, partial, self.agency, self.said["ends"])
        aggregate.grants.append(lifted)
        if aggregate.court_orders:
            return
        if aggregate.status is Status.SUSPENDED:
            aggregate.status = aggregate.before_court
        else:
            aggregate.before_revocation = aggregate.before_court


class HoldLaid(Fact):
    """A court laid a legal hold."""

    TOPIC = "sijill.certificate.hold_laid.v1"

    def apply(self, aggregate: Certificate) -> None:
        """Forbid erasure."""
        aggregate.holds.append(CourtOrder(self.agency, self.said["legal_basis"]))


class HoldReleased(Fact):
    """A court released its hold."""

    TOPIC = "sijill.certificate.hold_released.v1"

    def apply(self, aggregate: Certificate) -> None:
        """With the last of them erasure is a matter of retention again."""
        _end(aggregate.holds, self)


def fitting(orders: Iterable[CourtOrder], court: str, reference: str) -> list[CourtOrder]:
    """What a court's act may mean, first what it ends: its own, else others of that reference."""
    named = [one for one in orders if one.reference == reference]
    return [one for one in named if one.court == court] or named


def laid_anew(grants: Iterable[Grant], court: str, reference: str) -> list[Grant]:
    """The liftings that a court's suspension takes the place of: those of the order that it cites.

    Its own, else those of that reference: a court whose successor it is ended them.
    """
    named = [one for one in grants if one.ends == reference]
    return [one for one in named if one.court == court] or named


def _end(orders: list[CourtOrder], fact: Fact) -> None:
    """Take away the order that an act ends: its own court's, else that of a court it succeeded."""
    orders.remove(fitting(orders, fact.agency, fact.said["ends"])[0])
