"""Which rows a page of events about letters asks for, so that the database is asked once."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from infrastructure.log.follower import Recorded
from projections.agencies import AGENCIES
from projections.rows import Connection, Table, WorkingSet
from projections.transfers.events import HANDLERS, REGISTERED_OUTGOING, named
from projections.transfers.queries import STATEMENTS
from projections.transfers.record import CONSIGNMENTS, LETTERS, PARTIES, name_of


def needs(event: Recorded) -> Iterable[tuple[Table[Any], Any]]:
    """The letter and the consignment that the statement names, and the parties that it adds."""
    said = event.statement
    yield PARTIES, f"{event.stream}|{event.agency}"
    if "letter" in said:
        yield LETTERS, name_of(said["sender"], said["letter"])
    if "consignment" in said:
        yield CONSIGNMENTS, name_of(said["sender"], said["consignment"])
    if answers := said.get("answers"):
        yield CONSIGNMENTS, name_of(answers["sender"], answers["consignment"])
    if addressee := said.get("addressee"):
        yield PARTIES, f"{event.stream}|{addressee}"


async def prepare(conn: Connection, page: Sequence[Recorded], rows: WorkingSet) -> None:
    """Have at hand what only rows lead to: letters, what they answer and for whom, parties."""
    ours = [event for event in page if event.type in HANDLERS]
    letters = {
        row.letter
        for event in ours
        if "consignment" in event.statement
        and (row := rows.peek(CONSIGNMENTS, named(event))) is not None
    }
    await rows.load(conn, {LETTERS.name: letters})
    wanted = _Wanted(rows)
    for event in ours:
        wanted.look_at(event)
    await rows.load(conn, {CONSIGNMENTS.name: wanted.consignments, PARTIES.name: wanted.parties})
    if wanted.replies:
        await rows.load_by(conn, AGENCIES, STATEMENTS["given_on"], {})


class _Wanted:
    """Which rows a page will ask for, as far as its own events and the rows before it tell."""

    def __init__(self, rows: WorkingSet) -> None:
        self._rows = rows
        self._begun: dict[str, str] = {}
        self._streams: dict[str, UUID] = {}
        self.consignments: set[str] = set()
        self.parties: set[str] = set()
        self.replies = False

    def look_at(self, event: Recorded) -> None:
        """Follow one event."""
        if event.type == REGISTERED_OUTGOING:
            self._streams[name_of(event.agency, event.statement["new_letter"])] = event.stream
            self.replies |= "answers" in event.statement
            return
        name = self._letter_of(event)
        if name is None:
            return
        if new := event.statement.get("new_consignment"):
            self._begun[name_of(event.agency, new)] = name
        letter = self._rows.peek(LETTERS, name)
        if letter is not None:
            self.replies |= letter.answers is not None
            self.consignments.update(one for one in (letter.answers, letter.held_by) if one)
        stream = letter.stream if letter is not None else self._streams.get(name)
        self.parties.add(f"{event.stream}|{name.partition('|')[0]}")
        if addressee := event.statement.get("addressee"):
            self.parties.add(f"{stream}|{addressee}")

    def _letter_of(self, event: Recorded) -> str | None:
        """The name of the letter that an event is about."""
        said = event.statement
        if "letter" in said:
            return name_of(said["sender"], said["letter"])
        if "consignment" not in said:
            return None
        row = self._rows.peek(CONSIGNMENTS, named(event))
        return row.letter if row is not None else self._begun.get(named(event))
