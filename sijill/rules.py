"""The rules of the record, judged again by an auditor: who had to sign, and where an event belongs.

The checker in infrastructure/proofs tells whose signatures an event bears. Whether these were all
that the act asks for is a matter of the registry as it stood before the event: that is rebuilt here
from the events alone, and asked the same question that the service asks. What a record goes through
(retention, states, dates) is not judged: such rules may change with a release, those here may not.

Remembers the registry, and of each certificate its codes, number, status place and issuer: some
600 bytes.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from domain import authority
from domain.acts import Command, Scope, parse_command
from domain.certificates.record import Certificate, Original
from domain.errors import Refusal
from domain.keys import EnrolKey
from domain.ledger import EVENTS, Registry, Signed, Sitting
from domain.ledger.facts import Record
from domain.registers import Register
from infrastructure.proofs.findings import Summary
from infrastructure.proofs.leaf import Body, Header, Leaf
from infrastructure.proofs.orders import POSSESSION_TAG, SignedRequest
from sijill import rules_of_letters

SLACK_US: Final = 360_000_000
"""How far the clock of a decision may be from its leaf: five minutes, and a minute in the queue."""
_ISSUED: Final = "sijill.certificate.issued.v1"
_VOIDED: Final = "sijill.certificate.voided.v1"
_REGISTRY: Final = frozenset({"ledger", "agency", "key"})
_MICROSECONDS: Final = 1_000_000

Objection = tuple[str, str]
"""A finding's code, and what was found."""


class _Issued(NamedTuple):
    agency: str
    type: str
    number: str


