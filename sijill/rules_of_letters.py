"""The rules of letters, judged again by an auditor: where an event belongs, and whose it was.

Ids and their senders, streams, addressees, numbers, and who had custody. What a letter goes through
(states, dates) is not judged: such rules may change with a release, those here may not.

Remembers of each letter and consignment its parties and stream: some 400 bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.registers import Register
from infrastructure.proofs.leaf import Body, Header

Objection = tuple[str, str]
"""A finding's code, and what was found."""

NOUN: Final = "transfer"
_OPENS_LETTER: Final = "registered_outgoing"
_OPENS_FROM_LETTER: Final = frozenset({"dispatched", "sent_on_paper"})
_ON_LETTER: Final = frozenset({"cancelled", "outgoing_rectified"})
_OPENS_ALONE: Final = "received_on_paper"
_ONWARD: Final = "referred_onward"
_BY_SENDER: Final = frozenset({"withdrawn", "reminded", "due_date_set", "due_date_extended"})
_CUSTODY: Final = frozenset({"original", "case_file"})


@dataclass(slots=True)
class _Letter:
    stream: UUID
    agency: str
    recipients: frozenset[str]
    number: str
    holder: str | None


@dataclass(slots=True)
class _Consignment:
    stream: UUID
    sender: str
    addressee: str | None
    letter: str | None
    number: str | None = None


