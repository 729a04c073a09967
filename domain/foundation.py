"""The foundation: event 0, the two founding authorities, and the ledger's own keys and clock.

The operator and an independent authority found the ledger together: both sign its first statement,
which names their keys, their recovery keys and the keys by which the log will be verified. Neither
can do alone what both must sign, and neither is ever suspended or closed.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from domain.acts import Act, Command, Cosigning, Scope
from domain.agencies import AgencyState, Dated, Kind, KindField
from domain.errors import LedgerAlreadyOpen, LogKeyUnchanged, VerifierKeyForeign
from domain.keys import KeyState, Scopes, without_repetition
from domain.ledger import Fact, Registry, Sitting, desk
from domain.values import (
    AgencyId,
    Jwk,
    Names,
    Office,
    Origin,
    Pseudonym,
    Seconds,
    Standing,
    Value,
    VerifierKey,
    thumbprint,
)

FORMAT = 1


class FoundingKey(Value):
    """A key that a founding authority brings to the foundation."""

    jwk: Jwk
    office: Office
    officer: Pseudonym
    scopes: Scopes

    _scopes = field_validator("scopes")(without_repetition)

    @property
    def thumbprint(self) -> str:
        """The key's thumbprint."""
        return thumbprint(self.jwk.model_dump())


class Founder(Value):
    """A founding authority: its key administers, its recovery key only ever saves the former."""

    id: AgencyId
    kind: KindField
    names: Names
    key: FoundingKey
    recovery: FoundingKey

    @model_validator(mode="after")
    def _keys_have_their_parts(self) -> "Founder":
        unfit = {Scope.RECOVERY, Scope.CUSTODIAL} & set(self.key.scopes)
        if Scope.ADMINISTER not in self.key.scopes or unfit:
            raise PydanticCustomError("founder_scopes", "the key administers and does not recover")
        if self.recovery.scopes != (Scope.RECOVERY,):
            raise PydanticCustomError("recovery_scopes", "the recovery key only recovers")
        return self


class OpenLedger(Command):
    """Open the ledger: its event 0. The first founder is the operator; both sign.

    The leaf hash of this event is the ledger's id, which every later order names.
    """

    ACT = Act(
        name="ledger.open",
        event="sijill.ledger.opened.v1",
        path="/v1/ledger",
        scope=Scope.ADMINISTER,
        cosigning=Cosigning.GENESIS,
    )

    act: Literal["ledger.open"]
    origin: Origin
    format: Annotated[Literal[1], Field(description="The version of the record format.")]
    founders: Annotated[
        tuple[Founder, ...],
        Field(strict=False, min_length=2, max_length=2, description="Operator, then authority."),
    ]
    log_key: VerifierKey
    receipt_key: VerifierKey

    @model_validator(mode="after")
    def _founders_differ(self) -> "OpenLedger":
        keys = [key.thumbprint for one in self.founders for key in (one.key, one.recovery)]
        if len({one.id for one in self.founders}) < len(self.founders) or len(set(keys)) < len(
            keys
        ):
            raise PydanticCustomError("founders_equal", "two authorities, four different keys")
        return self

    @property
    def founding_keys(self) -> list[tuple[str, str]]:
        """For each founder its id and the thumbprint of the key that signs this statement."""
        return [(one.id, one.key.thumbprint) for one in self.founders]


class RotateLogKey(Command):
    """Sign checkpoints with another key from here on.

    The event's body also holds a note by the old key and one by the new, so that whoever trusts the
    one can trust the other.
    """

    ACT = Act(
        name="ledger.rotate_key",
        event="sijill.ledger.key_rotated.v1",
        path="/v1/ledger/keys",
        scope=Scope.OPERATE,
        cosigning=Cosigning.AUTHORITIES,
        founders_only=True,
    )

    act: Literal["ledger.rotate_key"]
    log_key: Annotated[VerifierKey, Field(description="The new verifier key, named by the origin.")]


class AcceptClock(Command):
    """Accept the clock: append although the head lies ahead of it, or the database's differs.

    The order itself is exempt from the clock's check, and no other is.
    """

    ACT = Act(
        name="ledger.accept_clock",
        event="sijill.ledger.clock_accepted.v1",
        path="/v1/ledger/clock",
        scope=Scope.OPERATE,
        founders_only=True,
    )

    act: Literal["ledger.accept_clock"]
    clock_seconds: Annotated[Seconds, Field(description="The true time that the operator read.")]


