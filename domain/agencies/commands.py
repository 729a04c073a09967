"""What may be ordered about agencies."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from domain.acts import Act, Command, Cosigning, Scope
from domain.values import AgencyId, Day, LegalBasis, Names, Series, Unit, Value, optional


class Kind(StrEnum):
    """What kind of body an agency is."""

    GENERAL_SECRETARIAT = "general_secretariat"
    MINISTRY = "ministry"
    NON_MINISTRY_BODY = "non_ministry_body"
    INDEPENDENT_COMMISSION = "independent_commission"
    REGION = "region"
    GOVERNORATE = "governorate"
    DIRECTORATE = "directorate"


class SuspensionReason(StrEnum):
    """Why an agency may not issue for now."""

    SECURITY_INCIDENT = "security_incident"
    LEGAL_ORDER = "legal_order"
    INACTIVITY = "inactivity"
    OWN_REQUEST = "own_request"


class ClosureReason(StrEnum):
    """Why an agency is no more."""

    ABOLISHED = "abolished"
    MERGED = "merged"
    SPLIT = "split"
    NEVER_LINKED = "never_linked"


KindField = Annotated[Kind, Field(strict=False, description="What kind of body it is.")]
Subject = Annotated[AgencyId, Field(description="The agency that the act is about.")]
_BASIS = "The law, decision or order that the act rests on."


class AddAgency(Command):
    """Enter an agency into the ledger, as planned. Its id is given for ever."""

    ACT = Act(
        name="agency.add",
        event="sijill.agency.added.v1",
        path="/v1/agencies",
        scope=Scope.ADMINISTER,
        founders_only=True,
    )

    act: Literal["agency.add"]
    subject: Annotated[AgencyId, Field(description="The new agency's id.")]
    kind: KindField
    names: Names
    parent: AgencyId | None = optional("The agency that it stands under.")
    effective_date: Day | None = optional(
        "Since when it has its name and parent; without it always."
    )
    legal_basis: LegalBasis | None = optional(_BASIS)


class LinkAgency(Command):
    """Link a planned agency: from now on its keys may issue."""

    ACT = Act(
        name="agency.link",
        event="sijill.agency.linked.v1",
        path="/v1/agencies/{subject}/linking",
        scope=Scope.ADMINISTER,
        founders_only=True,
    )

    act: Literal["agency.link"]
    subject: Subject
    legal_basis: LegalBasis | None = optional(_BASIS)


class SuspendAgency(Command):
    """Suspend a linked agency: it may only withdraw."""

    ACT = Act(
        name="agency.suspend",
        event="sijill.agency.suspended.v1",
        path="/v1/agencies/{subject}/suspension",
        scope=Scope.ADMINISTER,
        founders_only=True,
    )

    act: Literal["agency.suspend"]
    subject: Subject
    reason: Annotated[SuspensionReason, Field(strict=False, description="Why.")]
    legal_basis: LegalBasis | None = optional(_BASIS)


class ReinstateAgency(Command):
    """Let a suspended agency act again."""

    ACT = Act(
        name="agency.reinstate",
        event="sijill.agency.reinstated.v1",
        path="/v1/agencies/{subject}/reinstatement",
        scope=Scope.ADMINISTER,
        founders_only=True,
    )

    act: Literal["agency.reinstate"]
    subject: Subject
    legal_basis: LegalBasis | None = optional(_BASIS)


class CloseAgency(Command):
    """Close an agency for good. What it issued stays as it is.

    Nobody acts on it any more, until the agency is merged, or split with `rest`, after all.
    """

    ACT = Act(
        name="agency.close",
        event="sijill.agency.closed.v1",
        path="/v1/agencies/{subject}/closure",
        scope=Scope.ADMINISTER,
        founders_only=True,
    )

    act: Literal["agency.close"]
    subject: Subject
    reason: Annotated[ClosureReason, Field(strict=False, description="Why.")]
    legal_basis: LegalBasis | None = optional(_BASIS)


class RenameAgency(Command):
    """Give an agency another name from a day on; names of the past stay known."""

    ACT = Act(
        name="agency.rename",
        event="sijill.agency.renamed.v1",
        path="/v1/agencies/{subject}/name",
        scope=Scope.ADMINISTER,
        founders_only=True,
    )

    act: Literal["agency.rename"]
    subject: Subject
    names: Names
    effective_date: Day
    legal_basis: LegalBasis | None = optional(_BASIS)


class ReparentAgency(Command):
    """Put an agency under another one from a day on, or under none.

    Both founders sign: a linked parent stands in for one of them when the agency's first key is
    enrolled, so whoever chose the parent alone would choose a witness.
    """

    ACT = Act(
        name="agency.reparent",
        event="sijill.agency.reparented.v1",
        path="/v1/agencies/{subject}/parent",
        scope=Scope.ADMINISTER,
        cosigning=Cosigning.AUTHORITIES,
        founders_only=True,
    )

    act: Literal["agency.reparent"]
    subject: Subject
    parent: AgencyId | None = optional("The new parent; left out for none.")
    effective_date: Day
    legal_basis: LegalBasis | None = optional(_BASIS)


_SUCCESSOR = "The body that answers for it from now on: linked, and not itself."
_FROM = "The day that it counts from; the act itself takes effect when it is recorded."


class MergeAgency(Command):
    """Let an agency end in another one, which answers for all that it did, and goes on with it.

    Nothing is moved: who answers for a record is found by following what is recorded here. Both
    founders sign, because the successor may withdraw and correct what the other issued.
    """

    ACT = Act(
        name="agency.merge",
        event="sijill.agency.merged.v1",
        path="/v1/agencies/{subject}/merger",
        scope=Scope.ADMINISTER,
        cosigning=Cosigning.AUTHORITIES,
        founders_only=True,
    )

    act: Literal["agency.merge"]
    subject: Subject
    successor: Annotated[AgencyId, Field(description=_SUCCESSOR)]
    effective_date: Annotated[Day, Field(description=_FROM)]
    legal_basis: Annotated[LegalBasis, Field(description=_BASIS)]


class Share(Value):
    """What of a split agency goes to one body: a unit with all its series, or one series of it."""

    unit: Unit
    series: Series | None = optional("One number series of the unit; left out for all of them.")
    successor: Annotated[AgencyId, Field(description=_SUCCESSOR)]


class SplitAgency(Command):
    """Let other bodies answer for parts of an agency, by register unit and number series.

    With `rest` the agency ends and that body has what no share names; without it the agency goes on
    with that. As for a merger nothing is moved, and both founders sign.
    """

    ACT = Act(
        name="agency.split",
        event="sijill.agency.split.v1",
        path="/v1/agencies/{subject}/split",
        scope=Scope.ADMINISTER,
        cosigning=Cosigning.AUTHORITIES,
        founders_only=True,
    )

    act: Literal["agency.split"]
    subject: Subject
    shares: Annotated[list[Share], Field(min_length=1, max_length=200, description="Who has what.")]
    rest: AgencyId | None = optional("The body that has the rest; left out, the agency itself.")
    effective_date: Annotated[Day, Field(description=_FROM)]
    legal_basis: Annotated[LegalBasis, Field(description=_BASIS)]
