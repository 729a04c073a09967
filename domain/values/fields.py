"""The types of a statement's members, with the bounds and the words that the contract shows."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from domain.values import identifiers, text

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader agrees on (RFC 8785, section 3.2.2.3)."""


class Language(StrEnum):
    """What a certificate may be written in: two official languages, English, two local ones."""

    ARABIC = "ar"
    SORANI = "ckb"
    ENGLISH = "en"
    TURKMEN = "tr"
    SYRIAC = "syr"


class Standing(StrEnum):
    """Where an agency stands: planned, then linked and suspended by turns, closed for good."""

    PLANNED = "planned"
    LINKED = "linked"
    SUSPENDED = "suspended"
    CLOSED = "closed"


def optional(description: str) -> Any:
    """A member that may be left out. It is never null: absence has one spelling."""

    def without_null(schema: dict[str, Any]) -> None:
        schema.pop("default", None)
        choices = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
        for choice in choices:
            schema.update(choice)

    return Field(default=None, description=description, json_schema_extra=without_null)


def _day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("day_unknown", "not a day of the calendar") from None
    return value


def _public_code(value: str) -> str:
    if not identifiers.code_balances(value):
        raise PydanticCustomError("code_malformed", "the check symbol does not fit")
    return value


AgencyId = Annotated[
    str,
    StringConstraints(pattern="^[a-z][a-z0-9-]{1,47}$"),
    Field(description="An agency's stable id.", examples=["moj", "group-1"]),
]
Unit = Annotated[
    str,
    StringConstraints(pattern="^[a-z0-9][a-z0-9-]{0,47}$"),
    Field(description="The register unit inside the agency.", examples=["main", "group-1"]),
]
Series = Annotated[
    str,
    StringConstraints(pattern="^[a-z0-9][a-z0-9-]{0,31}$"),
    Field(description="The number series of the unit.", examples=["general"]),
]
Pseudonym = Annotated[
    str,
    StringConstraints(pattern="^[a-z0-9][a-z0-9-]{0,47}$"),
    Field(description="A pseudonymous id that only the agency can resolve.", examples=["o-17"]),
]
Office = Annotated[
    str,
    StringConstraints(pattern="^[a-z0-9][a-z0-9-]{0,47}$"),
    Field(description="The office that the key belongs to.", examples=["registry"]),
]
Number = Annotated[
    str,
    StringConstraints(pattern=text.NUMBER_PATTERN, min_length=1, max_length=32),
    AfterValidator(text.document_number),
    Field(
        description="The document's own number: letters (at most 12) and digits of any of three "
        "sets, in runs joined by `/`, `-` or `.`; it is unique with its digits folded.",
        examples=["1/2025-117", "م.و/٤٥٦"],
    ),
]
TypeId = Annotated[
    str,
    StringConstraints(pattern="^[a-z][a-z0-9_]{1,47}$"),
    Field(description="A certificate type of the catalogue.", examples=["degree"]),
]
PublicName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(text.public_name),
    Field(description="The name of a public body, NFC, no control or bidi characters."),
]
Day = Annotated[
    str,
    StringConstraints(pattern="^(?:18|19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}$"),
    AfterValidator(_day),
    Field(description="A day (ISO 8601) of the calendar in Baghdad.", examples=["2026-11-22"]),
]
Seconds = Annotated[
    int,
    Field(ge=0, le=MAX_INTEGER, description="A moment in seconds since 1970 UTC."),
]
LogIndex = Annotated[int, Field(ge=0, le=MAX_INTEGER, description="An index of the log.")]
Year = Annotated[int, Field(ge=1800, le=2199, description="The year of the date.")]
Nonce = Annotated[
    str,
    StringConstraints(pattern="^[A-Za-z0-9_-]{21}[AQgw]$"),
    Field(description="16 random bytes in base64url: nobody guesses a statement from its digest."),
]
Digest = Annotated[
    str,
    StringConstraints(pattern="^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$"),
    Field(description="A SHA-256 digest in base64url."),
]
Thumbprint = Annotated[
    str,
    StringConstraints(pattern="^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$"),
    Field(description="A key's RFC 7638 SHA-256 thumbprint in base64url."),
]
ClaimName = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,47}$")]
Claims = Annotated[
    dict[ClaimName, Digest],
    Field(
        min_length=1,
        max_length=64,
        description="Commitments: the digest of the RFC 9901 disclosure of each value, by name.",
    ),
]
PublicCode = Annotated[
    str,
    StringConstraints(pattern="^[0-9A-HJKMNP-TV-Z]{17}$"),
    AfterValidator(_public_code),
    Field(description="A public code: 16 random symbols and their check symbol, undashed."),
]
LegalBasis = Annotated[
    str,
    StringConstraints(
        pattern="^(?:constitution:[0-9]{4}|(?:law|decision|order|instruction|regulation|judgment)"
        ":[0-9]{1,6}/[0-9]{4})(?::[0-9]{1,4}){0,3}$"
    ),
    Field(
        description="A legal reference: `kind:number/year`, then article, paragraph and item as "
        "far as needed; kinds: law, decision, order, instruction, regulation, judgment; the "
        "constitution has a year only.",
        examples=["law:78/2012:13", "order:22/2020", "constitution:2005:102"],
    ),
]
Origin = Annotated[
    str,
    StringConstraints(pattern="^[a-z0-9][a-z0-9.:_-]{0,62}(?:/[a-z0-9][a-z0-9._-]{0,62}){0,3}$"),
    Field(description="The log's name, a URL without its scheme.", examples=["sijill.example/log"]),
]
VerifierKey = Annotated[
    str,
    StringConstraints(pattern=r"^[!-*,-~]{1,200}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$"),
    Field(description="An Ed25519 verifier key as C2SP signed-note spells it."),
]


class Value(BaseModel):
    """A value made of values: frozen, strict, without members that nobody described."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Names(Value):
    """A public body's name in three languages."""

    ar: PublicName
    ckb: PublicName
    en: PublicName


_Coordinate = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]


class Ed25519Jwk(Value):
    """A public Ed25519 key (RFC 8037)."""

    crv: Literal["Ed25519"]
    kty: Literal["OKP"]
    x: _Coordinate


class P256Jwk(Value):
    """A public P-256 key (RFC 7518, section 6.2)."""

    crv: Literal["P-256"]
    kty: Literal["EC"]
    x: _Coordinate
    y: _Coordinate


Jwk = Annotated[
    Ed25519Jwk | P256Jwk,
    Field(
        discriminator="crv",
        description="A public key. That it is a sound one is checked where "
        "signatures are: small-order and off-curve points never reach the domain.",
    ),
]


LanguageField = Annotated[
    Language, Field(strict=False, description="The language that the certificate is written in.")
]
