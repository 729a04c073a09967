"""Keys: who may sign for an agency, for what, and until when.

    enrolled ──▶ retired
        └──────▶ compromised as of an index (only ever lowered)

A key is enrolled once, for one agency, for ever. A key that administers lives on its agency's own
stream, because whether an agency still has one is what its next enrolment is judged by; a founder's
keys live on the foundation; every other key has a stream of its own.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from domain.acts import PREPARING, UNTIL_CLOSED, Act, Command, Cosigning, Scope
from domain.authority import PRIVILEGED, administered, administers, key_refusal
from domain.errors import (
    CompromiseInFuture,
    CompromiseNotLower,
    KeyAlreadyEnrolled,
    KeyAlreadyRetired,
    KeyNotFound,
    KeyValidityEmpty,
    LastAdministerKey,
    NotEntitled,
    ScopesConflict,
)
from domain.ledger import Fact, Registry, Sitting, desk
from domain.values import (
    MICROSECONDS,
    AgencyId,
    Jwk,
    LogIndex,
    Office,
    Pseudonym,
    Seconds,
    Thumbprint,
    optional,
    thumbprint,
)


class RetirementReason(StrEnum):
    """Why a key signs no more, though nothing is wrong with what it signed."""

    ROTATED = "rotated"
    OFFICER_LEFT = "officer_left"
    OFFICE_CLOSED = "office_closed"
    UNUSED = "unused"


class CompromiseReason(StrEnum):
    """How a key came into wrong hands."""

    STOLEN = "stolen"
    EXPOSED = "exposed"
    MISUSED = "misused"
    LOST = "lost"


ScopeField = Annotated[Scope, Field(strict=False)]
Scopes = Annotated[
    tuple[ScopeField, ...],
    Field(strict=False, min_length=1, max_length=len(Scope), description="What the key may sign."),
]


def without_repetition(scopes: tuple[Scope, ...]) -> tuple[Scope, ...]:
    """Accept scopes that are each named once."""
    if len(set(scopes)) < len(scopes):
        raise PydanticCustomError("scope_repeated", "a scope is named twice")
    return scopes


class EnrolKey(Command):
    """Enrol a public key for an office of an agency.

    The new key proves its possession. A live administer key of the agency signs; for a first key,
    and after total loss, both founders do, or one and the linked parent. `audit`, `court`,
    `operate`, `attest` and `recovery` ask for both founders besides; `custodial` (a key that the
    data center holds for the agency) for one.
    """

    ACT = Act(
        name="key.enrol",
        event="sijill.key.enrolled.v1",
        path="/v1/agencies/{subject}/keys",
        scope=Scope.ADMINISTER,
        cosigning=Cosigning.ENROLMENT,
        standings=PREPARING,
    )

    act: Literal["key.enrol"]
    subject: Annotated[AgencyId, Field(description="The agency that the key signs for.")]
    jwk: Jwk
    scopes: Scopes
    office: Office
    officer: Pseudonym
    not_before: Seconds | None = optional("From when the key may sign, seconds since 1970 UTC.")
    not_after: Seconds | None = optional("Until when the key may sign, seconds since 1970 UTC.")
    acting_for: Pseudonym | None = optional("The officer in whose place the holder acts.")

    _scopes = field_validator("scopes")(without_repetition)

    @property
    def thumbprint(self) -> str:
        """The new key's thumbprint."""
        return thumbprint(self.jwk.model_dump())

    @property
    def granted(self) -> frozenset[Scope]:
        """The scopes as a set."""
        return frozenset(self.scopes)


class RetireKey(Command):
    """Retire a key of one's own agency; what it signed before stays good.

    A founder's recovery key is not retired: whoever stole the founder's key would do just that.
    """

    ACT = Act(
        name="key.retire",
        event="sijill.key.retired.v1",
        path="/v1/keys/{key}/retirement",
        scope=Scope.ADMINISTER,
        standings=UNTIL_CLOSED,
    )

    act: Literal["key.retire"]
    key: Thumbprint
    reason: Annotated[RetirementReason, Field(strict=False, description="Why it is retired.")]
    final: Annotated[
        bool, Field(description="Retire it even as the agency's last live administer key.")
    ] = False


class DeclareKeyCompromised(Command):
    """Declare a key compromised as of an index, which is itself included.

    Its issuances from there on are not valid until re-affirmed, its withdrawals stand, and the keys
    that it helped to enrol from there on fall with it. The start is only ever moved earlier. The
    key's own agency declares it (with any of its administer keys, or a founder's recovery key), or
    both founders do. A recovery key is declared by itself or by both founders.
    """

    ACT = Act(
        name="key.compromise",
        event="sijill.key.compromised.v1",
        path="/v1/keys/{key}/compromise",
        scope=Scope.ADMINISTER,
        cosigning=Cosigning.COMPROMISE,
        standings=UNTIL_CLOSED,
    )

    act: Literal["key.compromise"]
    key: Thumbprint
    as_of: Annotated[LogIndex, Field(description="The first index that is not to be trusted.")]
    reason: Annotated[CompromiseReason, Field(strict=False, description="How it happened.")]


