"""Words that answers share, and problems."""

from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

exact = with_config(ConfigDict(extra="forbid"))
"""A shape has the members that it names, and no other."""

Index = Annotated[int, Field(ge=0, description="A log index.")]
Size = Annotated[int, Field(ge=0, description="A tree size: how many leaves.")]
Time = Annotated[int, Field(description="Microseconds since 1970 UTC.")]
Seconds = Annotated[int, Field(description="Seconds since 1970 UTC.")]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="32 bytes, hexadecimal.")]
Salt = Annotated[str, Field(pattern="^([0-9a-f]{2})+$")]
Base64 = Annotated[str, Field(pattern="^[A-Za-z0-9+/]*={0,2}$")]
Day = Annotated[
    str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="A day in Asia/Baghdad.")
]
Thumbprint = Annotated[str, Field(description="RFC 7638 thumbprint of a key.")]
Commitments = Annotated[dict[str, str], Field(description="Commitments by the name of the claim.")]
At = Annotated[int, Field(ge=0, description="The log index that the answer is pinned to.")]
Next = Annotated[int | None, Field(description="What to go on `after`; null at the end.")]


@exact
class Pointer(TypedDict):
    """Where in a request something is wrong."""

    pointer: Annotated[str, Field(description="RFC 6901.")]
    code: str


@exact
class Problem(TypedDict):
    """RFC 9457. `code` is stable; the texts are in the caller's language."""

    type: Annotated[str, Field(json_schema_extra={"format": "uri-reference"})]
    code: str
    status: int
    title: str
    detail: str
    advice: Annotated[str, Field(description="What to do next.")]
    hint: NotRequired[
        Annotated[str, Field(description="For developers, in English: what was expected.")]
    ]
    instance: NotRequired[
        Annotated[str, Field(description="The id of the request, as in X-Request-Id.")]
    ]
    errors: NotRequired[list[Pointer]]


@exact
class ProblemMeaning(TypedDict):
    """What a code means, values left open."""

    type: Annotated[str, Field(json_schema_extra={"format": "uri-reference"})]
    code: str
    title: str
    detail: str
    advice: str
