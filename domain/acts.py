"""The act table: one frozen command class per act.

A command's docstring and fields are its contract; its `ACT` says where it is posted, which scope
its key needs, who signs beside it and what event it becomes. Routes, command-line verbs, the
contract's text and the import mapping are read from here, so that an act is described once.

The table is filled by the modules of the nouns, which importing the package `domain` loads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from domain.errors import ActUnknown, Fault, StatementInvalid
from domain.values import AgencyId, Nonce, Seconds, Standing, optional

if TYPE_CHECKING:
    from domain.ledger import Sitting

_POINTER_LENGTH = 120


class Scope(StrEnum):
    """What a key may be used for."""

    ISSUE = "issue"
    REVOKE = "revoke"
    REGISTER = "register"
    ADMINISTER = "administer"
    COURT = "court"
    AUDIT = "audit"
    OPERATE = "operate"
    ATTEST = "attest"
    CUSTODIAL = "custodial"
    RECOVERY = "recovery"


class Cosigning(StrEnum):
    """Who signs beside the key that orders the act.

    - `none`: nobody.
    - `officers`: a second officer of the same agency, with the act's scope, by another key.
    - `by_type`: as `officers`, where the certificate's type asks for two.
    - `authorities`: the other founding authority.
    - `enrolment`: possession by the new key; and for an agency without a live administer key both
      founders (or one and the linked parent), else a live administer key of the agency.
    - `compromise`: nobody where the key's own agency declares it, else both founders.
    - `genesis`: both founders, with the keys that the statement itself names.
    """

    NONE = "none"
    OFFICERS = "officers"
    BY_TYPE = "by_type"
    AUTHORITIES = "authorities"
    ENROLMENT = "enrolment"
    COMPROMISE = "compromise"
    GENESIS = "genesis"


ACTIVE = frozenset({Standing.LINKED})
WITHDRAWING = frozenset({Standing.LINKED, Standing.SUSPENDED})
PREPARING = frozenset({Standing.PLANNED, Standing.LINKED})
UNTIL_CLOSED = frozenset({Standing.PLANNED, Standing.LINKED, Standing.SUSPENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One row of the act table.

    Attributes:
        name: noun and verb, `certificate.revoke`; the statement's `act`.
        event: topic of the event that the act becomes.
        path: where a single order is posted; `{members}` are members of the statement.
        scope: what the ordering key must have been enrolled for.
        cosigning: who signs beside it.
        bulk: whether lines of a bulk of its noun may be of this act.
        founders_only: whether only a founding authority may order it.
        standings: how the ordering agency must stand. A suspended agency may still withdraw its
            certificates and its keys: that protects the public.
    """

    name: str
    event: str
    path: str
    scope: Scope
    cosigning: Cosigning = Cosigning.NONE
    bulk: bool = False
    founders_only: bool = False
    standings: frozenset[Standing] = ACTIVE

    @property
    def bulk_path(self) -> str:
        """Where many acts of its collection are posted at once; empty where it is for no bulk."""
        _, version, collection, *_ = self.path.split("/")
        return f"/{version}/{collection}/bulk" if self.bulk else ""


class Command(BaseModel):
    """What every statement says: the act, the agency that orders it, and a nonce."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    ACT: ClassVar[Act]

    act: str
    agency: AgencyId
    nonce: Nonce
    valid_until: Seconds | None = optional(
        "Until when the order may wait for further signatures, in seconds since 1970 UTC; required "
        "where the act asks for more than one signature, at most 30 days ahead."
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Enter the command into the act table.

        Raises:
            TypeError: another command has the same act, or `act` does not spell it.
        """
        if "ACT" not in cls.__dict__:
            return
        act = cls.ACT
        if ACTS.setdefault(act.name, cls) is not cls:
            raise TypeError(f"{act.name} is the act of {ACTS[act.name].__name__} already")
        if cls.model_fields["act"].annotation is str:
            raise TypeError(f"{cls.__name__}.act must be the literal {act.name!r}")

    @model_validator(mode="before")
    @classmethod
    def _absence_has_one_spelling(cls, data: Any) -> Any:
        if isinstance(data, dict) and any(member is None for member in data.values()):
            raise PydanticCustomError("null", "leave a member out instead of sending null")
        return data

    @property
    def path(self) -> str:
        """The path that a single order of this statement is signed for and posted to."""
        members = {name: getattr(self, name) for name in type(self).model_fields}
        return self.ACT.path.format_map(members)

    @property
    def signed_alone(self) -> bool:
        """Whether one signature is enough, whatever the ledger holds."""
        return self.ACT.cosigning is Cosigning.NONE

    def officers(self, sitting: "Sitting") -> int:
        """How many officers of the agency must sign; the certificate's type may ask for two."""
        del sitting
        return 2 if self.ACT.cosigning is Cosigning.OFFICERS else 1


ACTS: dict[str, type[Command]] = {}
"""Every act of the ledger by its name."""


def parse_command(parsed: Mapping[str, Any]) -> Command:
    """The command that a statement, parsed by the strict JSON reader, spells out.

    Raises:
        ActUnknown: `act` is missing or not in the table.
        StatementInvalid: members are missing, superfluous or malformed; `faults` says which.
    """
    name = parsed.get("act")
    command = ACTS.get(name) if isinstance(name, str) else None
    if command is None:
        raise ActUnknown
    try:
        return command.model_validate(dict(parsed))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        faults = {_fault(parsed, detail): None for detail in details if not _is_echo(detail)}
        raise StatementInvalid(tuple(faults)) from None


def _is_echo(detail: ErrorDetails) -> bool:
    """Whether the fault only says that an optional member is not null, beside its real fault."""
    return detail["type"] == "none_required"


def _fault(parsed: Mapping[str, Any], detail: ErrorDetails) -> Fault:
    """One fault with a pointer into the statement.

    The location that pydantic gives also names the branches of its own types; the pointer stops
    where the statement does, or one step later where a member is missing.
    """
    pointer = ""
    value: Any = parsed
    for part in detail["loc"]:
        known = _holds(value, part)
        if known or detail["type"] == "missing":
            pointer += "/" + str(part).replace("~", "~0").replace("/", "~1")
        if not known:
            break
        value = value[part]
    return Fault(pointer[:_POINTER_LENGTH], detail["type"])


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(part, int):
        return isinstance(value, list) and part < len(value)
    return isinstance(value, Mapping) and part in value
