"""`sijill outbox`: orders that were written down without a ledger, sent when there is one."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from sijill.cli import codes
from sijill.cli.faults import Unusable, problem_of, verb
from sijill.cli.options import Desk
from sijill.cli.output import Output, fold, moment

if TYPE_CHECKING:
    from sijill.cli.ordering import Order
    from sijill.client import Client, Draft
    from sijill.client.outbox import Sent

app = App(name="outbox", help="Orders that wait here for a ledger: list, send, retry, drop.")

_COLUMNS = {
    "id": "cli.column.entry",
    "act": "cli.column.act",
    "queued": "cli.column.queued",
    "refused": "cli.column.refused",
}


@app.command(name="list")
@verb
def list_(*, desk: Desk) -> int:
    """List what waits, and what the ledger refused; oldest first."""
    from sijill.client import State
    from sijill.client.outbox import Outbox

    box = Outbox(State(desk.folder))
    entries = [*box.waiting(), *box.refused()]
    items: list[dict[str, Any]] = [
        {
            "id": one.id,
            "act": one.act,
            "queued": one.queued,
            "refused": (one.problem or {}).get("code"),
        }
        for one in entries
    ]
    output = Output(desk)
    shown = [{**one, "queued": moment(one["queued"] * 1_000_000)} for one in items]
    output.result({"items": items}, *output.table(shown, _COLUMNS))
    return codes.DONE


@app.command
@verb
def send(*, desk: Desk) -> int:
    """Sign and send everything that waits, and what a crash left unanswered; nothing is doubled.

    Oldest first, and to the end: what is refused is told, kept with the ledger's reason, and stops
    nothing; nor does what waits on, because the ledger is full, a clock is wrong, or a file is not
    there. Of a list that was cut off each refused line is told and counts. Without an answer
    everything that was not told waits on. A bulk of certificates that was cut off is left
    to its own command, which tells every line's secret. With `--output json` each is
    answered on a line of its own, and the last line sums up.
    """
    from sijill.cli.ordering import refused_lines, warn_of_interrupted
    from sijill.client import State
    from sijill.client.outbox import Outbox

    output = Output(desk)
    counts = {"sent": 0, "refused": 0, "waiting": 0}
    with desk.client() as client:
        for one in Outbox(State(desk.folder)).send(client, _upload):
            if one.waits:
                counts["waiting"] += 1
                _tell_waiting(one, output)
                continue
            refused = len(refused_lines(one.answer)) + (one.refused is not None)
            counts["refused"] += refused
            whole = isinstance(one.answer, list) and len(one.answer) == refused
            counts["sent"] += one.refused is None and not whole
            _tell(one, output)
        warn_of_interrupted(client, output)
    text = output.words("cli.outbox_sent", **counts)
    if output.json:
        output.item({"summary": counts})
    output.say(text)
    if counts["refused"]:
        return codes.REFUSED
    return codes.NOT_READY if counts["waiting"] else codes.DONE


@app.command
@verb
def retry(
    entry: Annotated[str, Parameter(help="Its id, as `list` shows it.")], /, *, desk: Desk
) -> int:
    """Have a refused entry wait again, in its old place: the next `send` sends it."""
    from sijill.client import State
    from sijill.client.outbox import Outbox

    if not Outbox(State(desk.folder)).retry(entry):
        raise Unusable(code="input_entry_unknown")
    output = Output(desk)
    output.result({"id": entry}, output.words("cli.outbox_retried"))
    return codes.DONE


@app.command
@verb
def drop(
    entry: Annotated[str, Parameter(help="Its id, as `list` shows it.")], /, *, desk: Desk
) -> int:
    """Forget what waits, or what was refused. What was sent already is not taken back.

    An order that was signed and sent, and not answered for good, may have been recorded: that is
    said, and it is not sent again.
    """
    from sijill.client import State
    from sijill.client.outbox import Dropped, Outbox

    dropped = Outbox(State(desk.folder)).drop(entry)
    if dropped is Dropped.NOTHING:
        raise Unusable(code="input_entry_unknown")
    output = Output(desk)
    sent = dropped is Dropped.SENT
    output.result({"id": entry, "sent": sent}, output.words("cli.outbox_dropped"))
    if sent:
        output.say(output.words("cli.outbox_dropped_sent"), colour="yellow")
    return codes.DONE


def queue(desk: Desk, order: "Order") -> int:
    """Write an order into the outbox instead of sending it: no ledger is asked.

    What would follow it (a credential) is ordered once it is recorded.
    """
    import time

    from sijill.cli.ordering import WAIT_SECONDS
    from sijill.client import State
    from sijill.client.outbox import Outbox

    output = Output(desk)
    state = State(desk.folder)
    until = int(time.time()) + WAIT_SECONDS if order.waits else None
    draft = order.draft(agency_of(desk), until)
    entry = Outbox(state).put(order.act, draft, waits=order.waits)
    drawn, lines = _drawn(draft, output)
    text = fold(output.words("cli.queued", entry=entry.id))
    output.result({"act": order.act, "queued": entry.id, **drawn}, *text, *lines)
    return codes.DONE


def queue_file(desk: Desk, file: Path) -> int:
    """Write into the outbox that a file is to be uploaded."""
    from sijill.client import State
    from sijill.client.outbox import Outbox

    with file.open("rb"):
        pass
    entry = Outbox(State(desk.folder)).put_file(file)
    output = Output(desk)
    text = fold(output.words("cli.queued", entry=entry.id))
    output.result({"act": entry.act, "queued": entry.id}, *text)
    return codes.DONE


def agency_of(desk: Desk) -> str:
    """In whose name, without asking: as it is said, or as the ledger said the last time.

    Raises:
        Unusable: `input_agency_missing`.
    """
    from sijill.client import State

    known = desk.agency or (State(desk.folder).read("agency") or b"").decode()
    if not known:
        raise Unusable(code="input_agency_missing")
    return known


def _upload(client: "Client", path: Path) -> dict[str, Any]:
    from sijill.client.attachments import Attachments

    return Attachments(client).upload(path)


def _drawn(draft: "Draft", output: Output) -> tuple[dict[str, str], list[str]]:
    """What was drawn for an order, and lines that tell it."""
    from infrastructure.proofs.codes import for_people

    said, lines = {}, []
    if draft.code is not None:
        said["code"] = draft.code
        lines.append(output.words("cli.code", code=for_people(draft.code)))
    if draft.holder_secret is not None:
        said["holder_secret"] = draft.holder_secret
        lines.append(output.words("cli.holder_secret", secret=draft.holder_secret))
    return said, lines


def _tell_waiting(one: "Sent", output: Output) -> None:
    error = one.unread or one.refused
    known = None if error is None else problem_of(error, output)
    problem = {} if known is None else known[0]
    said = {"act": one.act, "entry": "" if one.entry is None else one.entry.id}
    text = output.words("cli.outbox_waits", **said, title=problem.get("title", ""))
    detail = problem.get("detail", "")
    output.item({**said, "waits": True, "problem": problem}, *fold(text), *fold(detail, indent=2))


def _tell(one: "Sent", output: Output) -> None:
    said: dict[str, Any] = {"act": one.act}
    if one.entry is not None:
        said["entry"] = one.entry.id
    if one.refused is not None:
        problem: Mapping[str, Any] = one.refused.problem
        text = output.words("cli.outbox_refused", act=one.act, title=problem.get("title", ""))
        output.item({**said, "problem": dict(problem)}, f"{text} ({one.refused.code})")
        return
    if isinstance(one.answer, list):
        _tell_list(one, one.answer, output)
        return
    answer = one.answer or {}
    place = answer.get("index", answer.get("order", answer.get("attachment", "")))
    text = output.words("cli.outbox_line", act=one.act, place=str(place))
    drawn, lines = _drawn(one.draft, output) if one.draft is not None else ({}, [])
    output.item({**said, **answer, **drawn}, text, *lines)


def _tell_list(one: "Sent", answer: list[dict[str, Any]], output: Output) -> None:
    """How many lines of a list were recorded, and each that was refused."""
    from sijill.cli.ordering import refused_lines, told_refused

    refused = refused_lines(answer)
    recorded = len(answer) - len(refused)
    said = {"act": one.act, "lines": len(answer), "recorded": recorded, "refused": refused}
    text = output.words("cli.approved_bulk", recorded=recorded, refused=len(refused))
    output.item(said, f"{one.act}: {text}", *told_refused(refused, output))
