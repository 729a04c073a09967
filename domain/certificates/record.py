"""What the ledger knows of a certificate.

A certificate has one number and date, editions (corrections), and originals of its edition, each
with a public code of its own. Whether it is in force is a matter of the whole record; an original
can besides be revoked alone, replaced, or left behind by a correction.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from domain.agencies import responsible
from domain.authority import void_from
from domain.errors import CertificateUnknown, RecordMoved
from domain.ledger import Home, Record, Sitting
from domain.registers import Register

NOTHING_IS_WASHED_SINCE: Final = date(2026, 11, 29)
"""Until then a correction took a revoked original out of its revocation, it and a re-affirmation
took a court's lifting out of doubt, and a re-affirmation of one original stood for all; no court
took back what had been lifted (decision 37): what was recorded before keeps that meaning."""


class Status(StrEnum):
    """Where a certificate stands. That it has expired follows from its dates and the day."""

    IN_FORCE = "in_force"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    VOIDED = "voided"


class OriginalStatus(StrEnum):
    """What became of one original."""

    CURRENT = "current"
    REVOKED = "revoked"
    REPLACED = "replaced"
    SUPERSEDED = "superseded"


class Grant(NamedTuple):
    """An act by which the certificate is (again) in force: its index and its keys.

    `code` is None where it is about the whole record. `partial`: an end of one obstacle of
    several, which left it out of force until the act that ended the last of them. `court` is who
    ended it, where a court did, and `ends` the reference of that order: its agency cannot stand by
    that.
    """

    at: int
    keys: tuple[str, ...]
    code: str | None = None
    partial: bool = False
    court: str | None = None
    ends: str | None = None


class CourtOrder(NamedTuple):
    """An order of a court that stands against a certificate: whose, and by which reference."""

    court: str
    reference: str


@dataclass(frozen=True)
class Edition:
    """One edition: the validity and the language that its originals show."""

    number: int
    language: str
    effective: date
    expiry: date | None
    index: int


@dataclass
class Original:
    """One original and the code that names it; `successor` is the code that took its place.

    `credential` is the index at which its newest credential was recorded.
    """

    code: str
    number: int
    edition: int
    status: OriginalStatus = OriginalStatus.CURRENT
    successor: str | None = None
    credential: int | None = None


class Certificate(Record):
    """The record of one certificate."""

    TOPIC = "sijill.certificate"

    def begin(self) -> None:
        """Start in force; its issuance says the rest."""
        self.agency: str
        self.type: str
        self.register: Register
        self.number: str
        self.date: date
        self.status = Status.IN_FORCE
        self.before_revocation = Status.IN_FORCE
        self.superseded_by: str | None = None
        self.erased_at: int | None = None
        self.holds: list[CourtOrder] = []
        self.court_orders: list[CourtOrder] = []
        self.before_court = Status.IN_FORCE
        self.editions: list[Edition] = []
        self.originals: dict[str, Original] = {}
        self.grants: list[Grant] = []

    def homes(self) -> list[Home]:
        """Its agency alone: holders have the document itself."""
        return [Home(self.agency, self.register.unit, self.register.series)]

    @property
    def edition(self) -> Edition:
        """The edition in force."""
        return self.editions[-1]

    def add_original(self, code: str, edition: int) -> None:
        """Number a new original after all before it."""
        self.originals[code] = Original(code, len(self.originals) + 1, edition)

    def make_edition(self, edition: Edition, code: str, *, washes: bool = False) -> None:
        """Begin an edition with its first original; those of editions before are left behind.

        What was revoked alone stays so. `washes`: until a day it did not.
        """
        for original in self.originals.values():
            if original.successor is not None:
                continue
            if washes or original.status is OriginalStatus.CURRENT:
                original.status = OriginalStatus.SUPERSEDED
            original.successor = code
        self.editions.append(edition)
        self.add_original(code, edition.number)

    def replace(self, code: str, new_code: str) -> None:
        """Let a new original take an old one's place."""
        original = self.originals[code]
        original.status, original.successor = OriginalStatus.REPLACED, new_code
        self.add_original(new_code, original.edition)

    def expired_on(self, day: date) -> bool:
        """Whether its validity is over on a day of Baghdad; the last day is still valid."""
        return self.edition.expiry is not None and day > self.edition.expiry

    def courts_liftings(self) -> list[Grant]:
        """The grants that are a court's: no act of the agency takes their place."""
        return [one for one in self.grants if one.court is not None]

    def in_doubt(
        self,
        sitting: Sitting,
        code: str | None = None,
        *,
        partial: bool = True,
        agencys: bool = False,
    ) -> bool:
        """Whether a key by which it, or this original, is in force counted for nothing then.

        `partial`: the partial grants count too. `agencys`: what its agency granted alone counts.
        """
        own = [one for one in self.grants if code is None or one.code in (None, code)]
        own = [one for one in own if partial or not one.partial]
        own = [one for one in own if not (agencys and one.court)]
        signed = ((key, grant.at) for grant in own for key in grant.keys)
        return any(_is_void(key, index, sitting) for key, index in signed)


def _is_void(thumbprint: str, index: int, sitting: Sitting) -> bool:
    key = sitting.key(thumbprint)
    begins = void_from(key, sitting) if key else None
    return begins is not None and begins <= index


def found(code: str, agency: str, sitting: Sitting) -> tuple[Certificate, Original]:
    """A certificate that this agency answers for, and the original that the code names.

    Raises:
        CertificateUnknown: there is none; another agency's is not told apart.
        RecordMoved: it issued the certificate, and another body answers for it now.
    """
    stream = sitting.find("code", code)
    record = sitting.load(stream) if stream else None
    if not isinstance(record, Certificate):
        raise CertificateUnknown(code=code)
    register = record.register
    holder = responsible(record.agency, register.unit, register.series, sitting.agency)
    if holder != agency:
        if record.agency == agency:
            raise RecordMoved(successor=holder)
        raise CertificateUnknown(code=code)
    return record, sitting.part(record, record.originals, code)
