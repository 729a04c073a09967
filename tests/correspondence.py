"""Letters of a served ledger's agencies, over HTTP."""

import itertools
import os
import uuid
from dataclasses import dataclass
from typing import Any

from infrastructure.proofs import signing
from sijill.client import Client, commit, statement
from tests.serving import Agency

_NUMBERS = itertools.count(1)


def new_id() -> str:
    """A fresh id."""
    return str(uuid.uuid4())


def register_place(**changes: Any) -> dict[str, Any]:
    """A free place in a register."""
    number = f"{next(_NUMBERS)}/{os.getpid()}"
    place = {"unit": "main", "series": "general", "year": 2026, "date": "2026-11-20"}
    return {**place, "number": number, **changes}


def line(agency: str, act: str, values: dict[str, str] | None = None, **members: Any) -> bytes:
    """The line of an order about letters."""
    said = {name: value for name, value in members.items() if value is not None}
    if values is None:
        return signing.envelope(statement(f"transfer.{act}", agency, **said))
    claims, texts = commit(values)
    return signing.envelope(statement(f"transfer.{act}", agency, claims=claims, **said), texts)


def order(
    client: Client,
    path: str,
    act: str,
    values: dict[str, str] | None = None,
    **members: Any,
) -> dict[str, Any]:
    """Send one order about letters; the answer."""
    assert client.agency is not None
    text = line(client.agency, act, values, **members)
    return dict(client.send(client.prepare(f"/v1/transfers{path}", [text])))


@dataclass(frozen=True)
class Sent:
    """A letter and its consignment to one addressee."""

    sender: Agency
    letter: str
    consignment: str

    @property
    def path(self) -> str:
        """Of its consignment, below `/v1/transfers`."""
        return f"/{self.sender.name}/{self.consignment}"

    def on(self, agency: Agency, act: str, place: str, **members: Any) -> dict[str, Any]:
        """An agency orders an act on the consignment."""
        said = {"sender": self.sender.name, "consignment": self.consignment, **members}
        return order(agency.client, f"{self.path}/{place}", act, **said)

    def register(self, agency: Agency, **members: Any) -> dict[str, Any]:
        """The receiver registers it."""
        return self.on(agency, "register", "registration", **register_place(**members))

    def note(self, agency: Agency, text: str, **members: Any) -> dict[str, Any]:
        """The receiver writes a note."""
        return self.on(agency, "annotate", "notes", values={"note": text}, **members)


def outgoing(sender: Agency, to: list[str], **changes: Any) -> dict[str, Any]:
    """The members of a letter's registration."""
    del sender
    return {
        "new_letter": new_id(),
        "kind": "letter",
        "language": "ar",
        "priority": "normal",
        "secrecy": "secret",
        "to": to,
        "values": {"subject": "طلب تأييد صحة الصدور"},
        **register_place(),
        **changes,
    }


def send(sender: Agency, receiver: Agency, *, due_date: str | None = None, **changes: Any) -> Sent:
    """Register a letter and dispatch it to one addressee."""
    members = outgoing(sender, [receiver.name], **changes)
    order(sender.client, "", "register_outgoing", **members)
    return dispatch(sender, members["new_letter"], receiver, due_date=due_date)


def dispatch(sender: Agency, letter: str, receiver: Agency, *, due_date: str | None = None) -> Sent:
    """Dispatch a letter that is registered to one addressee."""
    consignment = new_id()
    order(
        sender.client,
        f"/{sender.name}/{letter}/dispatch",
        "dispatch",
        sender=sender.name,
        letter=letter,
        new_consignment=consignment,
        addressee=receiver.name,
        due_date=due_date,
    )
    return Sent(sender, letter, consignment)
