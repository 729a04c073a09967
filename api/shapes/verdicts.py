"""Verdicts, and figures over many records."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.common import At, Day, Index, Problem, Time, exact
from domain.values import Names
from infrastructure.proofs.verdict import CodeState, Outcome, Reason


@exact
class Questions(TypedDict):
    """The three questions, each with its own word."""

    unchanged: Literal["matches", "differs", "could_not_compare", "not_compared", "signed"]
    issuer: Literal["authorised", "not_entitled", "key_compromised", "unknown"]
    in_force: CodeState | Literal["not_yet", "expired", "unknown"]


@exact
class Compared(TypedDict):
    """How what was presented compared; names only, never values."""

    matched: list[str]
    mismatched: list[str]
    not_comparable: list[str]
    not_compared: Annotated[list[str], Field(description="What could be compared, and was not.")]


@exact
class VerifiedRecord(TypedDict):
    """What anybody may know of the record behind a code."""

    code: str
    agency: str
    agency_names: Names
    answered_by: Annotated[
        str | None,
        Field(description="The body that answers for it now, where its issuer was succeeded."),
    ]
    type: str
    type_names: Names
    index: Index
    recorded: Time
    custodial: bool
    successor: str | None
    withdrawal_reason: str | None
    withdrawn_index: Index | None
    edition: int
    max_status_age_seconds: int


@exact
class VerdictBasis(TypedDict):
    """What a verdict rests on."""

    index: Annotated[int, Field(ge=-1, description="The last log index that was applied.")]
    age_seconds: int


@exact
class Verdict(TypedDict):
    """One honest answer, its texts in the caller's language."""

    outcome: Outcome
    reason: Reason
    headline: str
    text: str
    advice: str
    questions: Questions
    compared: Compared
    record: VerifiedRecord | None
    basis: NotRequired[
        Annotated[VerdictBasis | None, Field(description="Absent where the ledger was not asked.")]
    ]
    receipt: NotRequired[
        Annotated[
            str,
            Field(
                description="The verdict as a note signed by the ledger, where it was asked for. "
                "Of what could not be read or checked there is none."
            ),
        ]
    ]


@exact
class Unanswered(TypedDict):
    """A question of a batch that is refused; the others are not."""

    problem: Problem


@exact
class VerdictBatch(TypedDict):
    """An answer to each question of a batch, in their order."""

    items: list[Verdict | Unanswered]


@exact
class Counted(TypedDict):
    """What one agency did with certificates of one type on one day."""

    agency: str
    type: str
    day: Day
    issued: int
    withdrawn: int
    acts: Annotated[dict[str, int], Field(description="All acts, by kind.")]


@exact
class Totals(TypedDict):
    """All days together."""

    issued: int
    withdrawn: int


@exact
class IssuanceReport(TypedDict):
    """Figures pinned to a log index."""

    at: At
    items: list[Counted]
    totals: Totals
    digest: Annotated[str, Field(description="What a publication of these figures signs.")]


@exact
class PublishedReport(TypedDict):
    """Figures that an authority stands by."""

    index: Annotated[int, Field(description="Where it was published.")]
    agency: str
    report: str
    at: At
    digest: str
    subject: str | None
    type: str | None
    from_day: Day | None
    to_day: Day | None


@exact
class PublishedPage(TypedDict):
    """One page of published reports."""

    items: list[PublishedReport]
    next: int | None
    at: At


@exact
class StatusLists(TypedDict):
    """The aggregation of the draft: where every status list is."""

    status_lists: Annotated[list[str], Field(description="Their names, which are addresses.")]


@exact
class ReportTaken(TypedDict):
    """A report as it was taken."""

    code: str
    kind: str


@exact
class Suspicion(TypedDict):
    """How often one thing was reported of one code on one day."""

    day: Day
    code: str
    kind: str
    reports: Annotated[int, Field(ge=1)]
    first: Time
    last: Time
    issuer: Annotated[str | None, Field(description="None: no certificate has this code.")]
    claimed: Annotated[str | None, Field(description="Whom such a paper names, if it was told.")]


@exact
class SuspicionPage(TypedDict):
    """Reports of suspected forgeries."""

    items: list[Suspicion]


@exact
class TrustList(TypedDict):
    """A trust list; `docs/reference/credential-format.md` says what `content` holds."""

    content: dict[str, Any]
    note: Annotated[str, Field(description="A signed note, `sijill-trust/v1`.")]
    checkpoint: Annotated[str, Field(description="The checkpoint of the same size.")]
