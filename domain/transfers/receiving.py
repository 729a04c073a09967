"""What the receiver of a letter may order, and what is entered of letters that came on paper."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from domain.acts import WITHDRAWING, Act, Scope
from domain.transfers.commands import (
    PRIORITY,
    SECRECY,
    Answered,
    LetterLanguage,
    NewConsignment,
    OnConsignment,
    Registration,
)
from domain.transfers.words import (
    ClosingReason,
    CorrespondentKind,
    RefusalReason,
    ReopeningReason,
    ReturnReason,
)
from domain.values import AgencyId, Claims, Day, LogIndex, Number, Unit, optional

_PATH = "/v1/transfers/{sender}/{consignment}"
Released = Annotated[
    bool, Field(description="Whether the other parties may read it; else it stays inside.")
]


class AcknowledgeDelivery(OnConsignment):
    """Acknowledge that the letter has arrived. That is transport: nobody has read it yet."""

    ACT = Act(
        name="transfer.acknowledge",
        event="sijill.transfer.delivered.v1",
        path=f"{_PATH}/delivery",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.acknowledge"]


class OpenTransfer(OnConsignment):
    """Open the letter: by which officer's key, and when, is recorded. That registers nothing."""

    ACT = Act(
        name="transfer.open",
        event="sijill.transfer.opened.v1",
        path=f"{_PATH}/opening",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.open"]


class RegisterIncoming(OnConsignment, Registration):
    """Register the letter as incoming, under the receiver's own number and date.

    This is the business receipt. An original or a case file passes into the receiver's custody.
    """

    ACT = Act(
        name="transfer.register",
        event="sijill.transfer.registered_incoming.v1",
        path=f"{_PATH}/registration",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.register"]


class RectifyRegistration(OnConsignment, Registration):
    """Put an incoming registration right; both, the wrong and the right one, stay shown."""

    ACT = Act(
        name="transfer.rectify",
        event="sijill.transfer.incoming_rectified.v1",
        path=f"{_PATH}/rectification",
        scope=Scope.REGISTER,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.rectify"]


class AnnotateTransfer(OnConsignment):
    """Write a marginal note (هامش) on one's own copy, or as holder of an original or case file.

    Claims: `note`.
    """

    ACT = Act(
        name="transfer.annotate",
        event="sijill.transfer.annotated.v1",
        path=f"{_PATH}/notes",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.annotate"]
    released: Released = False
    claims: Claims


class RectifyNote(OnConsignment):
    """Put a note right; both, the wrong and the right one, stay shown. Claims: `note`."""

    ACT = Act(
        name="transfer.rectify_note",
        event="sijill.transfer.note_rectified.v1",
        path=f"{_PATH}/notes/rectification",
        scope=Scope.REGISTER,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.rectify_note"]
    note_index: Annotated[LogIndex, Field(description="The log index of the note.")]
    claims: Claims


class ReferTransfer(OnConsignment):
    """Refer (إحالة) a registered letter to a unit inside the agency. Claims: `note`, if any."""

    ACT = Act(
        name="transfer.refer",
        event="sijill.transfer.referred.v1",
        path=f"{_PATH}/referrals",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.refer"]
    unit: Annotated[Unit, Field(description="The unit that has to deal with it.")]
    released: Released = False
    claims: Claims | None = optional("A commitment to a `note` that goes with it.")


class ReleaseNote(OnConsignment):
    """Let the other parties read a note or a referral that has stayed inside."""

    ACT = Act(
        name="transfer.release",
        event="sijill.transfer.note_released.v1",
        path=f"{_PATH}/notes/release",
        scope=Scope.REGISTER,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.release"]
    note_index: Annotated[LogIndex, Field(description="The log index of the note or referral.")]


class ReferOnward(OnConsignment):
    """Refer a registered letter to another agency; hand on an original or a case file.

    A new consignment begins, whose sender is the agency that refers.
    """

    ACT = Act(
        name="transfer.refer_onward",
        event="sijill.transfer.referred_onward.v1",
        path=f"{_PATH}/onward",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["transfer.refer_onward"]
    new_consignment: NewConsignment
    addressee: Annotated[AgencyId, Field(description="The agency that it is referred to.")]
    due_date: Day | None = optional("The day by which an answer is due.")


class ReturnTransfer(OnConsignment):
    """Send a letter back to its sender."""

    ACT = Act(
        name="transfer.return",
        event="sijill.transfer.returned.v1",
        path=f"{_PATH}/return",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.return"]
    reason: Annotated[ReturnReason, Field(strict=False, description="Why.")]


class RefuseTransfer(OnConsignment):
    """Refuse a letter that is not registered yet, with a reason that is counted."""

    ACT = Act(
        name="transfer.refuse",
        event="sijill.transfer.refused.v1",
        path=f"{_PATH}/refusal",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.refuse"]
    reason: Annotated[RefusalReason, Field(strict=False, description="Why.")]


class CloseTransfer(OnConsignment):
    """Close a registered letter: it has been dealt with."""

    ACT = Act(
        name="transfer.close",
        event="sijill.transfer.closed.v1",
        path=f"{_PATH}/closing",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.close"]
    reason: Annotated[ClosingReason, Field(strict=False, description="With what.")]


class ReopenTransfer(OnConsignment):
    """Take a closed letter up again."""

    ACT = Act(
        name="transfer.reopen",
        event="sijill.transfer.reopened.v1",
        path=f"{_PATH}/reopening",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.reopen"]
    reason: Annotated[ReopeningReason, Field(strict=False, description="Why.")]


class ArchiveTransfer(OnConsignment):
    """Archive a closed letter: the end of its life."""

    ACT = Act(
        name="transfer.archive",
        event="sijill.transfer.archived.v1",
        path=f"{_PATH}/archiving",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.archive"]


class ReceiveOnPaper(Registration):
    """Register a letter that came on paper, from outside the network.

    Claims: `subject`; `correspondent_name` for a person or company; `document` and `attachment_1` …
    where it was scanned.
    """

    ACT = Act(
        name="transfer.receive_on_paper",
        event="sijill.transfer.received_on_paper.v1",
        path="/v1/transfers/paper",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.receive_on_paper"]
    new_consignment: NewConsignment
    correspondent: Annotated[
        CorrespondentKind, Field(strict=False, description="Who wrote it, as a kind.")
    ]
    originator: AgencyId | None = optional("The body that wrote it, where the ledger knows it.")
    their_number: Number | None = optional("The number that the letter bears.")
    their_date: Day | None = optional("The date that the letter bears.")
    answers: Answered | None = optional("The consignment, sent on paper, that it answers.")
    language: LetterLanguage
    priority: PRIORITY
    secrecy: SECRECY
    due_date: Day | None = optional("The day by which an answer is due.")
    claims: Claims

    @model_validator(mode="after")
    def _body_is_public(self) -> Self:
        if self.originator and self.correspondent is not CorrespondentKind.PUBLIC_BODY:
            raise PydanticCustomError("originator_superfluous", "only a public body is named")
        return self
