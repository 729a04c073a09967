"""Domain tests as sentences: given what happened, when an order comes, then an event or a refusal.

The store here is a few dictionaries that keep the promises the real one keeps under its lock:
expected versions, guards, unique claims, one index. Facts are taken apart and rebuilt, as the log
does.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from eventsourcing.persistence import EventStore

from domain.acts import Command, parse_command
from domain.errors import Refusal, taken
from domain.ledger import EVENTS, Decision, Fact, Ledger, Signed
from domain.values import BAGHDAD, MICROSECONDS, thumbprint, utc

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ALL_OFFICE_SCOPES = ("issue", "revoke", "register", "administer")
FOUNDER_SCOPES = ("administer", "operate", "audit", "court", "attest")
START = datetime(2026, 11, 22, 12, tzinfo=BAGHDAD)


class Conflict(Exception):
    """The store found a guard or an expected version that no longer holds."""


def digest(*parts: str) -> str:
    """43 characters of base64url that stand for whatever the parts say."""
    data = hashlib.sha256("|".join(parts).encode()).digest()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(name: str) -> dict[str, str]:
    """A public key with this name. Nobody knows its private half; the domain never asks."""
    return {"crv": "Ed25519", "kty": "OKP", "x": digest("key", name)}


def key_of(name: str) -> str:
    """The thumbprint of the key with this name."""
    return thumbprint(jwk(name))


def code(name: str) -> str:
    """A public code for this name, its check symbol found by trying all 32."""
    drawn = hashlib.sha256(name.encode()).digest()[:16]
    body = "".join(SYMBOLS[byte % 32] for byte in drawn)
    return next(body + last for last in SYMBOLS if _sum(body + last) == 0)


def _sum(text: str) -> int:
    """Σ α^i d_i, multiplying out each term in GF(32) with x^5 + x^2 + 1."""
    total = 0
    for place, symbol in enumerate(text):
        term = SYMBOLS.index(symbol)
        for _ in range(place):
            term = (term << 1) ^ (0b100101 if term & 16 else 0)
        total ^= term
    return total


@dataclass(frozen=True)
class Order:
    """A statement and the names of the keys that sign it, the orderer's first."""

    statement: dict[str, Any]
    signers: tuple[str, ...]
    possession: str | None = None

    def signed_by(self, *signers: str) -> "Order":
        """The same order under these signatures."""
        return replace(self, signers=signers)

    def also_by(self, *signers: str) -> "Order":
        """The same order with more signatures."""
        return replace(self, signers=(*self.signers, *signers))

    def proving(self, key: str | None) -> "Order":
        """The same order with this proof of possession, or none."""
        return replace(self, possession=key)

    def saying(self, **members: Any) -> "Order":
        """The same order with other members; None leaves one out."""
        said = {**self.statement, **members}
        return replace(self, statement={k: v for k, v in said.items() if v is not None})

    @property
    def keys(self) -> tuple[str, ...]:
        """Thumbprints as the evidence lists them."""
        names = (*self.signers, self.possession) if self.possession else self.signers
        return tuple(key_of(name) for name in names)


def order(act: str, agency: str, **members: Any) -> Order:
    """An order signed by the agency's first key."""
    statement = {"act": act, "agency": agency, "nonce": digest(act, repr(members))[:21] + "A"}
    return Order(statement, (agency,)).saying(**members)


