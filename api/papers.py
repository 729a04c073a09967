"""Papers of certificates: which texts stand on one, in three languages.

The service composes them for whoever may see the values, and an agency's own machine composes the
same from what it is told, with a template of its own if it likes. It must not know HTTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from api.i18n import LANGUAGES, translate
from domain.catalogue import DOCUMENT, TYPES, certificate_type
from domain.values import baghdad_day
from infrastructure.documents.paper import Field, Names, Paper
from infrastructure.proofs import codes, qr
from infrastructure.proofs.credential import Credential
from infrastructure.proofs.errors import ProofError

_WORDS: Final = (
    "state",
    "crest",
    "number",
    "date",
    "valid_from",
    "valid_until",
    "edition",
    "original",
    "code",
    "credential",
    "evidence",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known of one original: its act's time in µs UTC, days ISO, values by name."""

    code: str
    type: str
    issuer: Names
    number: str
    date: str
    effective_date: str
    expiry_date: str | None
    edition: int
    original: int
    issue_time: int
    values: Mapping[str, str]


def compose(
    told: Told, *, host: str, credential: bytes | None, evidence: bytes | None = None
) -> Paper:
    """The paper of an original; `host` is where its QR code leads.

    Values that the type does not let a paper show are left out, whoever asks.

    Raises:
        ProofError: ``qr_host``; ``qr_code_mismatch``; or what is wrong with the credential.
    """
    kind = certificate_type(told.type)
    shown = [
        Field(field.names.model_dump(), told.values[field.id])
        for field in kind.fields
        if field.printable and field.id in told.values
    ]
    return Paper(
        code=codes.for_people(told.code),
        title=kind.names.model_dump(),
        issuer=told.issuer,
        number=told.number,
        date=told.date,
        valid_from=told.effective_date if told.effective_date != told.date else None,
        valid_until=told.expiry_date,
        edition=told.edition,
        original=told.original,
        made=baghdad_day(told.issue_time),
        fields=tuple(shown),
        words=_words(host),
        qr_text=_address(told.code, host, credential),
        credential=credential,
        evidence=evidence,
    )


def presented(said: Credential) -> dict[str, Any]:
    """What a credential says, as something to compare with the record: `fields`, `document`."""
    kind = TYPES.get(said.type)
    names = {} if kind is None else {place: one.id for place, one in enumerate(kind.fields)}
    fields = {"number": said.number, "date": said.date}
    fields |= {names[place]: value for place, value in said.fields.items() if place in names}
    found: dict[str, Any] = {"fields": fields}
    if said.document is not None:
        found[DOCUMENT] = said.document
    return found


def in_all(code: str) -> Names:
    """A text in every language."""
    return {language: translate(language, code) for language in LANGUAGES}


def host_of(origin: str) -> str:
    """The host in a ledger's name: where its pages are, unless told otherwise."""
    return origin.partition("/")[0]


@lru_cache(maxsize=8)
def _words(host: str) -> dict[str, Names]:
    """What stands on every paper of a host; nobody changes it."""
    how = {language: translate(language, "paper.how", host=host.lower()) for language in LANGUAGES}
    return {**{name: in_all(f"paper.{name}") for name in _WORDS}, "how": how}


def _address(code: str, host: str, credential: bytes | None) -> str:
    """What the QR code says; without a credential it is the page's bare address."""
    bare = qr.bare_text(code, host=host)
    if credential is None:
        return bare
    text = qr.encode_text(credential, host=host)
    if text.partition("#")[0] != bare:
        raise ProofError("qr_code_mismatch", "the credential is another certificate's")
    return text