class Rules:
    """Judges the events of one ledger in index order; each that is judged good is learned from."""

    def __init__(self, summary: Summary) -> None:
        self._summary = summary
        self._records: dict[UUID, Registry] = {}
        self._streams: dict[tuple[str, str], UUID] = {}
        self._certificates: dict[UUID, _Issued] = {}
        self._codes: dict[str, UUID] = {}
        self._numbers: set[str] = set()
        self._places: set[tuple[int, int]] = set()
        self._letters = rules_of_letters.LetterRules(self._numbers)
        self._registry_known = True
        self._certificates_known = True

    def pass_over(self, header: Header | None) -> None:
        """An event could not be judged: what comes after it may rest on what it said."""
        noun = None if header is None else _noun(header)
        if noun is None or noun in _REGISTRY:
            self._registry_known = False
        if noun is None or noun == "certificate":
            self._certificates_known = False
        if noun in (None, rules_of_letters.NOUN):
            self._letters.pass_over()

    def judge(
        self, leaf: Leaf, header: Header, body: Body, signed: tuple[SignedRequest, ...]
    ) -> Iterator[Objection]:
        """What stands against an event whose bytes and signatures are right."""
        if not self._registry_known:
            self._summary.skip("rules_not_judged", leaf.index)
            return
        objections = list(self._judge(leaf, header, body, signed))
        if objections:
            self.pass_over(header)
        else:
            self._learn(leaf, header, body)
        yield from objections

    def _judge(
        self, leaf: Leaf, header: Header, body: Body, signed: tuple[SignedRequest, ...]
    ) -> Iterator[Objection]:
        try:
            command = parse_command(body.parsed)
        except Refusal as refusal:
            yield "statement_invalid", refusal.code
            return
        until = command.valid_until
        if until is not None and leaf.time > until * _MICROSECONDS:
            yield "order_expired", str(until)
        if _noun(header) in ("certificate", rules_of_letters.NOUN):
            if not self._knows(header, body):
                self._summary.skip("rules_not_judged", leaf.index)
                return
            yield from self._check_record(header, body)
        else:
            yield from self._check_place(leaf, header, body, command)
        yield from self._check_signers(leaf, header, command, signed)

    def _check_signers(
        self, leaf: Leaf, header: Header, command: Command, signed: tuple[SignedRequest, ...]
    ) -> Iterator[Objection]:
        possession = [one.keyid for one in signed if one.tag == POSSESSION_TAG]
        objections: list[Objection] = []
        # The service judged by its own clock, and a key or a day may have ended in between.
        for now in (leaf.time, leaf.time - SLACK_US, leaf.time + SLACK_US):
            asked = Signed(
                agency=header.agency,
                keys=header.keys,
                evidence=header.evidence,
                now=max(0, now),
                ledger_size=leaf.index,
                possession=possession[0] if possession else None,
                line=header.line,
            )
            try:
                missing = authority.require(command, self._sitting(asked)).listed()
            except Refusal as refusal:
                objections.append(("signer_not_entitled", refusal.code))
                continue
            if not missing:
                return
            objections.append(("signature_missing", str(missing[0][0]["role"])))
        yield objections[0]

    def _sitting(self, signed: Signed) -> Sitting:
        return Sitting(
            load=self._load,
            directory=self,
            signed=signed,
            statement=b"",
            draw=lambda _: 0,
        )

    def find(self, space: str, key: str) -> UUID | None:
        """The stream that holds a claim: what a sitting asks its directory."""
        return self._codes.get(key) if space == "code" else self._streams.get((space, key))

    def _load(self, stream: UUID) -> Record:
        known = self._records.get(stream)
        if known is not None:
            return known
        issued = self._certificates[stream]
        record = Certificate.__new__(Certificate)
        record.__base_init__(stream, 1, datetime.fromtimestamp(0, UTC))
        record.begin()
        record.agency, record.type = issued.agency, issued.type
        record.originals = _AnyOriginal()
        return record

    def _check_place(
        self, leaf: Leaf, header: Header, body: Body, command: Command
    ) -> Iterator[Objection]:
        """An event is on the stream of the record that its statement names, or opens a new one."""
        home = self._home(header, command)
        opens = header.version == 1 and header.stream not in self._records
        if (home is None and not opens) or (home is not None and home != header.stream):
            yield "stream_mismatch", str(header.stream)
        if header.type == "sijill.agency.added.v1":
            if ("agency", body.parsed["subject"]) in self._streams:
                yield "agency_repeated", str(body.parsed["subject"])
        elif header.type == "sijill.key.retired.v1":
            record = self._records.get(header.stream)
            key = record.keys.get(body.parsed["key"]) if record else None
            if key and (key.agency != header.agency or Scope.RECOVERY in key.scopes):
                yield "signer_not_entitled", "not_entitled"
        elif header.type == "sijill.key.compromised.v1" and body.parsed["as_of"] > leaf.index:
            yield "compromise_in_future", str(body.parsed["as_of"])

    def _home(self, header: Header, command: Command) -> UUID | None:
        """The stream of the record that an act is about; None where it opens one."""
        said: Any = command
        if isinstance(command, EnrolKey):
            home = self._streams.get(("agency", command.subject))
            record = self._records.get(home) if home is not None else None
            founder = record is not None and record.agencies[command.subject].founder
            return home if founder or Scope.ADMINISTER in command.granted else None
        if header.type in {"sijill.ledger.opened.v1", "sijill.agency.added.v1"}:
            return None
        noun = _noun(header)
        name = {"ledger": "foundation", "agency": "subject", "key": "key"}[noun]
        key = name if noun == "ledger" else str(getattr(said, name))
        # A record that does not exist has a stream that no event can be on.
        return self._streams.get((noun, key), UUID(int=0))

    def _check_record(self, header: Header, body: Body) -> Iterator[Objection]:
        letters = _noun(header) == rules_of_letters.NOUN
        yield from (self._letters.check if letters else self._check_certificate)(header, body)

    def _knows(self, header: Header, body: Body) -> bool:
        """Whether what came before an act on a record was open to this checker."""
        if _noun(header) == rules_of_letters.NOUN:
            return self._letters.knows(header, body)
        known = header.stream in self._certificates and body.parsed.get("code") in self._codes
        return known or self._certificates_known or header.type == _ISSUED

    def _check_certificate(self, header: Header, body: Body) -> Iterator[Objection]:
        said = body.parsed
        yield from self._check_drawn(body)
        if header.type == _ISSUED:
            if header.version != 1:
                yield "stream_mismatch", str(header.stream)
            if _number(header.agency, said) in self._numbers:
                yield "number_repeated", str(said["number"])
            return
        if self._codes.get(said["code"]) != header.stream:
            yield "stream_mismatch", str(said["code"])
        issued = self._certificates.get(header.stream)
        if issued is not None and issued.agency != header.agency:
            yield "record_foreign", issued.agency

    def _check_drawn(self, body: Body) -> Iterator[Objection]:
        """A code and a status place name one original for ever."""
        code = _new_code(body)
        if code is not None and code in self._codes:
            yield "code_repeated", code
        if (code is not None) != ("status" in body.chosen):
            yield "status_place_wrong", ""
        place = _place(body)
        if place in self._places:
            yield "status_place_wrong", str(place)

    def _learn(self, leaf: Leaf, header: Header, body: Body) -> None:
        if _noun(header) == "certificate":
            self._learn_certificate(header, body)
            return
        if _noun(header) == rules_of_letters.NOUN:
            self._letters.learn(header, body)
            return
        record = self._records.get(header.stream)
        if header.version != (record.version if record is not None else 0) + 1:
            self.pass_over(header)
            return
        fact = EVENTS[header.type](
            originator_id=header.stream,
            originator_version=header.version,
            timestamp=datetime.fromtimestamp(leaf.time // _MICROSECONDS, UTC),
            statement=body.statement,
            chosen=body.chosen,
            agency=header.agency,
            keys=header.keys,
            line=header.line,
            evidence=header.evidence,
            index=leaf.index,
        )
        changed = fact.mutate(record)
        if not isinstance(changed, Registry):
            self.pass_over(header)
            return
        self._records[header.stream] = changed
        if leaf.index == 0:
            self._streams["ledger", "foundation"] = header.stream
        self._streams |= {("agency", one): header.stream for one in changed.agencies}
        self._streams |= {("key", one): header.stream for one in changed.keys}

    def _learn_certificate(self, header: Header, body: Body) -> None:
        said = body.parsed
        code, place = _new_code(body), _place(body)
        if code is not None:
            self._codes[code] = header.stream
        if place is not None:
            self._places.add(place)
        if header.type == _ISSUED:
            issued = _Issued(header.agency, said["type"], _number(header.agency, said))
            self._certificates[header.stream] = issued
            self._numbers.add(issued.number)
        elif header.type == _VOIDED:
            with suppress(KeyError):
                self._numbers.discard(self._certificates[header.stream].number)


class _AnyOriginal(dict[str, Original]):
    """The originals of a certificate for a judge who only asks whose it is and of which type."""

    def __missing__(self, code: str) -> Original:
        return Original(code, 1, 1)


def _noun(header: Header) -> str:
    return header.type.split(".")[1]


def _new_code(body: Body) -> str | None:
    said = body.parsed
    code = said.get("new_code") or (said["code"] if said["act"] == "certificate.issue" else None)
    return None if code is None else str(code)


def _place(body: Body) -> tuple[int, int] | None:
    status = body.chosen.get("status")
    return None if status is None else (status["list"], status["index"])


def _number(agency: str, said: dict[str, Any]) -> str:
    register = Register(agency, said["unit"], said["series"], said["year"])
    return register.number_key(said["number"])
