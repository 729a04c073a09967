"""One event after the other, each decided once more by the domain over what came before it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple
from uuid import UUID

from domain import authority
from domain.acts import Command, parse_command
from domain.certificates import LIST_SPAN
from domain.errors import OrderExpired, Refusal, taken
from domain.ledger import DESKS, Decision, Signed, Sitting
from domain.ledger.sitting import OutdatedCopy
from infrastructure.proofs.findings import Summary
from infrastructure.proofs.leaf import Body, Header, Leaf
from infrastructure.proofs.orders import POSSESSION_TAG, SignedRequest
from infrastructure.proofs.remembering import Memory, Plain
from sijill.rules.nouns import NOT_PERMITTED, Figures, NounRules, Objection
from sijill.rules.past import REGISTRY, OutOfTurn, Past, PastUnknown, noun_of

SLACK_US: Final = 360_000_000
"""How far the clock of a decision may be from its leaf: five minutes, and a minute in the queue."""
_MICROSECONDS: Final = 1_000_000
_SILENT: Final = NounRules()
_STATUS: Final = "status"
_SIGNERS: Final = frozenset({"signature_missing", "signer_not_entitled"})
_SENSELESS: Final = (KeyError, TypeError, ValueError, AttributeError)


class Decided(NamedTuple):
    """What a desk came to, and what stands against it; without a decision something does."""

    decision: Decision | None
    objections: list[Objection]


class Bench(Sitting):
    """A sitting of long ago: what was drawn then is known now."""

    def __init__(self, past: Past, signed: Signed, header: Header, body: Body) -> None:
        super().__init__(
            load=past.load,
            directory=past,
            signed=signed,
            statement=body.statement,
            draw=lambda _: 0,
        )
        self._past = past
        self._stream = header.stream
        self._chosen = body.chosen
        self.drew = False
        self.in_bounds = True

    def new_stream(self) -> UUID:
        """The id that was drawn then."""
        return self._stream

    def is_free(self, space: str, key: str) -> bool:
        """Whether nobody is known to hold it; who may hold it unseen makes no act wrong."""
        return self._past.holder(space, key) is None

    def drawn(self, space: str, below: int, key: str) -> int:
        """The number that was drawn then."""
        del key
        self.drew = True
        number = int(self._chosen.get(space, {}).get("index", 0))
        self.in_bounds = number < below
        return number


class Judging:
    """Judges the events of one ledger in index order; each that is judged good is learned from."""

    def __init__(
        self, summary: Summary, nouns: Mapping[str, NounRules], memory: Memory | None = None
    ) -> None:
        self._summary = summary
        self._nouns = nouns
        self._past = Past(memory or Plain())
        makers = {rules.figures for rules in nouns.values() if rules.figures}
        self._figures: dict[str, Figures] = {
            make.__name__: make() for make in sorted(makers, key=lambda make: make.__name__)
        }

    def state(self) -> dict[str, Any]:
        """What is known beside the memory, as JSON can hold it."""
        figures = {name: one.state() for name, one in self._figures.items()}
        return {"past": self._past.state(), "figures": figures}

    def resume(self, said: Mapping[str, Any]) -> None:
        """Go on from such a state."""
        self._past.resume(said["past"])
        for name, one in self._figures.items():
            one.resume(said["figures"][name])

    def pass_over(self, header: Header | None, *, registry: bool = True) -> None:
        """An event could not be judged: what comes after it may rest on what it said."""
        self._past.lose(header, registry=registry)

    def judge(
        self, leaf: Leaf, header: Header, body: Body | None, signed: tuple[SignedRequest, ...]
    ) -> Iterator[Objection]:
        """What stands against an event whose bytes and signatures are right."""
        if body is None:
            self._past.lose(header)
            return
        try:
            objections = list(self._judge(leaf, header, body, signed))
        except OutOfTurn:
            # Its header alone has told that, or that it cannot be told.
            self._past.lose(header)
            return
        except (PastUnknown, OutdatedCopy):
            self._summary.skip("rules_not_judged", leaf.index)
            self._past.lose(header)
            return
        if objections:
            self._past.lose(header)
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
            return
        rules = self._nouns.get(noun_of(header), _SILENT)
        decided = self._decide(leaf, header, body, command, signed, rules)
        objections = decided.objections
        if decided.decision is not None:
            objections += self._compare(header, decided.decision, rules)
            for figures in self._figures.values():
                objections += figures.check(command, self._past)
        if objections and self._past.doubtful:
            # What seems to be missing may be in what was not opened.
            objections = [one for one in objections if self._stands(header, one)]
            if not objections:
                raise PastUnknown
        yield from objections
        if objections or decided.decision is None:
            return
        try:
            self._past.learn(leaf, header, body, decided.decision)
            for figures in self._figures.values():
                figures.learn(header.type, decided.decision)
        except _SENSELESS as error:
            yield NOT_PERMITTED, type(error).__name__

    def _stands(self, header: Header, objection: Objection) -> bool:
        """Whether an objection rests on the registry alone, of which nothing is out of sight."""
        of_registry = noun_of(header) in REGISTRY or objection[0] in _SIGNERS
        return of_registry and self._past.registry_known

    def _decide(
        self,
        leaf: Leaf,
        header: Header,
        body: Body,
        command: Command,
        signed: tuple[SignedRequest, ...],
        rules: NounRules,
    ) -> Decided:
        """What the desk comes to. Its clock is not known, and a day may have ended meanwhile."""
        possession = [one.keyid for one in signed if one.tag == POSSESSION_TAG]
        first: Decided | None = None
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
            bench = Bench(self._past, asked, header, body)
            decided = _decided(command, bench, rules)
            if decided.decision is not None:
                decided = _drawn(bench, decided.decision, decided.objections, leaf, body)
            if not decided.objections:
                return decided
            first = first or decided
        assert first is not None  # noqa: S101 - the loop has turns, and each leaves something
        return first

    def _compare(self, header: Header, decided: Decision, rules: NounRules) -> Iterator[Objection]:
        """What was recorded is what would be: this event, on that record, with free claims."""
        (event,) = decided.events
        if header.type != event.TOPIC:
            yield NOT_PERMITTED, header.type
            return
        opens = event.originator_version == 1
        if event.originator_id != header.stream or (opens and self._past.knows(header.stream)):
            yield "stream_mismatch", str(header.stream)
            return
        if event.originator_version != header.version:
            raise OutOfTurn
        for space, key, _ in decided.claims:
            if self._past.holder(space, key) is not None:
                yield rules.code_of_claim(space), key
        for space, key in decided.absent:
            if self._past.holder(space, key) is not None:
                told = rules.taken.get(space, NOT_PERMITTED)
                yield told, taken(space).code


def _decided(command: Command, bench: Bench, rules: NounRules) -> Decided:
    objections: list[Objection] = []
    try:
        missing = authority.require(command, bench).listed()
        objections += [("signature_missing", str(group[0]["role"])) for group in missing[:1]]
    except OrderExpired as refusal:
        objections.append(("order_expired", str(refusal.params["valid_until"])))
    except Refusal as refusal:
        objections.append(("signer_not_entitled", refusal.code))
    try:
        DESKS[type(command)](command, bench)
        return Decided(bench.decision(), objections)
    except Refusal as refusal:
        objections.append((rules.code_of(refusal, command, bench), refusal.code))
    except _SENSELESS as error:
        # A log may say anything; that no desk can read it is for the auditor, not for a traceback.
        objections.append((NOT_PERMITTED, type(error).__name__))
    return Decided(None, objections)


def _drawn(
    bench: Bench, decision: Decision, objections: list[Objection], leaf: Leaf, body: Body
) -> Decided:
    """The decision with the place in a status list that was drawn then, as far as one could be."""
    place = body.chosen.get(_STATUS)
    if bench.drew != (place is not None):
        return Decided(None, [*objections, ("status_place_wrong", "")])
    if place is None:
        return Decided(decision, objections)
    newest = leaf.index // LIST_SPAN
    key = f"{place['list']}:{place['index']}"
    if not bench.in_bounds or not newest - 1 <= place["list"] <= newest:
        return Decided(None, [*objections, ("status_place_wrong", key)])
    if all(one.space != _STATUS or one.key == key for one in decision.claims):
        return Decided(decision, objections)
    # It was drawn for a list that was the newest when it was decided.
    claims = (one._replace(key=key) if one.space == _STATUS else one for one in decision.claims)
    return Decided(replace(decision, claims=tuple(claims)), objections)
