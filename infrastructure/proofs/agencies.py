"""Agencies and what their keys are for, as the registry's events that are shown make them known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from infrastructure.proofs.jwk import parse_jwk
from infrastructure.proofs.keyring import CLOCK_SKEW_SECONDS, KeyRing
from infrastructure.proofs.leaf import Header

FAR: Final = 360_000_000
"""How far the clock of a decision may be from its leaf, in microseconds."""

_MICROSECONDS: Final = 1_000_000
_BAGHDAD: Final = timedelta(hours=3)
_STANDINGS: Final = {
    "linked": "linked",
    "suspended": "suspended",
    "reinstated": "linked",
    "closed": "closed",
    "merged": "closed",
}


class Unseen(Exception):
    """What is asked rests on events that were not shown."""


class Held(NamedTuple):
    """What a key is for, and in whose hands it is."""

    agency: str
    scopes: frozenset[str]
    officer: str

    def administers(self, agency: str) -> bool:
        """Whether it speaks for an agency in matters of keys; a recovery key does, for its own."""
        return self.agency == agency and bool(self.scopes & {"administer", "recovery"})


@dataclass(slots=True)
class Agency:
    """An agency whose stream is shown; ``parents`` are its parents, each since a day."""

    stream: UUID
    standing: str
    parents: list[tuple[date, str | None]] = field(default_factory=list)


class Agencies:
    """The registry as it stands before the next event; ``keys`` know whether they may sign."""

    def __init__(self, keys: KeyRing) -> None:
        self._ring = keys
        self._agencies: dict[str, Agency] = {}
        self._keys: dict[str, Held] = {}
        self._lost: set[UUID] = set()
        self._all_lost = False
        self.founders: tuple[str, ...] = ()

    def lose(self, stream: UUID | None) -> None:
        """An event on this stream, or on any, was not learned from."""
        if stream is None:
            self._all_lost = True
        else:
            self._lost.add(stream)

    def key(self, thumbprint: str) -> Held:
        """What a key is for.

        Raises:
            Unseen: its enrolment was not shown, or not believed.
        """
        held = self._keys.get(thumbprint)
        if held is None:
            raise Unseen
        return held

    def agency(self, name: str) -> Agency:
        """An agency as it stands.

        Raises:
            Unseen: not all of its stream was shown, or believed.
        """
        agency = self._agencies.get(name)
        if agency is None or (name not in self.founders and not self._whole(agency)):
            raise Unseen
        return agency

    def administered(self, name: str, *, time_us: int) -> bool:
        """Whether an agency that is known has a key to administer its keys with, by any clock.

        One that begins or ends about this time may have been there for who decided, or not.

        Raises:
            Unseen: it is not known.
        """
        if not self._whole(self.agency(name)):
            raise Unseen
        # The ring itself lets a key pass that begins or ends so near.
        far = FAR + CLOCK_SKEW_SECONDS * _MICROSECONDS
        return any(
            held.administers(name)
            and self._ring.objection(key, time_us=time_us - far) is None
            and self._ring.objection(key, time_us=time_us + far) is None
            for key, held in self._keys.items()
        )

    def parent(self, agency: Agency, *, time_us: int) -> str | None:
        """The linked parent that may stand in for a founder at a time; a founder does for nobody.

        One that is not shown signed nothing that is.
        """
        today = (datetime.fromtimestamp(time_us // _MICROSECONDS, UTC) + _BAGHDAD).date()
        days = [since for since, _ in agency.parents if since <= today]
        if not days:
            return None
        name = [parent for since, parent in agency.parents if since == max(days)][-1]
        known = self._agencies.get(name or "")
        linked = known is not None and known.standing == "linked"
        return name if linked and name not in self.founders else None

    def learn(self, header: Header, said: Mapping[str, Any]) -> None:
        """Take up an event.

        Raises:
            ProofError, KeyError, TypeError, ValueError: its statement does not say what it must.
        """
        noun, _, what = header.type.removeprefix("sijill.").removesuffix(".v1").partition(".")
        if (noun, what) == ("ledger", "opened"):
            self._found(header, said)
        elif (noun, what) == ("key", "enrolled"):
            self._hold(str(said["subject"]), said)
        elif noun == "agency":
            self._change(what, header, said)

    def _whole(self, agency: Agency) -> bool:
        return not self._all_lost and agency.stream not in self._lost

    def _found(self, header: Header, said: Mapping[str, Any]) -> None:
        for founder in said["founders"]:
            name = str(founder["id"])
            self._agencies[name] = Agency(header.stream, "linked")
            self.founders += (name,)
            for part in ("key", "recovery"):
                self._hold(name, founder[part])

    def _hold(self, agency: str, said: Mapping[str, Any]) -> None:
        scopes = frozenset(map(str, said["scopes"]))
        self._keys[parse_jwk(said["jwk"]).thumbprint] = Held(agency, scopes, str(said["officer"]))

    def _change(self, what: str, header: Header, said: Mapping[str, Any]) -> None:
        name = str(said["subject"])
        since = date.fromisoformat(said.get("effective_date", date.min.isoformat()))
        if what == "added":
            parents = [(since, said.get("parent"))]
            self._agencies[name] = Agency(header.stream, "planned", parents)
        elif name not in self._agencies:
            return
        elif what == "reparented":
            self._agencies[name].parents.append((since, said.get("parent")))
        elif what in _STANDINGS or (what == "split" and "rest" in said):
            self._agencies[name].standing = _STANDINGS.get(what, "closed")