class _Memory:
    """An event store that keeps facts apart as the log does, and rebuilds them when asked."""

    def __init__(self) -> None:
        self.streams: dict[UUID, list[dict[str, Any]]] = {}

    def put(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            parts = {one.name: getattr(fact, one.name) for one in fields(fact)}
            self.streams.setdefault(fact.originator_id, []).append({**parts, "type": fact.TOPIC})

    def get(self, originator_id: UUID, *, gt: int | None = None, **_: Any) -> Iterator[Fact]:
        for parts in self.streams.get(originator_id, [])[gt or 0 :]:
            members = {name: part for name, part in parts.items() if name != "type"}
            yield EVENTS[parts["type"]](**members)


class MemoryLedger(Ledger):
    """The ledger over a store in memory."""

    def construct_event_store(self) -> EventStore[UUID]:
        return cast("EventStore[UUID]", _Memory())


@dataclass
class World:
    """A ledger, the claims that its records hold, and a clock that only tests move."""

    ledger: Ledger = field(default_factory=MemoryLedger)
    claims: dict[tuple[str, str], UUID] = field(default_factory=dict)
    versions: dict[UUID, int] = field(default_factory=dict)
    size: int = 0
    now: int = int(START.timestamp()) * MICROSECONDS
    recorded: list[Fact] = field(default_factory=list)

    def find(self, space: str, key: str) -> UUID | None:
        return self.claims.get((space, key))

    def go_to(self, day: str) -> None:
        """Move the clock to noon in Baghdad on another day."""
        noon = datetime.fromisoformat(day).replace(hour=12, tzinfo=BAGHDAD)
        self.now = int(noon.timestamp()) * MICROSECONDS

    def read(self, order: Order) -> tuple[Command, bytes, Signed]:
        """An order as authentication hands it on; it may wait for an hour, or does not say."""
        said = {"valid_until": self.now // MICROSECONDS + 3600, **order.statement}
        if said["valid_until"] == "unsaid":
            del said["valid_until"]
        statement = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        signed = Signed(
            agency=said["agency"],
            keys=order.keys,
            evidence=hashlib.sha256(statement.encode()).digest(),
            now=self.now,
            ledger_size=self.size,
            possession=key_of(order.possession) if order.possession else None,
        )
        return parse_command(json.loads(statement)), statement.encode(), signed

    def decide(self, order: Order) -> Decision:
        command, statement, signed = self.read(order)
        return self.ledger.decide(command, statement, signed, self)

    def append(self, decision: Decision, *, forget: bool = True) -> tuple[Fact, ...]:
        """Append as the store does: all conditions, then everything, or nothing.

        `forget=False` leaves the ledger's cache stale, as another process's append does.
        """
        for stream, version in decision.guards.items():
            if self.versions.get(stream, 0) != version:
                raise Conflict
        for fact in decision.events:
            if self.versions.get(fact.originator_id, 0) != fact.originator_version - 1:
                raise Conflict
        for space, key in (*((one.space, one.key) for one in decision.claims), *decision.absent):
            if (space, key) in self.claims:
                raise taken(space)
        for claim in decision.claims:
            self.claims[claim.space, claim.key] = claim.stream
        for space, key in decision.releases:
            del self.claims[space, key]
        facts = tuple(
            replace(fact, index=self.size + place, timestamp=utc(self.now))
            for place, fact in enumerate(decision.events)
        )
        self.ledger.events.put(facts)
        self.size += len(facts)
        self.now += MICROSECONDS
        self.recorded += facts
        self.versions.update({fact.originator_id: fact.originator_version for fact in facts})
        if forget:
            self.ledger.forget(fact.originator_id for fact in facts)
        return facts

    def record(self, order: Order, *, forget: bool = True) -> tuple[Fact, ...]:
        return self.append(self.decide(order), forget=forget)


@dataclass
class Outcome:
    """What came of an order."""

    facts: tuple[Fact, ...] = ()
    refusal: Refusal | None = None

    def then(self, *topics: str) -> "Outcome":
        """The order became these events."""
        assert self.refusal is None, self.refusal
        assert [fact.TOPIC for fact in self.facts] == list(topics)
        return self

    def refused(self, code: str, **params: Any) -> "Outcome":
        """The order was refused with this code, and these of its parameters."""
        assert self.refusal is not None, [fact.TOPIC for fact in self.facts]
        assert self.refusal.code == code, self.refusal
        assert {name: self.refusal.params[name] for name in params} == params
        return self


class Scenario:
    """A founded ledger in which things happen."""

    def __init__(self, *, founded: bool = True) -> None:
        self.world = World()
        if founded:
            self.world.record(found())

    def given(self, *orders: Order | Iterable[Order]) -> "Scenario":
        """These orders were recorded before; a refusal among them is a mistake of the test."""
        for one in orders:
            for each in (one,) if isinstance(one, Order) else one:
                self.world.record(each)
        return self

    def on(self, day: str) -> "Scenario":
        """It is noon in Baghdad on this day."""
        self.world.go_to(day)
        return self

    def later(self, **delta: float) -> "Scenario":
        """Some time passes."""
        self.world.now += int(timedelta(**delta).total_seconds()) * MICROSECONDS
        return self

    def when(self, order: Order) -> Outcome:
        """An order arrives."""
        try:
            return Outcome(facts=self.world.record(order))
        except Refusal as refusal:
            return Outcome(refusal=refusal)

    def waits_for(self, order: Order) -> list[list[dict[str, Any]]]:
        """The signatures that the order still waits for."""
        command, _, signed = self.world.read(order)
        return self.world.ledger.requirement(command, signed, self.world).listed()


def given(*orders: Order | Iterable[Order]) -> Scenario:
    """A founded ledger in which these orders were recorded."""
    return Scenario().given(*orders)


def founder(agency: str, scopes: Sequence[str] = FOUNDER_SCOPES) -> dict[str, Any]:
    """A founding authority as the first statement names it."""
    common = {"office": "authority", "officer": f"{agency}-1"}
    recovery = {**common, "jwk": jwk(f"{agency}-recovery"), "scopes": ["recovery"]}
    return {
        "id": agency,
        "kind": "directorate" if agency == "ndc" else "general_secretariat",
        "names": names(agency),
        "key": {**common, "jwk": jwk(agency), "scopes": list(scopes)},
        "recovery": recovery,
    }


def names(text: str) -> dict[str, str]:
    """A name in three languages."""
    return {"ar": f"جهة {text}", "ckb": f"لایەنی {text}", "en": f"Body {text}"}


def verifier(name: str, text: str = "first") -> str:
    """A verifier key of this name."""
    key = digest("log", text).replace("-", "+").replace("_", "/")
    return f"{name}+0badc0de+A{key}"


def found() -> Order:
    """The first statement, signed by both founders."""
    origin = "sijill.test/log"
    members = {
        "origin": origin,
        "format": 1,
        "founders": [founder("ndc"), founder("comsec")],
        "log_key": verifier(origin),
        "receipt_key": verifier(f"{origin}/receipts"),
    }
    return order("ledger.open", "ndc", **members).also_by("comsec")


def add(agency: str, **members: Any) -> Order:
    """The operator enters an agency."""
    asked = {"subject": agency, "kind": "ministry", "names": names(agency), **members}
    return order("agency.add", "ndc", **asked)


def on_agency(act: str, agency: str, **members: Any) -> Order:
    """The operator orders an act on an agency."""
    return order(f"agency.{act}", "ndc", subject=agency, **members)


def enrol(key: str, agency: str, scopes: Sequence[str] = ALL_OFFICE_SCOPES, **more: Any) -> Order:
    """An agency enrols a further key of its own, its officer named after the key."""
    asked = {"subject": agency, "jwk": jwk(key), "scopes": list(scopes), "office": "registry"}
    asked = {**asked, "officer": f"officer-{key}", **more}
    return order("key.enrol", agency, **asked).proving(key)


def first_key(agency: str, key: str = "", scopes: Sequence[str] = ALL_OFFICE_SCOPES) -> Order:
    """The ceremony for an agency's first key: both founders, and the key itself."""
    return enrol(key or agency, agency, scopes).saying(agency="ndc").signed_by("ndc", "comsec")


def linked(agency: str, **members: Any) -> list[Order]:
    """An agency, entered and linked, with a key named after it and a second officer's."""
    second = enrol(f"{agency}-2", agency, ("issue", "revoke", "register"))
    return [add(agency, **members), first_key(agency), on_agency("link", agency), second]


def claims(*fields: str) -> dict[str, str]:
    """Commitments to these fields and to the holder's secret."""
    return {name: digest("claim", name) for name in ("holder_secret", *fields)}


def issue(name: str, agency: str = "moj", **members: Any) -> Order:
    """An agency issues a support letter under the code of this name and a number of its own."""
    asked: dict[str, Any] = {
        "type": "support_letter",
        "code": code(name),
        "unit": "main",
        "series": "general",
        "year": 2026,
        "number": f"{int(digest(name).encode().hex(), 16) % 10**9}/1",
        "date": "2026-11-20",
        "language": "ar",
        "claims": claims("holder_name", "supported_fact"),
    }
    return order("certificate.issue", agency, **{**asked, **members})


def on_certificate(act: str, name: str, agency: str = "moj", **members: Any) -> Order:
    """An agency orders an act on the certificate that the code of this name names."""
    return order(f"certificate.{act}", agency, code=code(name), **members)
