"""What each event does to the rows of letters and consignments."""

import json
from collections.abc import Callable
from typing import Any, Final

from domain.values import fold_number
from infrastructure.log.follower import Recorded
from projections.rows import WorkingSet
from projections.transfers.answering import answer, unanswer
from projections.transfers.record import (
    CONSIGNMENTS,
    HAPPENED,
    LETTERS,
    OUTGOING,
    PAPER_IN,
    PARTIES,
    Consignment,
    Happened,
    Letter,
    name_of,
    party,
    ranked,
    urgency,
)

_TOPIC: Final = "sijill.transfer.{}.v1"
REGISTERED_OUTGOING: Final = _TOPIC.format("registered_outgoing")
DISPATCHED: Final = _TOPIC.format("dispatched")
SENT_ON_PAPER: Final = _TOPIC.format("sent_on_paper")
REFERRED_ONWARD: Final = _TOPIC.format("referred_onward")
RECEIVED_ON_PAPER: Final = _TOPIC.format("received_on_paper")
CANCELLED: Final = _TOPIC.format("cancelled")
OUTGOING_RECTIFIED: Final = _TOPIC.format("outgoing_rectified")

_BUSINESS: Final = {
    "registered_incoming": "registered_incoming",
    "closed": "closed",
    "reopened": "registered_incoming",
    "archived": "archived",
    "returned": "returned",
    "refused": "refused",
    "withdrawn": "withdrawn",
}
_NOTES: Final = frozenset({"annotated", "referred"})
_INTERNAL: Final = _NOTES | {"note_rectified"}
# What a statement says in clear and people want to read in a chain; commitments are not shown.
_TOLD: Final = (
    "addressee", "reason", "unit", "series", "year", "number", "date", "due_date", "note_index",
    "new_consignment", "kind", "correspondent",
)  # fmt: skip


def kind_of(event: Recorded) -> str:
    """The word of an event's topic."""
    return event.type.split(".")[2]


def named(event: Recorded) -> str:
    """The name of the consignment that a statement names."""
    return name_of(event.statement["sender"], event.statement["consignment"])


def _enter(
    event: Recorded, rows: WorkingSet, letter: str, consignment: str | None, *, inside: bool = False
) -> None:
    """Let the event stand in the chain of its letter."""
    said = {name: event.statement[name] for name in _TOLD if name in event.statement}
    kind = kind_of(event)
    note = event.index if kind in _NOTES else event.statement.get("note_index")
    rows.enter(
        HAPPENED,
        Happened(
            log_index=event.index,
            time=event.time,
            stream=event.stream,
            letter=letter,
            consignment=consignment,
            kind=kind,
            agency=event.agency,
            keys=list(event.keys),
            internal=inside,
            note=note,
            said=json.dumps(said, sort_keys=True, ensure_ascii=True),
        ),
    )


def _admit(event: Recorded, rows: WorkingSet, stream: Any, *agencies: str | None) -> None:
    """Let agencies read a stream's record from here on."""
    for agency in agencies:
        # `prepare` has loaded whatever row there is.
        if agency is not None and rows.peek(PARTIES, f"{stream}|{agency}") is None:
            rows.put(PARTIES, party(stream, agency), event.index)


def _letter(event: Recorded, name: str, **more: Any) -> Letter:
    said = event.statement
    fields = {
        "name": name,
        "stream": event.stream,
        "agency": event.agency,
        "unit": said["unit"],
        "series": said["series"],
        "year": said["year"],
        "language": said["language"],
        "priority": said["priority"],
        "secrecy": said["secrecy"],
        "correspondent": said.get("correspondent"),
        "originator": said.get("originator"),
        "legal_basis": said.get("legal_basis"),
        "claims": said["claims"],
        "log_index": event.index,
        "time": event.time,
        "keys": list(event.keys),
        "answers": None,
        "older": None,
        "addressees": list(said.get("to", ())),
        "copies": list(said.get("copy_to", ())),
    }
    return Letter(**{**fields, **more})


