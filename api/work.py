"""The work of one order: its request, its lines and signatures, and what becomes of each line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from api.orders import Arrived, now_us
from domain.acts import Command
from domain.ledger import Signed
from infrastructure.log.batch import Appended, Order
from infrastructure.log.ending import Place
from infrastructure.log.reader import RecordedLine
from infrastructure.proofs import evidence
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import POSSESSION_TAG, Line, SignedRequest

MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Work:
    """A complete order: the request, its lines by number, and all signatures in evidence order.

    A line has a command, or an error that no look at the ledger would change. `late` is why an
    order that is out of its time cannot be recorded any more, and `read_us` what our clock said.
    """

    request: SignedRequest
    lines: Mapping[int, Line] = field(repr=False)
    commands: Mapping[int, Command]
    signatures: Sequence[SignedRequest]
    errors: Mapping[int, Exception] = field(default_factory=dict)
    late: ProofError | None = None
    read_us: int = field(default_factory=now_us)

    @property
    def agency(self) -> str:
        """The agency whose order it is; empty where no line says anything that an act allows."""
        return next((command.agency for command in self.commands.values()), "")

    def signed(self, line: int, *, now: int, size: int) -> Signed:
        """What the domain is told about the signatures, for one line."""
        possession = [one.keyid for one in self.signatures if one.tag == POSSESSION_TAG]
        return Signed(
            agency=self.agency,
            keys=tuple(one.keyid for one in self.signatures),
            evidence=self.evidence_digest,
            now=now,
            ledger_size=size,
            possession=possession[0] if possession else None,
            line=line,
        )

    @cached_property
    def evidence(self) -> bytes:
        """The evidence bytes of the whole order."""
        return evidence.encode_evidence(self.signatures)

    @cached_property
    def evidence_digest(self) -> bytes:
        """What every header of this order carries."""
        return evidence.evidence_digest(self.evidence)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one line: recorded (perhaps earlier), or refused."""

    line: int
    appended: Appended | None = None
    position: int = 0
    error: Exception | None = None
    duplicate: Mapping[str, Any] | None = None

    @property
    def place(self) -> Place | None:
        """Where it stands in the log; None of a line that was refused."""
        if self.duplicate is not None:
            return self.duplicate["index"], bytes.fromhex(self.duplicate["leaf_hash"])
        if self.appended is None:
            return None
        return self.appended.indexes[self.position], self.appended.leaf_hashes[self.position]

    @classmethod
    def found(cls, line: int, recorded: RecordedLine) -> "Outcome":
        """A line that an earlier request of the same key put into the log."""
        at = recorded.index
        appended = Appended(at, recorded.time, (at,), (recorded.leaf_hash,), replayed=True)
        return cls(line, appended)


def work_of(arrived: Arrived) -> Work:
    """The work of an order with no signature but its own."""
    return Work(
        arrived.request,
        arrived.lines,
        arrived.commands,
        (arrived.request,),
        arrived.errors,
        arrived.late,
        arrived.read_us,
    )


def order_of(work: Work) -> Order:
    """What the log keeps of an order; the time bounds hold for every signature at once."""
    until = [one.not_after_us for one in work.signatures]
    until += [
        one.valid_until * MICROSECONDS
        for one in work.commands.values()
        if one.valid_until is not None
    ]
    return Order(
        agency=work.agency,
        idempotency_key=work.request.idempotency_key,
        request_digest=work.request.request_digest,
        evidence=work.evidence,
        statement_digests=b"".join(work.lines[number].digest for number in sorted(work.lines)),
        lines=len(work.lines),
        not_before=max(one.not_before_us for one in work.signatures),
        not_after=min(until),
        clock_exempt=all(one.act == "ledger.accept_clock" for one in work.commands.values()),
    )
