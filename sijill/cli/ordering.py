"""Sending one order, whatever its act: journaled, countersigned where keys are at hand, told.

Run again after a crash, the same verb finds its journaled request and sends those bytes instead of
new ones, so that nothing is recorded twice and no secret is drawn twice.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.errors import Refusal
from infrastructure.keyfiles import load_private_key
from infrastructure.proofs.codes import for_people
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import PrivateKey
from infrastructure.proofs.orders import COSIGNED_LIFE_SECONDS
from sijill.cli import codes
from sijill.cli.faults import problem_of
from sijill.cli.options import Desk
from sijill.cli.output import Output, fold, moment
from sijill.client import Client, Draft, Prepared, Refused
from sijill.client.answers import is_open

WAIT_SECONDS = COSIGNED_LIFE_SECONDS
# What a signer is answered whose signature an order does not wait for.
_NOT_ASKED = frozenset({"order_unknown", "cosignature_not_needed"})

Redraft = Callable[[str, int | None], Draft]


Follow = Callable[[Client, dict[str, Any], Output], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order to be sent.

    Attributes:
        act: its act, `certificate.revoke`.
        said: what the caller asked for, by which a repetition is known.
        draft: makes its draft for an agency, given until when it may wait for other signatures.
        waits: whether it is known to wait for them.
        possession: the new key of an enrolment, if it is at hand.
        key: what signs it instead of the client's key.
        cosigners: other signers' keys, if they are at hand.
    """

    act: str
    said: Mapping[str, Any]
    draft: Redraft
    waits: bool = False
    possession: PrivateKey | None = None
    key: PrivateKey | None = None
    cosigners: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an order, and the request that it was sent as."""

    prepared: Prepared
    answer: dict[str, Any]


def perform(desk: Desk, order: Order, *, then: Follow | None = None) -> int:
    """Send an order and tell what became of it; `then` does what belongs to the same breath."""
    output = Output(desk)
    with desk.client() as client:
        done = execute(client, order, output)
        if then is not None:
            then(client, done.answer, output)
        output.result(done.answer, *lines_of(done.answer, output))
        # Only now: what the caller has not read yet must be found again after a crash.
        settle(client, done)
        warn_of_interrupted(client, output)
    return codes.DONE


def perform_each(desk: Desk, orders: Sequence[Order]) -> int:
    """Send the orders of a list, each answered on a line of its own; a refused one stops none."""
    output = Output(desk)
    refused = 0
    with desk.client() as client:
        for number, order in enumerate(orders, 1):
            try:
                done = execute(client, order, output)
            except (Refused, Refusal, ProofError) as error:
                if isinstance(error, Refused) and error.foreign:
                    raise
                known = problem_of(error, output)
                if known is None:
                    raise
                problem = known[0]
                text = output.words("cli.line_refused", line=number, title=problem["title"])
                output.item({"line": number, "problem": problem}, f"{text} ({problem['code']})")
                refused += 1
                continue
            output.item({"line": number, **done.answer}, _line(number, done.answer, output))
            settle(client, done)
        warn_of_interrupted(client, output)
    return codes.REFUSED if refused else codes.DONE


def _line(number: int, answer: Mapping[str, Any], output: Output) -> str:
    text = "cli.line_waiting" if "order" in answer else "cli.line_recorded"
    return output.words(
        text, line=number, index=answer.get("index", ""), order=answer.get("order", "")
    )


def execute(client: Client, order: Order, output: Output) -> Done:
    """Send one order; the answer also holds the code and the secret that were drawn for it.

    Raises:
        Refused, Unreachable, Untrustworthy: as `Client.send`.
    """
    keys = {path: load_private_key(path) for path in order.cosigners}
    for prepared in _interrupted(client, order):
        output.say(output.words("cli.interrupted"))
        answer = _again(client, prepared, order, keys, output)
        if answer is not None:
            return Done(prepared, _complete(client, prepared, order, answer))
        client.settle(prepared)
    prepared = _prepare(client, order, wait=order.waits)
    try:
        answer = _send(client, prepared, order, keys, output)
    except Refused as refused:
        if refused.code != "valid_until_missing" or order.waits:
            raise
        # Others have to sign, too: only the ledger knows of what type the certificate is.
        prepared = _prepare(client, order, wait=True)
        answer = _send(client, prepared, order, keys, output)
    return Done(prepared, _complete(client, prepared, order, answer))


def settle(client: Client, done: Done) -> None:
    """Forget a request whose answer was told, unless it waits for signatures."""
    if not is_open(done.answer):
        client.settle(done.prepared)


def warn_of_interrupted(client: Client, output: Output) -> None:
    """Say that requests of other commands were left unanswered, and what to do."""
    count = len(client.state.interrupted()) if client.state else 0
    if count:
        output.say(output.words("cli.journaled", requests=count), colour="yellow")


def lines_of(answer: Mapping[str, Any], output: Output) -> list[str]:
    """A single order's answer for people."""
    words = output.words
    lines = []
    if "order" in answer:
        until = moment(answer["not_after"])
        lines += fold(words("cli.waiting", order=answer["order"], until=until))
        for group in wanted(answer["waiting_for"], output):
            lines += fold(group, indent=2)
    else:
        text = "cli.recorded_before" if answer["replayed"] else "cli.recorded"
        lines.append(words(text, index=answer["index"], time=moment(answer["time"])))
    if "code" in answer:
        lines.append(words("cli.code", code=for_people(str(answer["code"]))))
    if "credential_index" in answer:
        lines.append(words("cli.credential", index=answer["credential_index"]))
    if "holder_secret" in answer:
        lines.append(words("cli.holder_secret", secret=answer["holder_secret"]))
    if "receipt_path" in answer:
        lines.append(words("cli.receipt", path=answer["receipt_path"]))
    return lines