@dataclass
class KeyState:
    """What the ledger knows of one key. Indexes are log indexes, times seconds since 1970 UTC."""

    thumbprint: str
    agency: str
    jwk: dict[str, str]
    scopes: frozenset[Scope]
    office: str
    officer: str
    enrolled_at: int
    enrolled_by: tuple[str, ...]
    not_before: int | None = None
    not_after: int | None = None
    acting_for: str | None = None
    retired_at: int | None = None
    compromised_as_of: int | None = None

    @property
    def custodial(self) -> bool:
        """Whether the data center holds it on the agency's behalf."""
        return Scope.CUSTODIAL in self.scopes

    @classmethod
    def of(cls, said: dict[str, Any], *, agency: str, at: int, by: tuple[str, ...]) -> "KeyState":
        """A key as a statement describes it, enrolled at an index by these other keys."""
        name = thumbprint(said["jwk"])
        return cls(
            thumbprint=name,
            agency=agency,
            jwk=dict(said["jwk"]),
            scopes=frozenset(map(Scope, said["scopes"])),
            office=said["office"],
            officer=said["officer"],
            enrolled_at=at,
            enrolled_by=tuple(key for key in by if key != name),
            not_before=said.get("not_before"),
            not_after=said.get("not_after"),
            acting_for=said.get("acting_for"),
        )


class Enrolled(Fact):
    """A key was enrolled."""

    TOPIC = "sijill.key.enrolled.v1"
    OPENS = "sijill.key"

    def apply(self, aggregate: Registry) -> None:
        """Add the key to the record that holds it."""
        key = KeyState.of(self.said, agency=self.said["subject"], at=self.at, by=self.keys)
        aggregate.keys[key.thumbprint] = key


class Retired(Fact):
    """A key was retired."""

    TOPIC = "sijill.key.retired.v1"

    def apply(self, aggregate: Registry) -> None:
        """Remember since when."""
        aggregate.keys[self.said["key"]].retired_at = self.at


class DeclaredCompromised(Fact):
    """A key was declared compromised."""

    TOPIC = "sijill.key.compromised.v1"

    def apply(self, aggregate: Registry) -> None:
        """Remember as of which index."""
        aggregate.keys[self.said["key"]].compromised_as_of = self.said["as_of"]


class Key(Registry):
    """The record of one key that administers nothing."""

    TOPIC = "sijill.key"


@desk(EnrolKey)
def enrol(order: EnrolKey, sitting: Sitting) -> None:
    """Enrol a key for an agency that is not closed (`authority` has seen to that)."""
    _check_scopes(order, founder=sitting.agency(order.subject).founder)
    _check_validity(order, sitting.signed.now)
    if sitting.find("key", order.thumbprint) is not None:
        raise KeyAlreadyEnrolled(key=order.thumbprint)
    agency = sitting.registry("agency", order.subject)
    administering = Scope.ADMINISTER in order.granted or sitting.agency(order.subject).founder
    home = agency if agency is not None and administering else sitting.new_stream()
    sitting.record(Enrolled, on=home)
    sitting.claim("key", order.thumbprint, home.id if isinstance(home, Registry) else home)


@desk(RetireKey)
def retire(order: RetireKey, sitting: Sitting) -> None:
    """Retire a key, but not an agency's last means to administer itself without its saying so."""
    registry, key = _found(order.key, sitting)
    if key.agency != order.agency or Scope.RECOVERY in key.scopes:
        raise NotEntitled(agency=order.agency)
    if key.retired_at is not None:
        raise KeyAlreadyRetired(key=order.key)
    serves = administers(key, key.agency) and key_refusal(key, sitting) is None
    if serves and not order.final and not administered(key.agency, sitting, without=order.key):
        raise LastAdministerKey(key=order.key)
    sitting.record(Retired, on=registry)


@desk(DeclareKeyCompromised)
def compromise(order: DeclareKeyCompromised, sitting: Sitting) -> None:
    """Declare a compromise, retired and ended keys included: their past is what is in question."""
    registry, key = _found(order.key, sitting)
    if order.as_of > sitting.signed.ledger_size:
        raise CompromiseInFuture(as_of=order.as_of, ledger_size=sitting.signed.ledger_size)
    known = key.compromised_as_of
    if known is not None and order.as_of >= known:
        raise CompromiseNotLower(as_of=order.as_of, known=known)
    sitting.record(DeclaredCompromised, on=registry)


def _found(key: str, sitting: Sitting) -> tuple[Registry, KeyState]:
    registry = sitting.registry("key", key)
    if registry is None:
        raise KeyNotFound(key=key)
    return registry, sitting.part(registry, registry.keys, key)


def _check_scopes(order: EnrolKey, *, founder: bool) -> None:
    granted = order.granted
    if Scope.RECOVERY in granted and (granted != {Scope.RECOVERY} or not founder):
        raise ScopesConflict(scope=Scope.RECOVERY.value)
    if Scope.OPERATE in granted and not founder:
        raise ScopesConflict(scope=Scope.OPERATE.value)
    if Scope.CUSTODIAL in granted:
        used = granted - {Scope.CUSTODIAL}
        if not used or used & (PRIVILEGED | {Scope.ADMINISTER}):
            raise ScopesConflict(scope=Scope.CUSTODIAL.value)


def _check_validity(order: EnrolKey, now: int) -> None:
    if order.not_after is None:
        return
    begins = order.not_before if order.not_before is not None else 0
    if order.not_after <= begins or order.not_after * MICROSECONDS <= now:
        raise KeyValidityEmpty