def _registered_outgoing(event: Recorded, rows: WorkingSet) -> None:
    said = event.statement
    name = name_of(event.agency, said["new_letter"])
    answers = said.get("answers")
    letter = _letter(
        event,
        name,
        direction=OUTGOING,
        id=said["new_letter"],
        kind=said["kind"],
        number=said["number"],
        folded_number=fold_number(said["number"]),
        date=said["date"],
        answers=name_of(**_renamed(answers)) if answers else None,
        older=said.get("answers_older"),
        holder=event.agency if said["kind"] in ("original", "case_file") else None,
    )
    rows.put(LETTERS, letter, event.index)
    _admit(event, rows, event.stream, event.agency)
    _enter(event, rows, name, None)


def _renamed(answers: dict[str, str]) -> dict[str, str]:
    return {"sender": answers["sender"], "id_": answers["consignment"]}


def _begin(
    event: Recorded, rows: WorkingSet, letter: Letter, role: str, **more: Any
) -> Consignment:
    said = event.statement
    due = said.get("due_date")
    row = Consignment(
        **{
            "name": name_of(event.agency, said["new_consignment"]),
            "stream": event.stream,
            "sender": event.agency,
            "id": said["new_consignment"],
            "addressee": said.get("addressee"),
            "role": role,
            "letter": letter.name,
            "origin": letter.originator or letter.agency,
            "priority": letter.priority,
            "day": letter.date,
            "previous": None,
            "log_index": event.index,
            "time": event.time,
            "keys": list(event.keys),
            "replies": [],
            "transport": "dispatched",
            "business": "awaiting_registration",
            "business_index": event.index,
            "urgency": urgency("awaiting_registration", due, event.index, answered=False),
            "due_date": due,
            **more,
        }
    )
    row = ranked(row)
    rows.put(CONSIGNMENTS, row, event.index)
    return row


def _sent(event: Recorded, rows: WorkingSet, **more: Any) -> None:
    said = event.statement
    letter = rows.need(LETTERS, name_of(said["sender"], said["letter"]))
    addressee = said.get("addressee")
    role = "outside" if addressee is None else "copy" if addressee in letter.copies else "to"
    row = _begin(event, rows, letter, role, **more)
    answer(event, rows, letter, row)
    # Whoever is sent paper is on no network to read here.
    reader = addressee if row.transport == "dispatched" else None
    _admit(event, rows, event.stream, event.agency, letter.agency, reader)
    _admit(event, rows, letter.stream, reader)
    _enter(event, rows, letter.name, row.name)


def _dispatched(event: Recorded, rows: WorkingSet) -> None:
    _sent(event, rows)


def _sent_on_paper(event: Recorded, rows: WorkingSet) -> None:
    _sent(event, rows, transport="paper_out", business="sent_on_paper")


def _referred_onward(event: Recorded, rows: WorkingSet) -> None:
    previous = rows.need(CONSIGNMENTS, named(event))
    letter = rows.need(LETTERS, previous.letter)
    row = _begin(event, rows, letter, "onward", previous=previous.name)
    _admit(event, rows, event.stream, event.agency, letter.agency, row.addressee)
    _admit(event, rows, letter.stream, row.addressee)
    _enter(event, rows, letter.name, row.name)


def _received_on_paper(event: Recorded, rows: WorkingSet) -> None:
    said = event.statement
    name = name_of(event.agency, said["new_consignment"])
    number = said.get("their_number", "")
    answers = said.get("answers")
    letter = _letter(
        event,
        f"paper|{name}",
        direction=PAPER_IN,
        id=said["new_consignment"],
        kind="letter",
        number=number,
        folded_number=fold_number(number),
        date=said.get("their_date", said["date"]),
        answers=name_of(**_renamed(answers)) if answers else None,
    )
    rows.put(LETTERS, letter, event.index)
    row = _begin(
        event,
        rows,
        letter,
        PAPER_IN,
        addressee=event.agency,
        transport=PAPER_IN,
        business="registered_incoming",
        **_entered(event),
    )
    answer(event, rows, letter, row)
    _admit(event, rows, event.stream, event.agency)
    _enter(event, rows, letter.name, name)


