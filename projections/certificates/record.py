"""The rows of certificates and of the codes that name their originals."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

from infrastructure.proofs.verdict import CodeState
from projections.keys import Key
from projections.rows import Table

State = Literal["in_force", "suspended", "revoked", "superseded", "voided"]


class Grant(TypedDict):
    """An act by which a certificate is (again) in force: its index and the keys that signed it.

    With `code` it is about that original only; with `court` it is that court's, and `ends` the
    reference of the order that it ended.
    """

    index: int
    keys: list[str]
    code: NotRequired[str]
    court: NotRequired[str]
    ends: NotRequired[str]


class Certificate(NamedTuple):
    """One certificate. Days are ISO of Asia/Baghdad, times µs UTC, indexes log indexes.

    `code` is the first code of the present `edition`; `originals` are all codes that it ever had,
    in order. `state_index`, `reason`, `legal_basis` and `counts_from` (a day) tell of the act that
    made it stand as it does; `before_revocation` is where it would return to. `grants` are the acts
    that it is in force by: one that a void key signed leaves it in doubt. `court_orders` and
    `holds` are what stands of courts, `court reference` each; `before_court` is where it would
    return to without them.
    """

    stream: UUID
    agency: str
    type: str
    unit: str
    series: str
    year: int
    number: str
    folded_number: str
    date: str
    edition: int
    code: str
    originals: list[str]
    issue_index: int
    issue_time: int
    state: str
    state_index: int
    before_revocation: str | None
    reason: str | None
    legal_basis: str | None
    counts_from: str | None
    successor: str | None
    grants: list[Grant]
    reaffirmed_index: int | None = None
    erased_index: int | None = None
    court_orders: list[str] = []  # noqa: RUF012 - a row is never changed in place
    before_court: str | None = None
    holds: list[str] = []  # noqa: RUF012 - a row is never changed in place

    def grants_of(self, code: str) -> Iterator[Grant]:
        """The acts by which the original of that code is in force."""
        return (grant for grant in self.grants if grant.get("code", code) == code)


class Code(NamedTuple):
    """One original and the code that names it.

    `state` is its own: what happened to the whole certificate stands in that. `claims` are the
    commitments by name, those of its edition included. `keys` signed the act that issued it.
    """

    code: str
    stream: UUID
    original: int
    edition: int
    language: str
    effective_date: str
    expiry_date: str | None
    issue_index: int
    issue_time: int
    keys: list[str]
    claims: dict[str, str]
    status_list: int | None
    status_index: int | None
    state: str
    state_index: int
    reason: str | None = None
    successor: str | None = None


class Credential(NamedTuple):
    """The newest credential of an original: which key signed it, and where it was recorded.

    `claim` is the commitment to its bytes, which lie in the vault beside that event.
    """

    code: str
    stream: UUID
    claim: str
    key: str
    recorded_index: int


CERTIFICATES: Final = Table(
    "certificates", Certificate, "stream", documents=frozenset({"grants"}), key_type="uuid"
)
CODES: Final = Table("codes", Code, "code", documents=frozenset({"claims"}))
CREDENTIALS: Final = Table("credentials", Credential, "code")

_WHOLE_RECORD_FIRST: Final = frozenset({CodeState.VOIDED, CodeState.REVOKED})


def deciding(certificate: Certificate, code: Code) -> Certificate | Code:
    """Which of the two says where the original of a code stands.

    What ends the whole record outweighs what became of one original; a suspension does not, since
    an original that was replaced will not come back with the record.
    """
    if certificate.state in _WHOLE_RECORD_FIRST or code.state == CodeState.IN_FORCE:
        return certificate
    return code


def sound(certificate: Certificate, code: Code, keys: Iterable[Key]) -> bool:
    """Whether no key by which the original is in force counted for nothing when it signed."""
    void_from = {key.thumbprint: key.void_from for key in keys}
    return not any(
        (void := void_from.get(thumbprint)) is not None and void <= grant["index"]
        for grant in certificate.grants_of(code.code)
        for thumbprint in grant["keys"]
    )