class LetterRules:
    """Judges events about letters in index order; each that is judged good is learned from.

    `numbers` are those of all outgoing registers: certificates and letters share them.
    """

    def __init__(self, numbers: set[str]) -> None:
        self._outgoing = numbers
        self._incoming: set[str] = set()
        self._letters: dict[str, _Letter] = {}
        self._consignments: dict[str, _Consignment] = {}
        self._known = True

    def pass_over(self) -> None:
        """An event could not be judged: what comes after it may rest on what it said."""
        self._known = False

    def knows(self, header: Header, body: Body) -> bool:
        """Whether what came before an event was open to this checker."""
        if self._known:
            return True
        said = body.parsed
        if "letter" in said:
            return _name(said, "letter") in self._letters
        if "consignment" in said:
            return _name(said, "consignment") in self._consignments
        return header.version == 1

    def check(self, header: Header, body: Body) -> Iterator[Objection]:
        """What stands against an event that is otherwise right."""
        kind, said = _kind(header), body.parsed
        if kind in (_OPENS_LETTER, _OPENS_ALONE):
            yield from self._check_new(header, said)
        elif kind in _OPENS_FROM_LETTER:
            yield from self._check_sent(header, said)
        elif kind in _ON_LETTER:
            letter = self._letters.get(_name(said, "letter"))
            yield from _at(letter, header, letter.agency if letter else "")
        else:
            yield from self._check_consignment(header, kind, said)
        yield from self._check_number(kind, header, said)

    def learn(self, header: Header, body: Body) -> None:
        """Remember what a good event says."""
        kind, said = _kind(header), body.parsed
        if kind == _OPENS_LETTER:
            self._letters[f"{header.agency}|{said['new_letter']}"] = _Letter(
                stream=header.stream,
                agency=header.agency,
                recipients=frozenset((*said.get("to", ()), *said.get("copy_to", ()))),
                number=_number(header.agency, said),
                holder=header.agency if said["kind"] in _CUSTODY else None,
            )
            self._outgoing.add(_number(header.agency, said))
        elif kind == "outgoing_rectified":
            letter = self._letters[_name(said, "letter")]
            self._outgoing.discard(letter.number)
            letter.number = _number(letter.agency, said)
            self._outgoing.add(letter.number)
        elif "new_consignment" in said:
            self._learn_consignment(header, kind, said)
        elif kind in ("registered_incoming", "incoming_rectified"):
            self._learn_registration(header, kind, said)

    def _learn_consignment(self, header: Header, kind: str, said: dict[str, Any]) -> None:
        letter: str | None = None
        if "letter" in said:
            letter = _name(said, "letter")
        elif kind == _ONWARD:
            letter = self._consignments[_name(said, "consignment")].letter
        alone = kind == _OPENS_ALONE
        number = _number(header.agency, said) if alone else None
        self._consignments[f"{header.agency}|{said['new_consignment']}"] = _Consignment(
            stream=header.stream,
            sender=header.agency,
            addressee=header.agency if alone else said.get("addressee"),
            letter=letter,
            number=number,
        )
        if number is not None:
            self._incoming.add(number)

    def _learn_registration(self, header: Header, kind: str, said: dict[str, Any]) -> None:
        one = self._consignments[_name(said, "consignment")]
        if one.number is not None:
            self._incoming.discard(one.number)
        one.number = _number(header.agency, said)
        self._incoming.add(one.number)
        letter = self._letters.get(one.letter or "")
        if kind == "registered_incoming" and letter is not None and letter.holder is not None:
            letter.holder = header.agency

    def _check_new(self, header: Header, said: dict[str, Any]) -> Iterator[Objection]:
        taken: bool
        if "new_letter" in said:
            taken = f"{header.agency}|{said['new_letter']}" in self._letters
        else:
            taken = f"{header.agency}|{said['new_consignment']}" in self._consignments
        if header.version != 1 or taken:
            yield "stream_mismatch", str(header.stream)

    def _check_sent(self, header: Header, said: dict[str, Any]) -> Iterator[Objection]:
        letter = self._letters.get(_name(said, "letter"))
        if letter is None:
            yield "stream_mismatch", str(said["letter"])
            return
        if letter.agency != header.agency:
            yield "record_foreign", letter.agency
        addressee = said.get("addressee")
        if addressee is not None and addressee not in letter.recipients:
            yield "record_foreign", str(addressee)
        yield from self._check_begun(header, said, letter)

    def _check_begun(
        self, header: Header, said: dict[str, Any], letter: _Letter | None
    ) -> Iterator[Objection]:
        """A consignment begins with its letter where that has a holder, else by itself."""
        held = letter is not None and letter.holder is not None
        place = letter.stream if letter is not None and held else None
        wrong = header.stream != place if held else header.version != 1
        if wrong or f"{header.agency}|{said['new_consignment']}" in self._consignments:
            yield "stream_mismatch", str(header.stream)
        if letter is not None and letter.holder not in (None, header.agency):
            yield "record_foreign", str(letter.holder)

    def _check_consignment(
        self, header: Header, kind: str, said: dict[str, Any]
    ) -> Iterator[Objection]:
        one = self._consignments.get(_name(said, "consignment"))
        party = None if one is None else one.sender if kind in _BY_SENDER else one.addressee
        if kind != _ONWARD:
            yield from _at(one, header, party)
            return
        if one is None or party != header.agency:
            yield "record_foreign", str(party)
            return
        yield from self._check_begun(header, said, self._letters.get(one.letter or ""))

    def _check_number(self, kind: str, header: Header, said: dict[str, Any]) -> Iterator[Objection]:
        if "number" not in said:
            return
        number = _number(header.agency, said)
        outgoing = kind in (_OPENS_LETTER, "outgoing_rectified")
        if number not in (self._outgoing if outgoing else self._incoming):
            return
        before: str | None = None
        if kind == "outgoing_rectified":
            letter = self._letters.get(_name(said, "letter"))
            before = letter.number if letter else None
        elif kind == "incoming_rectified":
            one = self._consignments.get(_name(said, "consignment"))
            before = one.number if one else None
        if number != before:
            yield "number_repeated", str(said["number"])


def _at(
    record: _Letter | _Consignment | None, header: Header, party: str | None
) -> Iterator[Objection]:
    """An event is on the stream of the record that it names, by who is party to it."""
    if record is None or record.stream != header.stream:
        yield "stream_mismatch", str(header.stream)
    elif party != header.agency:
        yield "record_foreign", str(party)


def _kind(header: Header) -> str:
    return header.type.split(".")[2]


def _name(said: dict[str, Any], member: str) -> str:
    return f"{said['sender']}|{said[member]}"


def _number(agency: str, said: dict[str, Any]) -> str:
    register = Register(agency, said["unit"], said["series"], said["year"])
    return register.number_key(said["number"])
