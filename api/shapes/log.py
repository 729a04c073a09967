"""What the log and its proofs look like."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.common import Base64, Hash, Index, Next, Salt, Size, Time, exact


@exact
class Ledger(TypedDict):
    """Which ledger this is: what a client pins."""

    ledger: Annotated[Hash, Field(description="Its id: the leaf hash of index 0.")]
    origin: str
    format_version: int
    log_vkey: Annotated[str, Field(description="The verifier key of checkpoints.")]
    log_vkeys: Annotated[list[str], Field(description="Every one ever, the present one last.")]
    log_key_indexes: Annotated[list[Index], Field(description="Since when each of them signs.")]
    receipts_vkey: str


@exact
class Checkpoint(TypedDict):
    """A published checkpoint."""

    size: Size
    root: Hash
    time: Time
    note: Annotated[str, Field(description="The signed note itself.")]


@exact
class CheckpointPage(TypedDict):
    """Checkpoints, the smallest first."""

    items: list[Checkpoint]
    next: Next


@exact
class InclusionProof(TypedDict):
    """That a tree holds a leaf: hashes from its sibling upwards."""

    index: Index
    size: Size
    leaf_hash: Hash
    root: Hash
    hashes: list[Hash]


_Span = TypedDict("_Span", {"from": int, "to": int})


@exact
class ConsistencyProof(_Span):
    """That a tree only adds to a smaller one."""

    old_root: Hash
    new_root: Hash
    hashes: list[Hash]


@exact
class Opening(TypedDict):
    """What the caller may see behind a leaf; what may not be seen, or is not stored, is absent."""

    index: Index
    header: NotRequired[Base64]
    header_salt: NotRequired[Salt]
    body: NotRequired[Base64]
    body_salt: NotRequired[Salt]
    order: NotRequired[Annotated[int, Field(description="Index of its order's first event.")]]


@exact
class OrderEvidence(TypedDict):
    """The evidence of an order, and its statements' digests in line order."""

    evidence: Base64
    statements: list[Hash]


@exact
class Openings(_Span):
    """What the caller may see behind some leaves."""

    next: Annotated[int | None, Field(description="Where to go on; null at the end.")]
    openings: list[Opening]
    orders: Annotated[
        dict[str, OrderEvidence], Field(description="By the index of the order's first event.")
    ]
