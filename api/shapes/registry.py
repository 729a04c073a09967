"""Agencies, keys, and certificates as their agency reads them."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.common import At, Commitments, Day, Index, Next, Seconds, Thumbprint, Time, exact
from domain.acts import Scope
from domain.catalogue import CertificateType
from domain.values import Jwk, Names, Standing
from infrastructure.proofs.verdict import CodeState


@exact
class Agency(TypedDict):
    """An agency as it stands on the day of the answer."""

    agency: str
    kind: str
    standing: Standing
    founder: bool
    names: Names
    parent: str | None
    added_index: Index


@exact
class NamesByDay(TypedDict):
    """Names, the day from which they hold, and where that was recorded."""

    since: Day
    index: Index
    value: Names


@exact
class ParentByDay(TypedDict):
    """A parent, the day from which it holds, and where that was recorded."""

    since: Day
    index: Index
    value: str | None


@exact
class Succession(TypedDict):
    """That another body answers for it, or for a unit or a series of it, since a log index."""

    index: Index
    successor: str
    unit: str | None
    series: str | None
    since: Annotated[Day, Field(description="The day that the law says.")]


@exact
class AgencyShown(Agency):
    """An agency with the names and parents that it ever had, and who succeeded it."""

    names_by_day: list[NamesByDay]
    parents_by_day: list[ParentByDay]
    successions: list[Succession]
    at: At


@exact
class Answerable(TypedDict):
    """Who answers for a series of an agency, or for all of it."""

    agency: str
    unit: str | None
    series: str | None
    answered_by: str
    at: At


@exact
class AgencyPage(TypedDict):
    """Agencies in the order in which they were added."""

    items: list[Agency]
    next: Next
    at: At


@exact
class Key(TypedDict):
    """A public key: whose it is, what it may sign, and all that ended it."""

    key: Thumbprint
    agency: str
    jwk: Jwk
    scopes: list[Scope]
    office: str
    officer: str
    acting_for: str | None
    custodial: Annotated[bool, Field(description="The data center holds it for the agency.")]
    not_before: Seconds | None
    not_after: Seconds | None
    enrolled_index: Index
    enrolled_by: list[Thumbprint]
    retired_index: Index | None
    compromised_as_of: Index | None
    compromised_index: Index | None
    void_from: Annotated[
        int | None, Field(description="The first index from which its issuances do not count.")
    ]


@exact
class KeyShown(Key):
    """One key."""

    at: At


@exact
class KeyList(TypedDict):
    """Every key that an agency ever had."""

    items: list[Key]
    at: At


@exact
class CertificateTypes(TypedDict):
    """The catalogue of certificate types."""

    items: list[CertificateType]


@exact
class Certificate(TypedDict):
    """A certificate by what stands in clear; `code` is that of its present edition."""

    code: str
    agency: str
    type: str
    type_names: Names
    unit: str
    series: str
    year: int
    number: str
    date: Day
    edition: int
    state: CodeState
    state_index: Annotated[int, Field(ge=0, description="The act that made it stand so.")]
    reason: str | None
    legal_basis: str | None
    counts_from: Day | None
    successor: str | None
    issue_index: Index
    issue_time: Time
    reaffirmed_index: Index | None
    erased_index: Index | None
    court_orders: Annotated[
        list[str],
        Field(description="Suspensions by courts that stand: `court reference` each."),
    ]
    holds: Annotated[list[str], Field(description="Legal holds that stand, likewise.")]


@exact
class CertificateListed(Certificate):
    """A certificate in a list."""

    in_doubt: Annotated[bool, Field(description="It waits for re-affirmation by its agency.")]
    doubted: Annotated[
        list[str], Field(description="The codes to re-affirm, each by an order of its own.")
    ]


@exact
class CertificatePage(TypedDict):
    """Certificates in the order in which they were issued."""

    items: list[CertificateListed]
    next: Next
    at: At


@exact
class StatusPlace(TypedDict):
    """Where the status of an original stands in the status lists."""

    list: int | None
    index: int | None


@exact
class Original(TypedDict):
    """One original and the code that names it."""

    code: str
    edition: int
    original: int
    state: CodeState
    issue_index: Index
    issue_time: Time
    successor: str | None
    effective_date: Day
    expiry_date: Day | None
    language: str
    status: StatusPlace
    claims: Commitments
    credential_index: Annotated[
        int | None, Field(description="Where its newest credential was recorded.")
    ]


@exact
class CredentialShown(TypedDict):
    """A credential, and the key that signed it."""

    code: str
    credential: Annotated[str, Field(description="The COSE_Sign1 in base64url.")]
    key: Thumbprint
    custodial: Annotated[bool, Field(description="The data center holds that key.")]
    index: Annotated[int, Field(description="Where the log commits to it.")]


@exact
class CertificateShown(Certificate):
    """One certificate with its originals, and its values where the caller is its agency."""

    asked_code: str
    values: dict[str, str]
    originals: list[Original]
    at: At
