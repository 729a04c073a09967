"""A bulk that is judged and not recorded: what each line would be answered, as far as can be told.

Every line is judged on the ledger as it is and on the claims of the lines before it. What an
earlier line would make of a record is not played through: a line that acts on such a record says
on which line it depends, and its answer holds for the record as it stands now.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from api import writing
from api.orders import now_us
from api.problems import Problem
from api.services import Services
from api.work import Work
from domain.acts import Command
from domain.errors import RecordTwiceInOrder, Refusal, taken
from infrastructure.proofs.errors import ProofError

_Claim = tuple[str, str]


class Rehearsal:
    """One bulk, and what its lines so far would have done; for threads, one after another."""

    def __init__(self, services: Services, work: Work) -> None:
        self._services = services
        self._work = work
        self._taken: dict[_Claim, int] = {}
        self._needed_free: dict[_Claim, int] = {}
        self._given_up: dict[_Claim, int] = {}
        self._codes: dict[str, UUID] = {}
        self._written: dict[UUID, int] = {}

    def lines(self, chunk: Sequence[int]) -> list[dict[str, Any]]:
        """The answers to the next lines."""
        items: list[dict[str, Any]] = []
        for number in chunk:
            try:
                items.append({"line": number, **self._judge(number)})
            except (Refusal, ProofError) as error:
                items.append({"line": number, "error": error})
            except writing.STORE_ERRORS:
                items.append({"line": number, "error": Problem("store_unavailable")})
        return items

    def _judge(self, number: int) -> dict[str, Any]:
        if number in self._work.errors:
            raise self._work.errors[number]
        services, command = self._services, self._work.commands[number]
        signed = self._work.signed(number, now=now_us(), size=services.size)
        statement = self._work.lines[number].statement
        try:
            decision = services.ledger.rehearse(command, statement, signed, services.directory)
        except Refusal as error:
            streams = self._named(command)
            return self._told(number, error, streams, self._earlier(streams))
        written = {fact.originator_id for fact in decision.events}
        claims, together = set(decision.named), self._work.request.atomic
        # Lines that are recorded together find free what one of them gives up.
        refusal = decision.conflict(services.directory, self._given_up if together else ())
        again = self._taken.keys() & claims
        if refusal is None and again:
            refusal = taken(min(again)[0])
        crossed = [self._taken.get(one) for one in decision.absent]
        if together:
            crossed += [self._needed_free.get(one) for one in decision.releases]
        else:
            crossed += [self._given_up.get(one) for one in claims]
        earlier = self._earlier(written | decision.guards.keys(), crossed)
        if refusal is None or together:
            taken_here = [(one.space, one.key) for one in decision.claims]
            self._taken |= dict.fromkeys(taken_here, number)
            self._needed_free |= dict.fromkeys([*taken_here, *decision.absent], number)
        if refusal is None:
            self._given_up |= dict.fromkeys(decision.releases, number)
        elif earlier is not None:
            self._given_up |= dict.fromkeys(self._given_up.keys() & claims, number)
        if refusal is None or earlier is not None:
            self._codes |= {one.key: one.stream for one in decision.claims if one.space == "code"}
        return self._told(number, refusal, written, earlier)

    def _told(
        self, number: int, refusal: Refusal | None, streams: Iterable[UUID], earlier: int | None
    ) -> dict[str, Any]:
        if earlier is not None and self._work.request.atomic:
            refusal = RecordTwiceInOrder(line=number)
        if refusal is None or earlier is not None:
            self._written |= dict.fromkeys(streams, number)
        answer: dict[str, Any] = {"accepted": True} if refusal is None else {"error": refusal}
        return answer if earlier is None else {**answer, "depends_on": earlier}

    def _earlier(self, streams: Iterable[UUID], crossed: Iterable[int | None] = ()) -> int | None:
        """The last line before that may change one of these records, or is one of those crossed."""
        lines = (*(self._written.get(one) for one in streams), *crossed)
        return max((line for line in lines if line is not None), default=None)

    def _named(self, command: Command) -> set[UUID]:
        """The records that a refused line names, those that lines before it would make included."""
        if not self._written:
            return set()
        names = [code for name in ("code", "by") if (code := getattr(command, name, None))]
        find = self._services.directory.find
        found = {self._codes.get(code) or find("code", code) for code in names}
        return {stream for stream in found if stream is not None}