@dataclass(frozen=True)
class LogKey:
    """A verifier key of the log, and the index of the event that brought it."""

    verifier: str
    since: int


class Foundation(Registry):
    """The record of the ledger itself, of its founders and of their keys."""

    TOPIC = "sijill.ledger"

    def begin(self) -> None:
        """Start without anything; the opening says it all."""
        super().begin()
        self.origin = ""
        self.receipt_key = ""
        self.log_keys: list[LogKey] = []
        self.clocks_accepted: list[int] = []


class Opened(Fact):
    """The ledger was opened."""

    TOPIC = "sijill.ledger.opened.v1"
    OPENS = "sijill.ledger"

    def apply(self, aggregate: Foundation) -> None:
        """Make the founders and their keys."""
        said = self.said
        aggregate.origin = said["origin"]
        aggregate.receipt_key = said["receipt_key"]
        aggregate.log_keys.append(LogKey(said["log_key"], self.at))
        for founder in said["founders"]:
            aggregate.agencies[founder["id"]] = _founder(founder, self.at)
            for key in (founder["key"], founder["recovery"]):
                state = KeyState.of(key, agency=founder["id"], at=self.at, by=())
                aggregate.keys[state.thumbprint] = state


def _founder(said: dict[str, Any], index: int) -> AgencyState:
    return AgencyState(
        id=said["id"],
        kind=Kind(said["kind"]),
        standing=Standing.LINKED,
        added_at=index,
        founder=True,
        names=[Dated(date.min, said["names"], index)],
        parents=[Dated(date.min, None, index)],
    )


class KeyRotated(Fact):
    """The log got another key."""

    TOPIC = "sijill.ledger.key_rotated.v1"

    def apply(self, aggregate: Foundation) -> None:
        """Remember it beside the older ones."""
        aggregate.log_keys.append(LogKey(self.said["log_key"], self.at))


class ClockAccepted(Fact):
    """The operator accepted the clock."""

    TOPIC = "sijill.ledger.clock_accepted.v1"

    def apply(self, aggregate: Foundation) -> None:
        """Remember where."""
        aggregate.clocks_accepted.append(self.at)


@desk(OpenLedger)
def open_ledger(order: OpenLedger, sitting: Sitting) -> None:
    """Open a ledger that has no event yet, under keys that carry its name."""
    if sitting.signed.ledger_size > 0 or sitting.find("ledger", "foundation") is not None:
        raise LedgerAlreadyOpen
    _check_name(order.log_key, order.origin)
    _check_name(order.receipt_key, f"{order.origin}/receipts")
    stream = sitting.new_stream()
    sitting.record(Opened, on=stream)
    sitting.claim("ledger", "foundation", stream)
    for founder in order.founders:
        sitting.claim("agency", founder.id, stream)
        sitting.claim("key", founder.key.thumbprint, stream)
        sitting.claim("key", founder.recovery.thumbprint, stream)


@desk(RotateLogKey)
def rotate_key(order: RotateLogKey, sitting: Sitting) -> None:
    """Bring a log key that was never used before."""
    foundation = _foundation(order, sitting)
    _check_name(order.log_key, foundation.origin)
    if any(key.verifier == order.log_key for key in foundation.log_keys):
        raise LogKeyUnchanged
    sitting.record(KeyRotated, on=foundation)


@desk(AcceptClock)
def accept_clock(order: AcceptClock, sitting: Sitting) -> None:
    """Record that a clock was accepted."""
    sitting.record(ClockAccepted, on=_foundation(order, sitting))


def _foundation(order: Command, sitting: Sitting) -> Foundation:
    """The foundation; the ordering agency is a founder, so its record is the foundation."""
    registry = sitting.registry("agency", order.agency)
    if not isinstance(registry, Foundation):
        raise TypeError("a founder's record is the foundation")
    return registry


def _check_name(verifier: str, name: str) -> None:
    if verifier.split("+", 1)[0] != name:
        raise VerifierKeyForeign(name=name)
