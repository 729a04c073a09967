"""What may be ordered about registers and the numbers in them."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from domain.acts import WITHDRAWING, Act, Command, Scope
from domain.registers.register import Register
from domain.values import (
    MAX_INTEGER,
    AgencyId,
    Claims,
    Day,
    LegalBasis,
    Number,
    Series,
    TypeId,
    Unit,
    Year,
    optional,
)


class Grade(StrEnum):
    """How good the evidence is that an entry says what was issued, the best first."""

    BORN_DIGITAL = "born_digital"
    ORIGINAL_SIGHTED = "original_sighted"
    REGISTER_ONLY = "register_only"
    PAPER_REPLY = "paper_reply"


class EntryState(StrEnum):
    """What the paper register says became of the document."""

    STANDS = "stands"
    CHANGED = "changed"
    REVOKED = "revoked"


class UncoveringReason(StrEnum):
    """Why a register does not count as covered any more."""

    PAGES_MISSING = "pages_missing"
    VOLUME_LOST = "volume_lost"
    DECLARED_IN_ERROR = "declared_in_error"


class VoidingReason(StrEnum):
    """Why a number is given to nothing."""

    FORM_SPOILT = "form_spoilt"
    NUMBER_SKIPPED = "number_skipped"
    NOT_ISSUED = "not_issued"


class AmendmentReason(StrEnum):
    """Why a captured entry is struck."""

    MISREAD = "misread"
    DUPLICATE_ENTRY = "duplicate_entry"
    NOT_IN_REGISTER = "not_in_register"


Incoming = Annotated[
    bool, Field(description="The book of incoming letters, which has numbers of its own.")
]
GradeField = Annotated[Grade, Field(strict=False, description="The grade of evidence.")]
_BASIS = "The law, decision or order that the act rests on."
_ROOM = "/v1/registers/{unit}/{series}/{year}"


class OnRegister(Command):
    """An act on a register of one's own agency, or of a body that it has succeeded there."""

    unit: Unit
    series: Series
    year: Annotated[Year, Field(description="The year of the register.")]
    owner: AgencyId | None = optional(
        "The body whose register it is, where the agency has succeeded it there; left out for the "
        "agency's own."
    )

    @property
    def register(self) -> Register:
        """The register that it is about."""
        return Register(self.owner or self.agency, self.unit, self.series, self.year)


class OnNumber(OnRegister):
    """An act on one number of such a register."""

    number: Number

    @property
    def number_key(self) -> str:
        """The key of the number's claim."""
        return self.register.number_key(self.number)


class CoverRegister(OnRegister):
    """Declare that everything in a register is in this ledger: what is not found was not issued.

    The grade is that of its weakest entries. A later declaration takes the place of this one.
    """

    ACT = Act(
        name="register.cover",
        event="sijill.register.covered.v1",
        path=f"{_ROOM}/coverage",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["register.cover"]
    grade: GradeField
    legal_basis: LegalBasis | None = optional(_BASIS)


class UncoverRegister(OnRegister):
    """Withdraw the declaration that a register is covered; answers of before rested on it."""

    ACT = Act(
        name="register.uncover",
        event="sijill.register.uncovered.v1",
        path=f"{_ROOM}/coverage/withdrawal",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["register.uncover"]
    reason: Annotated[UncoveringReason, Field(strict=False, description="Why.")]
    legal_basis: LegalBasis | None = optional(_BASIS)


class ReserveNumber(OnNumber):
    """Reserve a number, so that nobody else of the agency is given it.

    Whoever reserved it may then issue under it, or void it.
    """

    ACT = Act(
        name="register.reserve",
        event="sijill.register.reserved.v1",
        path=f"{_ROOM}/reservations",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["register.reserve"]


class VoidNumber(OnNumber):
    """Void a number: nothing was issued under it and nothing will be."""

    ACT = Act(
        name="register.void",
        event="sijill.register.number_voided.v1",
        path=f"{_ROOM}/voids",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["register.void"]
    reason: Annotated[VoidingReason, Field(strict=False, description="Why.")]
    incoming: Incoming = False


class CaptureEntry(OnNumber):
    """Take an entry of a paper register over into the ledger, with the grade of its evidence.

    The claims are commitments to fields of the type, and to `document` where a scan shall be
    comparable; none of them is required, because old registers say what they say.
    """

    ACT = Act(
        name="register.capture",
        event="sijill.register.captured.v1",
        path=f"{_ROOM}/entries",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["register.capture"]
    type: TypeId
    date: Day
    grade: GradeField
    entry_state: Annotated[
        EntryState, Field(strict=False, description="What the register says became of it.")
    ] = EntryState.STANDS
    claims: Claims | None = optional("Commitments to what the register says, by field.")


class ConfirmEntry(OnNumber):
    """Give a captured entry another grade of evidence: its original was sighted, or a reply came.

    The state is the one that is known by now.
    """

    ACT = Act(
        name="register.confirm",
        event="sijill.register.confirmed.v1",
        path=f"{_ROOM}/entries/confirmation",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["register.confirm"]
    grade: GradeField
    entry_state: Annotated[EntryState, Field(strict=False, description="What became of it.")] = (
        EntryState.STANDS
    )


class StrikeEntry(OnNumber):
    """Strike a captured entry that was a mistake of the capture. Its number is free again."""

    ACT = Act(
        name="register.strike",
        event="sijill.register.struck.v1",
        path=f"{_ROOM}/entries/striking",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["register.strike"]
    reason: Annotated[AmendmentReason, Field(strict=False, description="Why.")]


class CloseRegister(OnRegister):
    """Close a register whose year is over: it takes no more numbers."""

    ACT = Act(
        name="register.close",
        event="sijill.register.closed.v1",
        path=f"{_ROOM}/closure",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["register.close"]
    incoming: Incoming = False


class CountRegister(OnRegister):
    """Sign how many numbers a closed register holds, of documents and of letters.

    What was given and what was voided before it was closed stays so counted, whatever becomes of
    them later: anybody who may read the register counts the same.
    """

    ACT = Act(
        name="register.count",
        event="sijill.register.counted.v1",
        path=f"{_ROOM}/count",
        scope=Scope.REGISTER,
    )

    act: Literal["register.count"]
    given: Annotated[
        int, Field(ge=0, le=MAX_INTEGER, description="Numbers that something stood under.")
    ]
    voided: Annotated[int, Field(ge=0, le=MAX_INTEGER, description="Numbers that were voided.")]
    incoming: Incoming = False
