"""`sijill order`: orders that wait for further signatures."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from sijill.cli import codes
from sijill.cli.faults import verb
from sijill.cli.options import Desk, Sure
from sijill.cli.output import Output, fold, moment

if TYPE_CHECKING:
    from sijill.client import Client, Prepared

app = App(name="order", help="Orders that wait for further signatures.")

OrderId = Annotated[str, Parameter(help="The order's id, as the answer to its sender named it.")]
_COLUMNS = {
    "order": "cli.column.order",
    "state": "cli.column.state",
    "agency": "cli.column.agency",
    "act": "cli.column.act",
}
_STATES = {"open": "pending", "appended": "recorded", "refused": "refused", "expired": "expired"}


@app.command(name="list")
@verb
def list_(
    *,
    state: Annotated[
        Literal["open", "appended", "refused", "expired"] | None,
        Parameter(name="--in-state", help="Only orders that stand so."),
    ] = None,
    limit: Annotated[int, Parameter(help="At most so many.")] = 100,
    desk: Desk,
) -> int:
    """List orders that the agency made or is asked to sign; auditors see all."""
    output = Output(desk)
    with desk.signer() as client:
        items = list(client.pages("/v1/orders", limit=limit, state=state))
    rows = [{**one, "state": _state(one, output)} for one in items]
    output.result({"items": items}, *output.table(rows, _COLUMNS))
    return 0


@app.command
@verb
def show(order: OrderId, /, *, desk: Desk) -> int:
    """Show one order: what it says, who has signed it, and who must sign it still."""
    output = Output(desk)
    with desk.signer() as client:
        shown = client.order(order)
    output.result(shown, *_lines(shown, output))
    return 0


@app.command
@verb
def approve(order: OrderId, /, *, yes: Sure = False, desk: Desk) -> int:
    """Read an order and countersign it. What is signed is what is shown, or nothing is."""
    from sijill.cli.asking import require_sure

    output = Output(desk)
    with desk.signer() as client:
        shown = client.order(order)
        for line in _lines(shown, output):
            output.say(line)
        require_sure(desk, yes, {"act": shown["act"]})
        prepared = client.countersign(order, shown=shown)
        answer = client.send(prepared)
        kept = _receipts(client, prepared, answer)
    return _tell(answer, shown, kept, output)


@app.command
@verb
def refuse(order: OrderId, /, *, yes: Sure = False, desk: Desk) -> int:
    """Close an order for good, so that nobody can complete it.

    One that the ledger cannot show, because a restore has left its key behind, is refused by the
    agency that ordered it, from the state folder in which that keeps what it sent.
    """
    from sijill.cli.asking import require_sure
    from sijill.cli.refusing import UNREAD, refuse_unread
    from sijill.client import Refused

    output = Output(desk)
    with desk.signer() as client:
        try:
            shown = client.order(order)
        except Refused as refused:
            if refused.code != UNREAD:
                raise
            answer = refuse_unread(client, order, desk, sure=yes)
        else:
            require_sure(desk, yes, {"act": shown["act"]})
            answer = client.approve(order, refuse=True, shown=shown)
    output.result(answer, output.words("cli.order_refused", order=order))
    return 0


@app.command
@verb
def resume(*, desk: Desk) -> int:
    """Send again what interrupted commands left unanswered; nothing is recorded twice.

    What comes too late is refused and forgotten: its own command signs it anew.

    The same command, called again, does this for its own request; this verb is for requests whose
    command is not at hand any more. With `--output json` each one is a line of its own.
    """
    from sijill.cli.ordering import refused_lines
    from sijill.client.answers import is_open
    from sijill.client.state import QUEUED

    output = Output(desk)
    problems = 0
    with desk.signer() as client:
        for prepared in client.state.interrupted() if client.state else []:
            said = _send_again(client, prepared)
            output.item(said, *_resumed(said, output))
            problems += "problem" in said or bool(refused_lines(said.get("answer")))
            # One that waits for signatures is kept, so that its own command finds it again. What
            # the ledger refused as a whole is forgotten already, and what it did not judge stays.
            if "answer" in said and not is_open(said["answer"]):
                client.settle(prepared)
        left = client.state.journaled() if client.state else []
        if queued := sum(mark.startswith(QUEUED) for one in left for mark in one.marks):
            output.say(output.words("cli.journaled_queued", requests=queued), colour="yellow")
    return codes.REFUSED if problems else codes.DONE


def _send_again(client: "Client", prepared: "Prepared") -> dict[str, Any]:
    """What a journaled request is answered with, and what had been drawn for it."""
    from sijill.client import Late, Refused
    from sijill.client.drafts import drafts_in

    said: dict[str, Any] = {"path": prepared.path}
    gone: set[int] = set()
    try:
        said["answer"] = client.send(prepared, settle=False)
    except Late as late:
        said |= {"answer": late.answers, "problem": late.problem}
        gone.update(late.lines)
    except Refused as refused:
        if refused.foreign:
            raise
        return {**said, "problem": refused.problem}
    drawn = [
        {"code": one.code, "holder_secret": one.holder_secret}
        for line, one in enumerate(drafts_in(prepared))
        if one.holder_secret is not None and line not in gone
    ]
    return {**said, "drawn": drawn} if drawn else said


def _resumed(said: Mapping[str, Any], output: Output) -> list[str]:
    """A request that was sent again for people: what became of it, and of its lines."""
    from sijill.cli.ordering import refused_lines, told_refused

    refused = refused_lines(said.get("answer"))
    problem = said.get("problem")
    if problem is None:
        text = output.words("cli.resumed", path=said["path"])
        return [text, *told_refused(refused, output), *_drawn(said, output)]
    text = output.words("cli.resumed_refused", path=said["path"])
    others = [one for one in refused if one["problem"] != problem]
    told = f"{text}: {problem.get('title', '')} ({problem.get('code')})"
    return [told, *told_refused(others, output), *_drawn(said, output)]


def _drawn(said: Mapping[str, Any], output: Output) -> list[str]:
    from infrastructure.proofs.codes import for_people

    return [
        line
        for one in said.get("drawn", ())
        for line in (
            output.words("cli.code", code=for_people(one["code"])),
            output.words("cli.holder_secret", secret=one["holder_secret"]),
        )
    ]


def _state(order: Mapping[str, Any], output: Output) -> str:
    return output.words(f"state.order.{_STATES[order['state']]}")


def _lines(shown: Mapping[str, Any], output: Output) -> list[str]:
    from sijill.cli.ordering import wanted

    words = output.words
    text = words(
        "cli.order",
        act=shown["act"],
        agency=shown["agency"],
        lines=shown["lines"],
        state=_state(shown, output),
        until=moment(shown["not_after"]),
    )
    lines = fold(text)
    for statement in shown["statements"]:
        lines += fold(json.dumps(statement, ensure_ascii=False))
    if shown["waiting_for"]:
        lines.append(words("cli.waiting_for"))
        for line in wanted(shown["waiting_for"], output):
            lines += fold(line, indent=2)
    return lines


def _receipts(client: "Client", prepared: "Prepared", answer: Any) -> dict[str, str]:
    """Where the receipt of what an approval completed is kept, or the receipts of its lines."""
    if client.state is None or "order" in answer:
        return {}
    if isinstance(answer, list):
        return {"receipt_path": str(client.state.answers_path(prepared))}
    return {"receipt_path": str(client.state.receipt_path(answer["index"]))}


def _tell(answer: Any, shown: Mapping[str, Any], kept: Mapping[str, str], output: Output) -> int:
    """What an approval brought about: nothing yet, one event, or one for each line."""
    from sijill.cli.ordering import lines_of

    if isinstance(answer, dict):
        found = {"act": shown["act"], **answer, **kept}
        output.result(found, *lines_of(found, output))
        return codes.DONE
    refused = [one for one in answer if "problem" in one]
    counts = {"recorded": len(answer) - len(refused), "refused": len(refused)}
    lines = [output.words("cli.approved_bulk", **counts)]
    lines += [output.words("cli.receipt", path=path) for path in kept.values()]
    output.result({**counts, "items": answer, **kept}, *lines)
    return codes.REFUSED if refused else codes.DONE
