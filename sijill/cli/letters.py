"""Reading verbs of `sijill transfer`: inbox, outbox, one letter, where it is, who has opened it."""

from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from sijill.cli import codes
from sijill.cli.faults import verb
from sijill.cli.options import Desk
from sijill.cli.output import Output, moment

Sender = Annotated[str, Parameter(help="The agency that drew the id.")]
Id = Annotated[str, Parameter(help="The id of the consignment, or of the letter.")]
Consignment = Annotated[str, Parameter(help="The consignment's id.")]
Business = Literal[
    "awaiting_registration",
    "registered_incoming",
    "closed",
    "archived",
    "returned",
    "refused",
    "withdrawn",
    "handed_on",
    "sent_on_paper",
]
Transport = Literal["dispatched", "delivered", "opened", "paper_out", "paper_in"]
PATH = "/v1/transfers"
_BOX = {
    "sender": "cli.column.sender",
    "consignment": "cli.column.consignment",
    "party": "cli.column.party",
    "number": "cli.column.number",
    "transport": "cli.column.transport",
    "business": "cli.column.business",
    "due_date": "cli.column.due",
}
_STEPS = {
    "index": "cli.column.index",
    "time": "cli.column.time",
    "agency": "cli.column.agency",
    "words": "cli.column.act",
    "proven": "cli.column.proven",
}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which consignments are listed; what is left out lets everything through."""

    business: Annotated[Business | None, Parameter(help="What the receiver did.")] = None
    transport: Annotated[Transport | None, Parameter(help="How far it came.")] = None
    unit: Annotated[str | None, Parameter(help="The register unit.")] = None
    party: Annotated[
        str | None, Parameter(help="The other agency: its id, or a part of its name.")
    ] = None
    number: Annotated[str | None, Parameter(help="Either side's, in any digits.")] = None
    from_day: Annotated[str | None, Parameter(help="The first day.")] = None
    to_day: Annotated[str | None, Parameter(help="The last day.")] = None
    due_by: Annotated[str | None, Parameter(help="Due on this day or before.")] = None
    limit: Annotated[int, Parameter(help="At most so many.")] = 100


@verb
def inbox(*, chosen: Chosen | None = None, desk: Desk) -> int:
    """List what has arrived: what is unanswered and due first."""
    return _box(desk, chosen or Chosen(), "inbox")


@verb
def outbox(*, chosen: Chosen | None = None, desk: Desk) -> int:
    """List what was sent: what is unanswered and due first."""
    return _box(desk, chosen or Chosen(), "outbox")


@verb
def show(sender: Sender, record: Id, /, *, desk: Desk) -> int:
    """Show a consignment or a letter, what its states mean and what happens next."""
    output = Output(desk)
    with desk.client() as client:
        found = client.get(f"{PATH}/{sender}/{record}")
    one = found["consignment"]
    lines = [f"{name}: {value}" for name, value in found["values"].items()]
    place = found["letter"]["outgoing"]
    lines.append(f"{output.words('cli.column.number')}: {place['number']} ({place['date']})")
    if found["letter"]["holder"]:
        lines.append(output.words("cli.letter_holder", agency=found["letter"]["holder"]))
    if one is not None:
        lines += ["", one["words"]["transport"], one["words"]["business"], one["words"]["next"]]
    output.result(found, *lines)
    return codes.DONE


@verb
def where(sender: Sender, record: Id, /, *, desk: Desk) -> int:
    """Tell where a letter is: every event that one may see, its index, and whether it is proven.

    Proven is what the log holds, by a proof that was verified; one that does not hold ends this
    with exit 6.
    """
    from sijill.client.proven import chain

    output = Output(desk)
    with desk.client() as client:
        steps = chain(client, f"{PATH}/{sender}/{record}/chain")
    rows = [
        {
            **one,
            "time": moment(one["time"]),
            "proven": output.words("cli.yes" if one["proof"] else "cli.not_yet"),
        }
        for one in steps
    ]
    output.result({"items": steps}, *output.table(rows, _STEPS))
    return codes.DONE


@verb
def board(sender: Sender, letter: Id, /, *, desk: Desk) -> int:
    """Show how far a letter came to each of its recipients; who has not opened it first."""
    output = Output(desk)
    with desk.client() as client:
        found = client.get(f"{PATH}/{sender}/{letter}/board")
    rows = [
        {
            "party": row["addressee"],
            "consignment": one and one["consignment"],
            "transport": _word(output, "transport", one and one["transport"]["state"]),
            "business": _word(output, "business", one and one["business"]["state"]),
        }
        for row in found["recipients"]
        for one in [row["consignment"]]
    ]
    columns = {name: _BOX[name] for name in ("party", "consignment", "transport", "business")}
    output.result(found, *output.table(rows, columns))
    return codes.DONE


@verb
def article_13(sender: Sender, consignment: Consignment, /, *, desk: Desk) -> int:
    """Print the five fields that Law 78 of 2012, article 13, asks of an electronic document."""
    output = Output(desk)
    with desk.client() as client:
        found = client.get(f"{PATH}/{sender}/{consignment}/article-13")
    sent, received = found["time_sent"], found["time_received"]
    lines = [
        output.words("cli.article13.title"),
        output.words("cli.article13.originator", value=found["originator"]),
        output.words("cli.article13.sender", value=found["sender"]),
        output.words("cli.article13.receiver", value=found["receiver"]),
        output.words("cli.article13.sent", time=moment(sent["time"]), index=sent["index"]),
    ]
    if received is not None:
        at = {"time": moment(received["time"]), "index": received["index"]}
        lines.append(output.words("cli.article13.received", **at))
    else:
        lines.append(output.words("cli.article13.not_received"))
    lines.append(output.words("cli.article13.statement", digest=found["statement_digest"]))
    output.result(found, *lines)
    return codes.DONE


def _box(desk: Desk, chosen: Chosen, box: str) -> int:
    output = Output(desk)
    query = asdict(chosen)
    limit = query.pop("limit")
    with desk.client() as client:
        items = list(client.pages(f"/v1/{box}", limit=limit, **query))
    rows = [
        {
            "sender": one["consignment"]["sender"],
            "consignment": one["consignment"]["consignment"],
            "party": one["consignment"]["addressee" if box == "outbox" else "sender"],
            "number": one["letter"]["outgoing"]["number"],
            "transport": _word(output, "transport", one["consignment"]["transport"]["state"]),
            "business": _word(output, "business", one["consignment"]["business"]["state"]),
            "due_date": one["consignment"]["due_date"],
        }
        for one in items
    ]
    output.result({"items": items}, *output.table(rows, _BOX))
    return codes.DONE


def _word(output: Output, kind: str, state: str | None) -> str | None:
    return state and output.words(f"word.transfers.{kind}.{state}")