def _entered(event: Recorded) -> dict[str, Any]:
    said = event.statement
    place = {name: said[name] for name in ("unit", "series", "year", "number", "date")}
    return {
        **place,
        "day": said["date"],
        "folded_number": fold_number(said["number"]),
        "registrar": event.agency,
        "registered_index": event.index,
        "registered_time": event.time,
    }


def _cancelled(event: Recorded, rows: WorkingSet) -> None:
    said = event.statement
    letter = rows.need(LETTERS, name_of(said["sender"], said["letter"]))
    changed = letter._replace(cancelled_index=event.index, cancellation=said["reason"])
    rows.put(LETTERS, changed, event.index)
    _enter(event, rows, letter.name, None)


def _outgoing_rectified(event: Recorded, rows: WorkingSet) -> None:
    said = event.statement
    letter = rows.need(LETTERS, name_of(said["sender"], said["letter"]))
    place = _entered(event)
    changed = letter._replace(
        unit=place["unit"],
        series=place["series"],
        year=place["year"],
        number=place["number"],
        folded_number=place["folded_number"],
        date=place["date"],
        rectified_index=event.index,
    )
    rows.put(LETTERS, changed, event.index)
    _enter(event, rows, letter.name, None)


def _change(event: Recorded, rows: WorkingSet) -> None:
    """Everything that happens to a consignment after it began."""
    row = rows.need(CONSIGNMENTS, named(event))
    kind, said = kind_of(event), event.statement
    letter = rows.need(LETTERS, row.letter)
    changed = row
    if kind in _BUSINESS:
        changed = row._replace(
            business=_BUSINESS[kind], business_index=event.index, reason=said.get("reason")
        )
    if kind == "delivered":
        changed = changed._replace(
            transport=kind, delivered_index=event.index, delivered_time=event.time
        )
    elif kind == "opened":
        changed = changed._replace(
            transport=kind,
            opened_index=event.index,
            opened_time=event.time,
            opened_by=list(event.keys),
        )
    elif kind == "registered_incoming":
        changed = changed._replace(**_entered(event))
        _pass_custody(event, rows, letter, row)
    elif kind == "incoming_rectified":
        place = _entered(event)
        for name in ("registrar", "registered_index", "registered_time"):
            del place[name]
        changed = changed._replace(**place, rectified_index=event.index)
    elif kind in ("due_date_set", "due_date_extended"):
        changed = changed._replace(due_date=said["due_date"])
    elif kind == "reminded":
        changed = changed._replace(reminders=row.reminders + 1)
    elif kind == "referred":
        changed = changed._replace(referred_to=said["unit"])
    rows.put(CONSIGNMENTS, ranked(changed), event.index)
    unanswer(event, rows, letter, changed)
    inside = kind in _INTERNAL and not said.get("released")
    _enter(event, rows, letter.name, row.name, inside=inside)


def _pass_custody(event: Recorded, rows: WorkingSet, letter: Letter, row: Consignment) -> None:
    if letter.holder is None:
        return
    if letter.held_by is not None:
        before = rows.need(CONSIGNMENTS, letter.held_by)
        done = before._replace(business="handed_on", business_index=event.index)
        rows.put(CONSIGNMENTS, ranked(done), event.index)
    held = letter._replace(holder=event.agency, held_by=row.name)
    rows.put(LETTERS, held, event.index)


_CHANGES: Final = (
    *_BUSINESS, "delivered", "opened", "incoming_rectified", "due_date_set", "due_date_extended",
    "reminded", "referred", "annotated", "note_rectified", "note_released",
)  # fmt: skip

HANDLERS: Final[dict[str, Callable[[Recorded, WorkingSet], None]]] = {
    REGISTERED_OUTGOING: _registered_outgoing,
    DISPATCHED: _dispatched,
    SENT_ON_PAPER: _sent_on_paper,
    REFERRED_ONWARD: _referred_onward,
    RECEIVED_ON_PAPER: _received_on_paper,
    CANCELLED: _cancelled,
    OUTGOING_RECTIFIED: _outgoing_rectified,
    **{_TOPIC.format(kind): _change for kind in _CHANGES},
}
