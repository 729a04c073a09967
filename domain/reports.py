"""Published reports: an authority stands by figures of the ledger as it was after an event.

The figures themselves are in the log already, and anybody can count them again. What is recorded is
which ones were published: of which index, narrowed to what, with which digest.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from domain.acts import Act, Command, Scope
from domain.catalogue import certificate_type
from domain.errors import ReportInFuture
from domain.ledger import Fact, Record, Sitting, desk
from domain.values import AgencyId, Day, Digest, LogIndex, TypeId, optional


class ReportKind(StrEnum):
    """What is counted."""

    ISSUANCE = "issuance"


class PublishReport(Command):
    """Publish a report: its figures as after an event, named by their digest.

    The digest is over the figures as the format's page spells them, so that whoever has the log can
    count again and compare. A digest that does not come out is refused.
    """

    ACT = Act(
        name="report.publish",
        event="sijill.report.published.v1",
        path="/v1/reports",
        scope=Scope.ATTEST,
    )

    act: Literal["report.publish"]
    report: Annotated[ReportKind, Field(strict=False, description="What is counted.")]
    at: Annotated[LogIndex, Field(description="The event after which it is counted.")]
    digest: Annotated[Digest, Field(description="SHA-256 of the figures, in base64url.")]
    subject: AgencyId | None = optional("Only what this agency did.")
    type: TypeId | None = optional("Only certificates of this type.")
    from_day: Day | None = optional("Only from this day on.")
    to_day: Day | None = optional("Only up to this day.")


class Report(Record):
    """The record of one published report."""

    TOPIC = "sijill.report"

    def begin(self) -> None:
        """Start without anything; the publication says it all."""
        self.digest = ""


class Published(Fact):
    """A report was published."""

    TOPIC = "sijill.report.published.v1"
    OPENS = "sijill.report"

    def apply(self, aggregate: Report) -> None:
        """Remember which."""
        aggregate.digest = self.said["digest"]


@desk(PublishReport)
def publish(order: PublishReport, sitting: Sitting) -> None:
    """Publish figures of a past that everybody can count again."""
    if order.at >= sitting.signed.ledger_size:
        raise ReportInFuture(at=order.at, ledger_size=sitting.signed.ledger_size)
    if order.type is not None:
        certificate_type(order.type)
    sitting.record(Published, on=sitting.new_stream())
