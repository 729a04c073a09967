"""Attachments."""

from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.common import Hash, Index, Time, exact

_Size = Annotated[int, Field(gt=0, description="Bytes of the file.")]
_ChunkBytes = Annotated[int, Field(description="Bytes of every chunk but the last.")]


@exact
class Upload(TypedDict):
    """An upload that no record has yet: `open` while chunks are missing, then `complete`."""

    attachment: UUID
    state: Literal["open", "complete"]
    size: _Size
    chunk_bytes: _ChunkBytes
    chunks: Annotated[int, Field(gt=0, description="How many chunks make it.")]
    missing: Annotated[
        list[int], Field(description="Numbers of chunks that are not here, the first thousand.")
    ]
    expires: Annotated[Time, Field(description="When it goes, if no record has named it.")]


@exact
class Attachment(TypedDict):
    """A file that a record has."""

    attachment: UUID
    state: Literal["recorded"]
    size: _Size
    address: Annotated[Hash, Field(description="Merkle root over what is stored.")]
    index: Annotated[Index, Field(description="The event whose statement commits to it.")]
    claim: Annotated[str, Field(description="By which of its claims.")]
    commitment: Annotated[str, Field(description="The claim, as the log holds it.")]
    disclosure: NotRequired[
        Annotated[str, Field(description="RFC 9901: salt, name, and the file's SHA-256 in hex.")]
    ]
    sha256: NotRequired[Hash]


@exact
class AttachmentList(TypedDict):
    """What a record has."""

    items: list[Attachment]