def refused_lines(answer: Any) -> list[dict[str, Any]]:
    """The lines of a list that were refused; none of an answer that is no list's."""
    return [one for one in answer if "problem" in one] if isinstance(answer, list) else []


def told_refused(lines: Sequence[Mapping[str, Any]], output: Output) -> list[str]:
    """Lines that were refused for people, each by its place in the list, from 1."""
    return [
        f"{output.words('cli.line_refused', line=one['line'] + 1, title=problem.get('title', ''))}"
        f" ({problem.get('code')})"
        for one in lines
        for problem in [one["problem"]]
    ]


def wanted(groups: Sequence[Sequence[Mapping[str, str]]], output: Output) -> list[str]:
    """Who must still sign, a line for each signature; any one of a line will do."""
    return [
        f" {output.words('cli.or')} ".join(
            output.words(
                f"cli.wanted.{one['role']}",
                agency=one["agency"],
                scope=one.get("scope", ""),
                key=one.get("key", ""),
            )
            for one in group
        )
        for group in groups
    ]


def _interrupted(client: Client, order: Order) -> list[Prepared]:
    """Requests for this very order that were sent before and not answered for good."""
    if client.state is None:
        return []
    mark = _mark(client, order)
    known = [*client.state.journaled(), *client.state.waiting()]
    return [one for one in known if one.marks == (mark,)]


def _again(
    client: Client,
    prepared: Prepared,
    order: Order,
    cosigners: Mapping[Path, PrivateKey],
    output: Output,
) -> dict[str, Any] | None:
    """The answer to a request that is sent once more; None if it can never be recorded."""
    try:
        answer = _send(client, prepared, order, cosigners, output)
    except Refused as refused:
        if not refused.out_of_time:
            raise
        return None
    return answer if "receipt" in answer or is_open(answer) else None


def _complete(
    client: Client, prepared: Prepared, order: Order, answer: Mapping[str, Any]
) -> dict[str, Any]:
    draft = Draft.read(prepared.path, prepared.lines[0])
    found = {"act": order.act, **answer}
    if draft.code is not None:
        found["code"] = draft.code
    if draft.holder_secret is not None:
        found["holder_secret"] = draft.holder_secret
    if "receipt" in answer and client.state is not None:
        found["receipt_path"] = str(client.state.receipt_path(answer["index"]))
    return found


def _prepare(client: Client, order: Order, *, wait: bool) -> Prepared:
    until = int(time.time()) + WAIT_SECONDS if wait else None
    draft = order.draft(client.agency or "", until)
    marks = (_mark(client, order),) if client.state else ()
    return client.prepare(draft.path, [draft.envelope], cosigned=wait, key=order.key, marks=marks)


def _mark(client: Client, order: Order) -> str:
    said = {"act": order.act, "agency": client.agency, "said": dict(order.said)}
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    return client.state.mark(text.encode()) if client.state else ""


def _send(
    client: Client,
    prepared: Prepared,
    order: Order,
    cosigners: Mapping[Path, PrivateKey],
    output: Output,
) -> dict[str, Any]:
    answer: dict[str, Any] = client.send(prepared, settle=False)
    if not is_open(answer):
        return answer
    # Whoever brings the last signature is given the receipt.
    if order.possession is not None:
        answer = client.send(client.possess(prepared.path, prepared.lines[0], order.possession))
    for path, key in cosigners.items():
        if not is_open(answer):
            break
        try:
            answer = client.approve(answer["order"], key=key)
        except Refused as refused:
            if refused.code not in _NOT_ASKED:
                raise
            # The order is there all the same, and the caller has to learn who else must sign it.
            output.say(output.words("cli.cosigner_not_asked", path=str(path)))
    return answer
