"""Writing a signed order down instead of sending it, for whoever sends with other tools."""

import shlex
import time
from pathlib import Path

from infrastructure.keyfiles import write_durably
from infrastructure.proofs.orders import parse_request
from sijill.cli.options import Desk
from sijill.cli.ordering import WAIT_SECONDS, Order
from sijill.cli.output import Output, fold, moment
from sijill.client import Draft, Prepared


def write_order(desk: Desk, order: Order, into: Path) -> int:
    """Write body and headers into a folder, readable by their owner only, and tell how to send."""
    output = Output(desk)
    until = int(time.time()) + WAIT_SECONDS if order.waits else None
    with desk.client() as client:
        draft = order.draft(client.agency or "", until)
        prepared = client.prepare(draft.path, [draft.envelope], cosigned=order.waits, journal=False)
    into.mkdir(parents=True, exist_ok=True)
    body, headers = (into / f"{prepared.key}.{kind}" for kind in ("body", "headers"))
    write_durably(body, prepared.body)
    write_durably(headers, _header_file(prepared))
    command = curl(desk.url, prepared, body, headers)
    found = {
        "act": order.act,
        "path": prepared.path,
        "body": str(body),
        "headers": str(headers),
        "curl": command,
    }
    _add_drawn(found, draft)
    head = parse_request("POST", prepared.path, prepared.headers.items())
    lines = fold(output.words("cli.prepared", until=moment(head.not_after_us)))
    lines += ["", command]
    if draft.holder_secret is not None:
        lines += ["", output.words("cli.holder_secret", secret=draft.holder_secret)]
    output.result(found, *lines)
    return 0


def curl(url: str, prepared: Prepared, body: Path, headers: Path) -> str:
    """The command that sends a prepared order; curl reads headers from a file since 7.55."""
    address = shlex.quote(url.rstrip("/") + prepared.path)
    files = shlex.quote(f"@{headers}"), shlex.quote(f"@{body}")
    return f"curl --silent --show-error --header {files[0]} --data-binary {files[1]} {address}"


def _header_file(prepared: Prepared) -> bytes:
    lines = (f"{name}: {value}\n" for name, value in prepared.headers.items())
    return "".join(lines).encode("ascii")


def _add_drawn(found: dict[str, str], draft: Draft) -> None:
    if draft.code is not None:
        found["code"] = draft.code
    if draft.holder_secret is not None:
        found["holder_secret"] = draft.holder_secret
