"""`sijill transfer`: letters, files and originals between agencies."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from sijill.cli import codes, letters
from sijill.cli.acting import add_verbs
from sijill.cli.faults import Unusable, verb
from sijill.cli.letters import PATH, Consignment, Sender
from sijill.cli.options import Desk, Input, Queue
from sijill.cli.output import Output, fold

app = App(name="transfer", help="Letters, files and originals between agencies.")

Note = Annotated[
    str,
    Parameter(
        help="The text; with `-` it is read from standard input, where nobody sees it.",
        allow_leading_hyphen=True,
    ),
]
Released = Annotated[
    bool, Parameter(negative="", help="Let the other parties read it; else it stays inside.")
]
_SENT = {
    "addressee": "cli.column.party",
    "consignment": "cli.column.consignment",
    "index": "cli.column.index",
    "problem": "cli.column.refused",
}


@app.command
@verb
def dispatch(file: Input, /, *, queue: Queue = False, desk: Desk) -> int:
    """Register the letter that a JSON file describes, and send it to everybody it names.

    The object has `unit`, `series`, `number`, `date`, `language`, `subject`, `to` (agencies) and,
    where wanted, `copy_to`, `kind`, `priority`, `secrecy`, `due_date`, `document` (the letter's
    file), `attachments` (files), `correspondent` and `correspondent_name` (outside the network),
    `answers_older` and `legal_basis`. Who is not on the network is sent paper. Run again after
    whatever went wrong, it finds what was recorded and sends the rest; nothing is doubled.
    """
    from sijill.cli.reading import folder_of, read_object, read_text

    said = read_object(read_text(file), file)
    return _send(desk, said, folder_of(file), queue=queue)


@app.command
@verb
def reply(
    sender: Sender, consignment: Consignment, file: Input, /, *, queue: Queue = False, desk: Desk
) -> int:
    """Answer a registered letter with the one that a JSON file describes, as `dispatch` reads it.

    It goes to whoever sent the letter, unless the file names others besides.
    """
    from sijill.cli.reading import folder_of, read_object, read_text

    said = read_object(read_text(file), file)
    said["answers"] = {"sender": sender, "consignment": consignment}
    others = said.get("to") or []
    # What is no list is told where the letter is composed.
    if "correspondent" not in said and isinstance(others, list):
        said["to"] = [sender, *(one for one in others if one != sender)]
    return _send(desk, said, folder_of(file), queue=queue)


def _send(desk: Desk, said: dict[str, Any], folder: Path, *, queue: bool) -> int:
    from sijill.cli.corresponding import Letter, send, write_down
    from sijill.cli.outbox import agency_of

    output = Output(desk)
    # In the name that is known here, no ledger is asked.
    known = replace(desk, agency=agency_of(desk)) if queue else desk
    with known.client() as client:
        letter = Letter.of(client, said, folder)
        if queue:
            entries = write_down(desk.folder, letter)
            text = output.words("cli.letter_queued", entries=len(entries))
            output.result({"letter": letter.id_of("letter"), "entries": entries}, *fold(text))
            return codes.DONE
        found = send(client, letter, output)
    text = output.words("cli.letter_sent", letter=found["letter"], index=found["index"])
    output.result(found, text, "", *output.table(found["consignments"], _SENT))
    refused = any(one["problem"] for one in found["consignments"])
    return codes.REFUSED if refused else codes.DONE


@app.command(name="receive-on-paper")
@verb
def receive_on_paper(file: Input, /, *, desk: Desk) -> int:
    """Register a letter that came on paper, as a JSON file describes it.

    The object has `correspondent` (citizen, company, embassy, public_body), `correspondent_name`,
    `unit`, `series`, `number`, `date`, `language`, `subject` and, where wanted, `their_number`,
    `their_date`, `originator`, `priority`, `secrecy` and `due_date`.
    """
    import uuid

    from domain.transfers.receiving import ReceiveOnPaper
    from sijill.cli.reading import check_members, members_of, read_object, read_text, stated
    from sijill.client.drafts import year_of

    said = read_object(read_text(file), file)
    names = ("subject", "correspondent_name")
    values = stated({str(name): said.pop(name) for name in names if name in said})
    check_members(said, members_of(ReceiveOnPaper) - {"new_consignment"})
    said = {"priority": "normal", "secrecy": "public", **said, "year": year_of(said.get("date"))}
    said["new_consignment"] = str(uuid.uuid4())
    return _order(desk, "receive_on_paper", "/paper", values, said)


@app.command
@verb
def annotate(
    sender: Sender,
    consignment: Consignment,
    note: Note,
    /,
    *,
    released: Released = False,
    desk: Desk,
) -> int:
    """Write a marginal note (هامش) on a registered letter."""
    said = {**_on(sender, consignment), **({"released": True} if released else {})}
    return _order(desk, "annotate", f"/{sender}/{consignment}/notes", _note(note), said)


@app.command(name="rectify-note")
@verb
def rectify_note(
    sender: Sender,
    consignment: Consignment,
    note: Note,
    /,
    *,
    note_index: Annotated[int, Parameter(help="The log index of the note.")],
    desk: Desk,
) -> int:
    """Put a note right; both stay shown."""
    said = {**_on(sender, consignment), "note_index": note_index}
    place = f"/{sender}/{consignment}/notes/rectification"
    return _order(desk, "rectify_note", place, _note(note), said)


@app.command
@verb
def refer(
    sender: Sender,
    consignment: Consignment,
    unit: Annotated[str, Parameter(help="The unit that has to deal with it.")],
    /,
    *,
    note: Annotated[str | None, Parameter(help="What goes with it; `-` reads it.")] = None,
    released: Released = False,
    desk: Desk,
) -> int:
    """Refer (إحالة) a registered letter to a unit inside the agency."""
    said = {**_on(sender, consignment), "unit": unit, **({"released": True} if released else {})}
    values = {} if note is None else _note(note)
    return _order(desk, "refer", f"/{sender}/{consignment}/referrals", values, said)


@app.command(name="refer-onward")
@verb
def refer_onward(
    sender: Sender,
    consignment: Consignment,
    addressee: Annotated[str, Parameter(help="The agency that it is referred to.")],
    /,
    *,
    due_date: Annotated[str | None, Parameter(help="The day by which an answer is due.")] = None,
    desk: Desk,
) -> int:
    """Refer a registered letter to another agency; hand on an original or a case file."""
    import uuid

    said = {**_on(sender, consignment), "addressee": addressee}
    said |= {"new_consignment": str(uuid.uuid4())}
    said |= {} if due_date is None else {"due_date": due_date}
    return _order(desk, "refer_onward", f"/{sender}/{consignment}/onward", {}, said)


@app.command(name="send-on-paper")
@verb
def send_on_paper(
    sender: Sender,
    letter: Annotated[str, Parameter(help="The letter's id.")],
    /,
    *,
    addressee: Annotated[
        str | None, Parameter(help="One of its addressees; else the correspondent outside.")
    ] = None,
    desk: Desk,
) -> int:
    """Record that a letter goes on paper, as where its electronic form was refused."""
    import uuid

    said = {"sender": sender, "letter": letter, "new_consignment": str(uuid.uuid4())}
    said |= {} if addressee is None else {"addressee": addressee}
    return _order(desk, "send_on_paper", f"/{sender}/{letter}/paper", {}, said)


def _on(sender: str, consignment: str) -> dict[str, Any]:
    return {"sender": sender, "consignment": consignment}


def _note(text: str) -> dict[str, str]:
    from sijill.cli.reading import STDIN, composed, read_line, stated

    try:
        return stated({"note": read_line() if text == STDIN else composed(text)})
    except ValueError as error:
        raise Unusable(code="input_malformed", detail=str(error), path="note") from None


def _order(desk: Desk, act: str, place: str, values: dict[str, str], said: dict[str, Any]) -> int:
    """Send one order that commits to values."""
    from sijill.cli.ordering import Order, perform
    from sijill.cli.reading import check
    from sijill.client import Draft

    def draft(agency: str, until: int | None) -> Draft:
        made = Draft.about(
            f"transfer.{act}", agency, f"{PATH}{place}", values, valid_until=until, **said
        )
        check(made)
        return made

    known = {name: one for name, one in said.items() if name != "new_consignment"}
    asked = {**known, "values": values}
    return perform(desk, Order(act=f"transfer.{act}", said=asked, draft=draft))


_READING: dict[str, Callable[..., int]] = {
    "inbox": letters.inbox,
    "outbox": letters.outbox,
    "show": letters.show,
    "where": letters.where,
    "board": letters.board,
    "article-13": letters.article_13,
}
for _name, _verb in _READING.items():
    app.command(_verb, name=_name)
add_verbs(app, "transfer")
