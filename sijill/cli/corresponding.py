"""Composing letters: from a JSON file to a registered letter that is on its way to everybody.

The ids of the letter and of its consignments are drawn from what the file says, under a secret of
this client's state folder. So the same file sent again is the same letter: what was recorded is
found, what was not is sent, and nothing is doubled, wherever it broke off.
"""

import hashlib
import json
import secrets
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from domain.errors import AgencyClosed, DueDateNotLater, OneAddresseeOnly
from domain.transfers.commands import RegisterOutgoing
from domain.transfers.words import CUSTODY_KINDS
from sijill.cli.faults import Unusable
from sijill.cli.output import Output
from sijill.cli.reading import check, check_members, members_of, stated
from sijill.client import Client, Draft, Prepared, Refused
from sijill.client.drafts import year_of

BULK: Final = "/v1/transfers/bulk"
_REGISTER: Final = "transfer.register_outgoing"
_FILES: Final = ("document", "attachments")
_VALUES: Final = ("subject", "correspondent_name")
_DEFAULTS: Final = {"kind": "letter", "priority": "normal", "secrecy": "public"}
_UNKNOWN: Final = frozenset({"transfer_unknown", "agency_unknown"})


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as a file asks for it.

    Attributes:
        said: the file's members.
        folder: where the paths in it begin.
    """

    agency: str
    said: Mapping[str, Any]
    folder: Path
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, client: Client, said: Mapping[str, Any], folder: Path) -> "Letter":
        """The letter of a file, its ids bound to this client."""
        text = json.dumps(said, sort_keys=True, ensure_ascii=False).encode()
        mark = client.state.mark(text) if client.state else secrets.token_hex(32)
        return cls(client.agency or "", {**_DEFAULTS, **said}, folder, bytes.fromhex(mark))

    def id_of(self, what: str) -> str:
        """The id of the letter (`letter`), or of its consignment to somebody."""
        drawn = hashlib.sha256(self.secret + what.encode()).digest()
        return str(uuid.UUID(bytes=drawn[:16], version=4))

    @property
    def files(self) -> list[tuple[str, Path]]:
        """Every file by the name of its claim: the letter itself, then its attachments."""
        named = [("document", self.said["document"])] if "document" in self.said else []
        attached = self.said.get("attachments", [])
        if not isinstance(attached, list):
            raise Unusable(code="input_malformed", detail="a list of files", path="attachments")
        named += [(f"attachment_{number}", name) for number, name in enumerate(attached, 1)]
        return [(claim, self.folder / str(name)) for claim, name in named]

    @property
    def addressees(self) -> list[str]:
        """Everybody it is addressed or copied to."""
        return [*(self.said.get("to") or ()), *(self.said.get("copy_to") or ())]

    def registration(self) -> Draft:
        """Its registration as outgoing.

        Raises:
            Refusal, ProofError: what the ledger would refuse for its form.
            Unusable: a value that says nothing. OSError: a file cannot be read.
        """
        left_out = (*_FILES, *_VALUES, "due_date", "year")
        members = {name: one for name, one in self.said.items() if name not in left_out}
        check_members(members, members_of(RegisterOutgoing) - {"new_letter"})
        members["year"] = year_of(self.said.get("date"))
        values = stated({name: self.said[name] for name in _VALUES if name in self.said})
        for claim, path in self.files:
            with path.open("rb") as file:
                values[claim] = hashlib.file_digest(file, "sha256").hexdigest()
        draft = Draft.about(
            _REGISTER,
            self.agency,
            "/v1/transfers",
            values,
            new_letter=self.id_of("letter"),
            **members,
        )
        check(draft)
        return draft

    def sending(self, addressee: str | None, *, paper: bool) -> Draft:
        """Its way to one addressee: by the network, or on paper.

        Raises:
            Refusal, ProofError: what the ledger would refuse.
        """
        act, place = ("send_on_paper", "paper") if paper else ("dispatch", "dispatch")
        letter = self.id_of("letter")
        due = {} if paper else {"due_date": self.said.get("due_date")}
        draft = Draft.plain(
            f"transfer.{act}",
            self.agency,
            f"/v1/transfers/{self.agency}/{letter}/{place}",
            sender=self.agency,
            letter=letter,
            new_consignment=self.id_of(f"to {addressee or ''}"),
            addressee=addressee,
            **due,
        )
        check(draft)
        if paper and self.said["kind"] in CUSTODY_KINDS:
            raise OneAddresseeOnly
        if due.get("due_date") and str(due["due_date"]) < str(self.said["date"]):
            raise DueDateNotLater(due_date=str(due["due_date"]))
        return draft


def send(client: Client, letter: Letter, output: Output) -> dict[str, Any]:
    """Upload its files, register it and send it to everybody; what was done before is found.

    Registered is what can be sent: a number is used once, and what the file says is the letter's
    name, so that neither could be put right afterwards.

    Raises:
        Refusal, ProofError, Unusable: the letter is not sent like this.
        Refused, Unreachable, Untrustworthy: as `Client.send`. OSError: a file cannot be read.
    """
    path = f"/v1/transfers/{letter.agency}/{letter.id_of('letter')}"
    there = _is_there(client, path)
    registration = None if there else letter.registration()
    drafts = list(_sendings(client, letter, there=there))
    if registration is not None:
        _upload(client, letter, output)
        _register(client, letter, registration)
    answers = _together(client, [draft for _, draft in drafts])
    rows = [
        {
            "addressee": addressee,
            "consignment": letter.id_of(f"to {addressee or ''}"),
            "index": answer.get("index"),
            "problem": answer.get("problem", {}).get("code"),
        }
        for (addressee, _), answer in zip(drafts, answers, strict=True)
    ]
    found = client.get(path)["letter"]["recorded"]["index"]
    return {
        "sender": letter.agency,
        "letter": letter.id_of("letter"),
        "index": found,
        "consignments": rows,
    }


def _is_there(client: Client, path: str) -> bool:
    try:
        client.get(path)
    except Refused as refused:
        if refused.code in _UNKNOWN:
            return False
        raise
    return True


def _upload(client: Client, letter: Letter, output: Output) -> None:
    from sijill.client.attachments import Attachments

    for _, path in letter.files:
        stands = Attachments(client).upload(path)
        output.say(
            output.words("cli.uploaded", attachment=stands["attachment"], size=stands["size"])
        )


def _register(client: Client, letter: Letter, draft: Draft) -> None:
    """Register it, or finish what a run before began: those bytes first."""
    mark = client.state.mark(letter.secret + b"register") if client.state else ""
    if any(_finished(client, prepared) for prepared in _left(client, mark)):
        return
    marks = (mark,) if mark else ()
    client.send(client.prepare(draft.path, [draft.envelope], marks=marks))


def _sendings(client: Client, letter: Letter, *, there: bool) -> Iterator[tuple[str | None, Draft]]:
    """A draft for everybody; who is not on the network is sent paper.

    One who was closed after the letter was registered keeps nobody else waiting.
    """
    for addressee in letter.addressees:
        try:
            standing = client.get(f"/v1/agencies/{addressee}", signed=False)["standing"]
        except Refused as refused:
            # Of a circular's many, which one it is.
            raise Refused({**refused.problem, "note": addressee}) from None
        if standing == "closed" and not there:
            raise AgencyClosed(agency=addressee)
        yield addressee, letter.sending(addressee, paper=standing == "planned")
    if "correspondent" in letter.said:
        yield None, letter.sending(None, paper=True)


def _together(client: Client, drafts: list[Draft]) -> list[dict[str, Any]]:
    """All of them in one order, each line for itself: who cannot be reached keeps nobody waiting.

    What an interrupted run had signed is told first, so that it is not left in the journal.
    """
    if not drafts:
        return []
    envelopes = [draft.envelope for draft in drafts]
    mark = client.state.mark(drafts[0].path.encode()) if client.state else ""
    for prepared in _left(client, mark):
        _finished(client, prepared)
    prepared = client.prepare(BULK, envelopes, bulk=True, marks=[mark] * len(envelopes))
    return list(client.send(prepared))


def _finished(client: Client, prepared: Prepared) -> bool:
    """Send what a run before signed; whether it was in time, else it is to be signed anew."""
    try:
        client.send(prepared)
    except Refused as refused:
        if not refused.out_of_time:
            raise
        return False
    return True


def _left(client: Client, mark: str) -> list[Prepared]:
    journaled = client.state.journaled() if client.state else []
    return [one for one in journaled if mark and mark in one.marks]


def write_down(folder: Path, letter: Letter) -> list[str]:
    """Put files and orders into the outbox, to be sent when there is a ledger; their entries' ids.

    Nobody can be asked who is on the network, so everybody is dispatched to.
    """
    from sijill.client import State
    from sijill.client.outbox import Outbox

    registration = letter.registration()
    sendings = [(one, False) for one in letter.addressees]
    if "correspondent" in letter.said:
        sendings.append(("", True))
    drafts = [letter.sending(addressee or None, paper=paper) for addressee, paper in sendings]
    box = Outbox(State(folder))
    entries = [box.put_file(path) for _, path in letter.files]
    entries.append(box.put(_REGISTER, registration, waits=False))
    entries += [box.put("transfer.dispatch", draft, waits=False) for draft in drafts]
    return [one.id for one in entries]
