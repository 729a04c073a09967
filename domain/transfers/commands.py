"""What the sender of a letter may order, and what every act about letters has in common."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from domain.acts import WITHDRAWING, Act, Command, Scope
from domain.transfers.words import (
    CancellationReason,
    CorrespondentKind,
    LetterKind,
    Priority,
    Secrecy,
    WithdrawalReason,
)
from domain.values import (
    AgencyId,
    Claims,
    Day,
    Language,
    LegalBasis,
    Number,
    Series,
    Unit,
    Value,
    Year,
    optional,
)

MAX_RECIPIENTS = 2000

_ID = "^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
RecordId = Annotated[
    str,
    StringConstraints(pattern=_ID),
    Field(
        description="A UUID (RFC 9562) in lower case, drawn at random by its sender; it counts "
        "together with the sender's id.",
        examples=["0d3c5f0e-9f4c-4c57-9d0e-4f6f6c0a7b11"],
    ),
]
Recipients = Annotated[tuple[AgencyId, ...], Field(strict=False, max_length=MAX_RECIPIENTS)]
LetterLanguage = Annotated[
    Language, Field(strict=False, description="The language that the letter is written in.")
]
Letter = Annotated[RecordId, Field(description="The letter's id, as its sender drew it.")]
Consignment = Annotated[RecordId, Field(description="The consignment's id, as it was drawn.")]
NewConsignment = Annotated[
    RecordId, Field(description="The new consignment's id, drawn by the client.")
]
DueDate = Annotated[Day, Field(description="The day by which an answer is due.")]
PRIORITY = Annotated[Priority, Field(strict=False, description="How soon.")]
SECRECY = Annotated[Secrecy, Field(strict=False, description="The class written on it.")]


class Answered(Value):
    """The consignment that a letter answers."""

    sender: AgencyId
    consignment: RecordId


class Older(Value):
    """A letter from before the ledger, by its number and date; nobody here has verified it."""

    number: Number
    date: Day


class Registration(Command):
    """An act that enters something under a number and date of the agency's own registers."""

    unit: Unit
    series: Series
    year: Year
    number: Number
    date: Day


class RegisterOutgoing(Registration):
    """Register a letter as outgoing, under the sender's own number and date.

    Nothing is sent yet: each addressee, and each copy, is dispatched to (or sent to on paper). Who
    they are is fixed from here on. An original or a case file may name nobody: it is kept, and
    handed to whoever comes to need it. Claims: `subject`; `document` (the letter itself) and
    `attachment_1` … by their SHA-256; `correspondent_name` for somebody outside the network.
    """

    ACT = Act(
        name="transfer.register_outgoing",
        event="sijill.transfer.registered_outgoing.v1",
        path="/v1/transfers",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["transfer.register_outgoing"]
    new_letter: Annotated[RecordId, Field(description="The letter's id, drawn by the client.")]
    kind: Annotated[LetterKind, Field(strict=False, description="What it is.")]
    language: LetterLanguage
    priority: PRIORITY
    secrecy: SECRECY
    to: Annotated[Recipients, Field(description="The addressees (إلى).")] = ()
    copy_to: Annotated[Recipients, Field(description="Who gets a copy (نسخة منه إلى).")] = ()
    correspondent: Annotated[CorrespondentKind, Field(strict=False)] | None = optional(
        "An addressee outside the network."
    )
    answers: Answered | None = optional("The consignment that this letter answers.")
    answers_older: Older | None = optional("The letter from before the ledger that it answers.")
    legal_basis: LegalBasis | None = optional("The law, decision or order that it rests on.")
    claims: Claims

    @model_validator(mode="after")
    def _one_reference(self) -> Self:
        if self.answers is not None and self.answers_older is not None:
            raise PydanticCustomError("answers_twice", "a letter answers one letter")
        return self


class OnLetter(Command):
    """An act of the sender's on a letter of its own."""

    sender: Annotated[AgencyId, Field(description="The agency that registered the letter.")]
    letter: Letter


class DispatchLetter(OnLetter):
    """Dispatch a letter to one of its addressees, by the network.

    A circular is dispatched by a bulk, `atomic` where it is to reach all or none: a line each. The
    same consignment sent again is answered with what was recorded.
    """

    ACT = Act(
        name="transfer.dispatch",
        event="sijill.transfer.dispatched.v1",
        path="/v1/transfers/{sender}/{letter}/dispatch",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["transfer.dispatch"]
    new_consignment: NewConsignment
    addressee: Annotated[AgencyId, Field(description="One of the letter's addressees.")]
    due_date: Day | None = optional("The day by which this addressee's answer is due.")


class SendOnPaper(OnLetter):
    """Record that a letter goes on paper: to an addressee without the network, or outside it."""

    ACT = Act(
        name="transfer.send_on_paper",
        event="sijill.transfer.sent_on_paper.v1",
        path="/v1/transfers/{sender}/{letter}/paper",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["transfer.send_on_paper"]
    new_consignment: NewConsignment
    addressee: AgencyId | None = optional(
        "One of the letter's addressees; left out for the correspondent outside the network."
    )


class CancelLetter(OnLetter):
    """Cancel a letter or a circular: it counts no more, and is dispatched to nobody else.

    What was dispatched stays where it is, shown as cancelled.
    """

    ACT = Act(
        name="transfer.cancel",
        event="sijill.transfer.cancelled.v1",
        path="/v1/transfers/{sender}/{letter}/cancellation",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.cancel"]
    reason: Annotated[CancellationReason, Field(strict=False, description="Why.")]


class RectifyOutgoing(OnLetter, Registration):
    """Put a letter's outgoing registration right; both, the wrong and the right one, stay shown."""

    ACT = Act(
        name="transfer.rectify_outgoing",
        event="sijill.transfer.outgoing_rectified.v1",
        path="/v1/transfers/{sender}/{letter}/rectification",
        scope=Scope.REGISTER,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.rectify_outgoing"]


class OnConsignment(Command):
    """An act on a consignment: a letter on its way to, or arrived at, one addressee."""

    sender: Annotated[AgencyId, Field(description="The agency that drew the consignment's id.")]
    consignment: Consignment


class WithdrawTransfer(OnConsignment):
    """Take a letter back that its addressee has not registered yet."""

    ACT = Act(
        name="transfer.withdraw",
        event="sijill.transfer.withdrawn.v1",
        path="/v1/transfers/{sender}/{consignment}/withdrawal",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["transfer.withdraw"]
    reason: Annotated[WithdrawalReason, Field(strict=False, description="Why.")]


class RemindAddressee(OnConsignment):
    """Remind the addressee (تأكيد)."""

    ACT = Act(
        name="transfer.remind",
        event="sijill.transfer.reminded.v1",
        path="/v1/transfers/{sender}/{consignment}/reminders",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["transfer.remind"]


class SetDueDate(OnConsignment):
    """Set the day by which an answer is due, where there is none."""

    ACT = Act(
        name="transfer.set_due_date",
        event="sijill.transfer.due_date_set.v1",
        path="/v1/transfers/{sender}/{consignment}/due-date",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["transfer.set_due_date"]
    due_date: DueDate


class ExtendDueDate(OnConsignment):
    """Give more time."""

    ACT = Act(
        name="transfer.extend_due_date",
        event="sijill.transfer.due_date_extended.v1",
        path="/v1/transfers/{sender}/{consignment}/due-date/extension",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["transfer.extend_due_date"]
    due_date: DueDate
