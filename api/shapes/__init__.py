"""The shapes of answers, for the contract alone: no handler makes one, or is held to one here.

Handlers answer with plain dictionaries, which cost nothing to check. The tests hold every answer
that they are given against these.
"""

from typing import Any

from pydantic import TypeAdapter

from api.shapes.attachments import Attachment, AttachmentList, Upload
from api.shapes.authenticity import AuthenticityReport, HolderAnswer, RequestPage, RequestShown
from api.shapes.common import Problem, ProblemMeaning
from api.shapes.log import CheckpointPage, ConsistencyProof, InclusionProof, Ledger, Openings
from api.shapes.orders import (
    Duplicate,
    DuplicateLine,
    Order,
    OrderPage,
    OrderRefused,
    Pending,
    Recorded,
    RecordedLine,
    RefusedLine,
    Rehearsed,
)
from api.shapes.registers import (
    RegisterEntries,
    RegisterPage,
    RegisterReport,
    RegisterShown,
    RegistersUsed,
    WorkingCalendar,
)
from api.shapes.registry import (
    AgencyPage,
    AgencyShown,
    Answerable,
    CertificatePage,
    CertificateShown,
    CertificateTypes,
    CredentialShown,
    KeyList,
    KeyShown,
)
from api.shapes.transfers import (
    Article13,
    BoxPage,
    LetterBoard,
    LetterChain,
    LetterPage,
    RefusalReport,
    TransferShown,
)
from api.shapes.verdicts import (
    IssuanceReport,
    PublishedPage,
    ReportTaken,
    StatusLists,
    SuspicionPage,
    TrustList,
    Verdict,
    VerdictBatch,
)

SHAPES: tuple[Any, ...] = (
    Problem,
    ProblemMeaning,
    Recorded,
    RecordedLine,
    RefusedLine,
    Rehearsed,
    Pending,
    OrderRefused,
    OrderPage,
    Order,
    Ledger,
    CheckpointPage,
    InclusionProof,
    ConsistencyProof,
    Openings,
    AgencyPage,
    AgencyShown,
    Answerable,
    KeyList,
    KeyShown,
    CertificateTypes,
    CertificatePage,
    CertificateShown,
    CredentialShown,
    Verdict,
    VerdictBatch,
    IssuanceReport,
    LetterPage,
    TransferShown,
    LetterChain,
    LetterBoard,
    Article13,
    BoxPage,
    RefusalReport,
    Duplicate,
    DuplicateLine,
    PublishedPage,
    RegisterPage,
    RegisterShown,
    RegisterEntries,
    RegisterReport,
    RegistersUsed,
    WorkingCalendar,
    RequestPage,
    RequestShown,
    HolderAnswer,
    AuthenticityReport,
    StatusLists,
    ReportTaken,
    SuspicionPage,
    TrustList,
    Upload,
    Attachment,
    AttachmentList,
)


def definitions(ref_template: str) -> dict[str, Any]:
    """The schema of every shape, and of whatever they are made of, by name."""
    inputs = [(shape, "serialization", TypeAdapter(shape)) for shape in SHAPES]
    _, made = TypeAdapter.json_schemas(inputs, ref_template=ref_template)  # type: ignore[arg-type]  # the literal widens in the list
    return dict(made["$defs"])
