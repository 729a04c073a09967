"""Registers in answers."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.common import At, Commitments, Day, Index, Next, Time, exact
from domain.registers import EntryState, Grade


@exact
class WorkingCalendar(TypedDict):
    """When offices are shut, and when what comes in today is due."""

    weekend: Annotated[list[int], Field(description="Days of the week: 1 is Monday.")]
    opens: Annotated[str, Field(description="When offices open, in Baghdad.")]
    shuts: str
    yearly: Annotated[list[str], Field(description="Holidays of every year, MM-DD.")]
    announced: Annotated[list[Day], Field(description="Holidays that were announced.")]
    worked: Annotated[list[Day], Field(description="Days that are worked all the same.")]
    today: Day
    due_date: Day


@exact
class Register(TypedDict):
    """A register and what its agency declared of it."""

    agency: str
    unit: str
    series: str
    year: int
    opened_index: Annotated[int | None, Field(description="Where it was first ordered about.")]
    coverage: Annotated[Grade | None, Field(description="Null: not declared covered.")]
    coverage_index: Index | None
    closed_index: Index | None
    counted_index: Index | None
    given: Annotated[int | None, Field(description="As its agency signed the count.")]
    voided: Annotated[int | None, Field(description="Voided numbers, as signed.")]
    incoming: Annotated[bool, Field(description="Its book of incoming letters.")]


@exact
class RegisterPage(TypedDict):
    """Registers in the order in which they were first ordered about."""

    items: list[Register]
    next: Next
    at: At


@exact
class RegisterCounts(TypedDict):
    """How many numbers of each kind a register holds."""

    given: int
    voided: int
    reserved: Annotated[int, Field(description="Reserved, and nothing issued under them yet.")]
    missing: Annotated[int, Field(description="Numbers between others that hold nothing.")]


@exact
class RegisterShown(Register):
    """One register; counts and the next number for those who may read it."""

    counts: NotRequired[RegisterCounts]
    next: NotRequired[Annotated[int, Field(description="One more than the highest number.")]]
    at: At


@exact
class RegisterEntry(TypedDict):
    """What stands in a register beside the documents that the ledger saw issued."""

    kind: Literal["captured", "voided", "reserved"]
    agency: str
    unit: str
    series: str
    year: int
    number: str
    entry_index: Index
    entry_time: Time
    type: str | None
    date: Day | None
    grade: Grade | None
    state: EntryState | None
    claims: Commitments
    reason: str | None
    struck_index: Index | None
    incoming: bool


@exact
class RegisterEntries(TypedDict):
    """Entries in the order in which they were recorded."""

    items: list[RegisterEntry]
    next: Next
    at: At


@exact
class RegisterNumber(TypedDict):
    """One number of a register."""

    kind: Literal["issued", "captured", "outgoing", "incoming", "voided", "reserved"]
    number: str
    date: Day | None
    index: Index
    time: Time
    ordinal: Annotated[int, Field(description="Its place: the last run of digits but the year.")]


@exact
class RegisterGap(TypedDict):
    """Numbers that hold nothing, from the first to the last."""

    first: int
    last: int


@exact
class RegisterReport(TypedDict):
    """What is odd in a register after one log index."""

    agency: str
    unit: str
    series: str
    year: int
    incoming: bool
    at: At
    calendar_digest: str
    given: int
    missing: int
    gaps: list[RegisterGap]
    voided_count: int
    reserved_count: int
    backdated_count: int
    out_of_hours_count: int
    voided: list[RegisterNumber]
    reserved: list[RegisterNumber]
    backdated: list[RegisterNumber]
    out_of_hours: list[RegisterNumber]


@exact
class RegisterName(TypedDict):
    """A register of the caller's, or its book of incoming letters."""

    unit: str
    series: str
    incoming: bool
    year: int


@exact
class RegistersUsed(TypedDict):
    """Every register of one year."""

    items: list[RegisterName]
    at: At
