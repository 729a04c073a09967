"""Certificate types: data that says what a kind of document commits to and who must sign it.

Types are data, not code. What a type asks for is part of how past orders are judged, so a type in
use is never changed: a new rule is a new id. Every certificate also commits to a `holder_secret`,
and may commit to the `document` itself (lower-case hex SHA-256), whatever its type.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from domain.errors import ClaimMissing, ClaimUnknown, TypeUnknown
from domain.values import Names, TypeId, Value

HOLDER_SECRET = "holder_secret"  # noqa: S105  # the name of a claim, not a secret
DOCUMENT = "document"
CREDENTIAL = "credential"
"""What the recording of a credential commits to, and nothing else does."""
IMPLIED = (HOLDER_SECRET, DOCUMENT)
"""Claims that every type knows; the first is required."""


class FieldUse(Value):
    """How a type uses a field.

    Attributes:
        required: whether every certificate of the type commits to it.
        printable: whether a printed certificate may show it.
        lookup: whether the agency can find its certificates by its value.
    """

    id: TypeId
    names: Names
    required: bool
    printable: bool
    lookup: bool


class CertificateType(Value):
    """One kind of document.

    Attributes:
        officers: how many officers of the agency must sign.
        max_status_age_seconds: how old a status may be for an offline verdict; 0 for none at all.
        retention_years: for how long after its date (or expiry) values are kept; None for ever.
    """

    id: TypeId
    names: Names
    officers: Literal[1, 2]
    max_status_age_seconds: Annotated[int, Field(ge=0)]
    retention_years: Annotated[int, Field(ge=1)] | None
    fields: Annotated[tuple[FieldUse, ...], Field(strict=False, min_length=1)]

    @cached_property
    def _by_id(self) -> dict[str, FieldUse]:
        return {field.id: field for field in self.fields}

    def check_claims(self, names: Iterable[str]) -> None:
        """Check that claims are this type's.

        Raises:
            ClaimUnknown: the type has no such field.
            ClaimMissing: a required one is not there.
        """
        present = set(names)
        check_claims(present, allowed={*self._by_id, *IMPLIED})
        for field in self.fields:
            if field.required and field.id not in present:
                raise ClaimMissing(claim=field.id)

    def check_captured(self, names: Iterable[str]) -> None:
        """Check that claims are this type's; an entry of an old register lacks what it lacks.

        Raises:
            ClaimUnknown: the type has no such field.
        """
        for name in sorted(set(names) - {*self._by_id, DOCUMENT}):
            raise ClaimUnknown(claim=name)

    def lookups(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the claims by whose value the agency can find the certificate, in order."""
        return tuple(sorted(name for name in names if self._is_lookup(name)))

    def _is_lookup(self, name: str) -> bool:
        field = self._by_id.get(name)
        return field is not None and field.lookup


def check_claims(present: set[str], *, allowed: Iterable[str] = IMPLIED) -> None:
    """Check that claims are among those allowed, and that the holder's secret is there.

    Raises:
        ClaimUnknown: another claim is there.
        ClaimMissing: the holder's secret is not.
    """
    for name in sorted(present - set(allowed)):
        raise ClaimUnknown(claim=name)
    if HOLDER_SECRET not in present:
        raise ClaimMissing(claim=HOLDER_SECRET)


def check_asked(names: Iterable[str], type_id: str | None) -> None:
    """Check that claims are fields of a document of that type; without one, of any.

    Raises:
        ClaimUnknown: no such document has that field.
    """
    kinds = TYPES.values() if type_id is None else (certificate_type(type_id),)
    allowed = {field.id for kind in kinds for field in kind.fields}
    for name in sorted(set(names) - {*allowed, *IMPLIED}):
        raise ClaimUnknown(claim=name)


def check_credential(names: Iterable[str]) -> None:
    """Check that a credential's claims are exactly that one.

    Raises:
        ClaimUnknown: another claim is there.
        ClaimMissing: it is not there.
    """
    present = set(names)
    for name in sorted(present - {CREDENTIAL}):
        raise ClaimUnknown(claim=name)
    if not present:
        raise ClaimMissing(claim=CREDENTIAL)


def certificate_type(type_id: str) -> CertificateType:
    """The type of this id.

    Raises:
        TypeUnknown: the catalogue has none.
    """
    try:
        return TYPES[type_id]
    except KeyError:
        raise TypeUnknown(type=type_id) from None


def _read() -> Mapping[str, CertificateType]:
    text = files(__package__).joinpath("certificate_types.json").read_text(encoding="utf-8")
    data = json.loads(text)
    types = (CertificateType.model_validate(_named(one, data["fields"])) for one in data["types"])
    return MappingProxyType({one.id: one for one in types})


def _named(entry: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """The entry with the names of its fields, which the file writes down once for all types."""
    uses = [{**use, "names": names[use["id"]]} for use in entry["fields"]]
    return {**entry, "fields": uses}


TYPES: Mapping[str, CertificateType] = _read()
"""Every certificate type by its id, in the order of the file."""
